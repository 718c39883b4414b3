/** What the rooms tell telemetry: an interface, so that none of them knows Prometheus or a logger. */
import type { FaultPlace } from '../base/faults.ts';
import type { Code } from '../base/status.ts';
import type { ModelRef } from './by-model.ts';
import type { Call } from './call.ts';
import type { LimitName } from './limit-name.ts';
import type { HttpAnswerEnd, HttpEnd } from './http-upstream.ts';

/** The end of one call as its client saw it. */
export interface CallEnd {
  readonly call: Call;
  /** What callStarted() gave. */
  readonly started: unknown;
  readonly code: Code;
  /** For the log; empty on success. */
  readonly message: string;
  readonly where: string;
  readonly durationMs: number;
  /** Which backend (or "cache") answered. */
  readonly from: string;
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** The version that the gateway resolved or the client named. */
  readonly version: string;
  /** True only for a model that the fleet or the configuration knows: others never make series. */
  readonly knownModel: boolean;
}

/** Counts what is sent to one backend: looked up once, and kept by whoever sends. */
export interface BackendMeter {
  /** Calls under way there now. */
  inFlight(calls: number): void;
  /** A call, or one attempt of it, has ended there with a gRPC code. */
  called(code: number, tookMs: number): void;
  /** A request over HTTP that passes has got its answer's head there, with this status. */
  answered(status: number, tookMs: number): void;
}

/** Events outside of one call's start and end; labels are bounded by configuration, never by clients. */
export interface Observer {
  /** What it gives comes back with the call's end. */
  callStarted(call: Call): unknown;
  callEnded(end: CallEnd): void;
  /** HTTP that passes as it is, by the prefix that the configuration names. */
  httpStarted(prefix: string): void;
  httpEnded(end: HttpEnd): void;
  /** A request that a door answers itself has ended: over REST, or refused before it was a call. */
  answered(end: HttpAnswerEnd): void;
  /** A model that the configuration names, by its public name. */
  configured(model: string): void;
  retried(backend: string, reason: string): void;
  /** A call that waits for this backend was sent to another too, that one answered first, or the budget forbade it. */
  hedged(backend: string, event: 'sent' | 'won' | 'no budget'): void;
  /** @param model with the empty name: the backend as a whole */
  ejected(backend: string, model: ModelRef): void;
  /** It is no longer ejected, whether it was or not. */
  readmitted(backend: string, model: ModelRef): void;
  meterOf(backend: string): BackendMeter;
  /** Whether a backend takes calls, as its health says. */
  backendUp(backend: string, up: boolean): void;
  /** Whether an operator has taken it out. */
  backendDrained(backend: string, drained: boolean): void;
  backendState(backend: string, model: ModelRef, version: string, available: boolean): void;
  /** What was told of models of a fleet at a backend holds no more. @param fleet as ModelRef has it */
  modelsGone(backend: string, fleet: string | undefined): void;
  /** Calls that wait for a stream at a backend, because its own limit binds. */
  backendQueue(backend: string, waiting: number): void;
  backendGone(backend: string): void;
  cache(model: ModelRef, event: 'hit' | 'miss' | 'store' | 'error' | 'skip'): void;
  /** A call of this model was copied to another, or left uncopied. */
  mirrored(model: ModelRef, outcome: 'ok' | 'failed' | 'skipped'): void;
  /** How many calls of a model wait for a place at a backend now. */
  queued(model: ModelRef, waiting: number): void;
  /** A call of a model has got the place at a backend that it waited for. */
  waited(model: ModelRef, ms: number): void;
  /**
   * Who decided about a call under a shared rate limit: Redis, the memory of what it said a moment ago, or this gateway
   * alone, because Redis is down, late, or answered with an error, or too many calls ask it already.
   */
  sharedLimit(limit: string, by: 'redis' | 'memory' | 'down' | 'late' | 'error' | 'busy'): void;
  /** A limit refused something. */
  limited(limit: LimitName): void;
  /** What a guard has caught: a fault of the gateway's own. */
  faulted(where: FaultPlace, reason: unknown): void;
}

const silentMeter: BackendMeter = { inFlight() {}, called() {}, answered() {} };

export const silentObserver: Observer = {
  callStarted() {},
  callEnded() {},
  httpStarted() {},
  httpEnded() {},
  answered() {},
  configured() {},
  retried() {},
  hedged() {},
  ejected() {},
  readmitted() {},
  meterOf: () => silentMeter,
  backendUp() {},
  backendDrained() {},
  backendState() {},
  modelsGone() {},
  backendQueue() {},
  backendGone() {},
  cache() {},
  mirrored() {},
  queued() {},
  waited() {},
  sharedLimit() {},
  limited() {},
  faulted() {},
};
