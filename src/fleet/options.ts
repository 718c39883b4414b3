/** What a fleet is told: its backends, and how it treats them. Every time is in milliseconds. */
import type { JsonLimits, NonFinite } from '../codec/index.ts';
import type { Http2Limits } from '../wire/index.ts';
import type { BackendAddress, BackendApi } from './backend-address.ts';
import type { SourceOptions } from './discovery/index.ts';
import type { SequenceOptions } from './routing/sequences.ts';

export interface HealthOptions {
  /**
   * "model" asks for the state of each model; "grpc" asks grpc.health.v1 and "http" a path, about the backend as a
   * whole, for servers that cannot say more.
   */
  readonly check: 'model' | 'grpc' | 'http';
  /** Service name for "grpc"; empty is the whole server. */
  readonly service: string;
  /** For "http"; any answer below 400 is well. */
  readonly path: string;
  /** For "http"; 0 is the port of the calls. */
  readonly port: number;
  /** Between two looks at a model that is well; plus or minus a fifth, so that gateways do not march in step. */
  readonly intervalMs: number;
  /** While the backend is down or the model is loading: how soon its return is seen. */
  readonly fastIntervalMs: number;
  readonly timeoutMs: number;
  /**
   * Looks in a row that must fail by time-out before the backend counts as down; a refused connection is enough at
   * once.
   */
  readonly fall: number;
  /** Rounds in a row that must go well before a backend that was down gets calls; the first ever is enough. */
  readonly rise: number;
  /** Models that are watched because a call asked for them, beyond the configured ones. */
  readonly maxLearntModels: number;
}

export interface EjectionOptions {
  /** Failures of a model at a backend in a row; 0 leaves them uncounted. */
  readonly consecutiveErrors: number;
  /** More than this share of the calls of ten seconds, in hundredths; 0 leaves it uncounted. */
  readonly failurePercent: number;
  /** Calls in those ten seconds, below which a share says nothing. */
  readonly minCalls: number;
  /** How long the first time; the n-th time n times as long. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** Of the backends that have the model, so many percent at most are ejected; one of two always may be. */
  readonly maxPercent: number;
}

export interface BalanceOptions {
  readonly policy: 'least-outstanding' | 'peak-ewma' | 'round-robin' | 'weighted' | 'ring-hash';
  /** What ring-hash goes by: "model", or the name of a metadata field of the call. */
  readonly hashOn: string;
  /** The most that ring-hash gives one backend, in hundredths of its fair share of the outstanding work. */
  readonly boundPercent: number;
  /** The gateway's own zone; empty prefers none. */
  readonly zone: string;
  /** Calls leave the zone when its backends have so many times the outstanding work of the others. */
  readonly zoneSpillFactor: number;
  /** From a tenth to the whole share after a model came up, in ms; 0 is at once. */
  readonly slowStartMs: number;
  readonly quorumPercent: number;
  readonly panicPercent: number;
}

export interface WarmUpOptions {
  /** Replays of a recorded request before a backend gets calls of a model; 0 turns it off. */
  readonly requests: number;
  /** For one replay. */
  readonly timeoutMs: number;
  /** Larger requests are not recorded. */
  readonly maxBytes: number;
}

export interface ConnectionOptions {
  /** For TCP, TLS and the first SETTINGS frame together. */
  readonly connectTimeoutMs: number;
  /**
   * Silence on a connection with calls in flight before it is asked for a sign of life, and again before it is given
   * up.
   */
  readonly hungAfterMs: number;
  /** Connections to one backend; a new one is made when the backend's own stream limit binds. */
  readonly maxConnections: number;
  /** Calls that may wait for a stream at one backend. */
  readonly maxQueue: number;
  readonly http2: Http2Limits;
}

export interface FleetOptions {
  readonly name: string;
  /** The fleet of its models, as ModelRef has it: its name, or absent for the default fleet. */
  readonly ofModels?: string | undefined;
  /** Where the backends are found; their answers are taken together. */
  readonly sources: readonly SourceOptions[];
  /** Models that are watched from the start. */
  readonly models: readonly string[];
  readonly health: HealthOptions;
  readonly ejection: EjectionOptions;
  readonly balance: BalanceOptions;
  readonly warmUp: WarmUpOptions;
  readonly sequences: SequenceOptions;
  readonly concurrency: ConcurrencyOptions;
  readonly connection: ConnectionOptions;
  /**
   * Which metadata servers over REST get, and which of their headers clients get, beyond the usual: names, or
   * beginnings with a "*".
   */
  readonly forwardHeaders?: readonly string[] | undefined;
  readonly returnHeaders?: readonly string[] | undefined;
  /** Longest message of a control call's reply, in bytes. */
  readonly maxControlBytes: number;
  /** Longest message of a call that has to be read because its backend speaks another API, in bytes. */
  readonly maxMessageBytes: number;
  /** Bytes that each byte of such a message may become when it is compressed, above the first MiB. */
  readonly maxInflateRatio: number;
  /** What the JSON of a REST backend's replies may hold. */
  readonly json: JsonLimits;
  /** How NaN and infinities stand in answers that are JSON when they get to the doors; as literals when absent. */
  readonly nonFinite?: NonFinite | undefined;
  /**
   * Whether tensors for TensorFlow Serving's API are written as OpenVINO Model Server wants them; "auto" for those
   * that are one.
   */
  readonly encoding: 'auto' | 'untouched' | 'ovms';
}

export type HttpAddress = Omit<BackendAddress, 'api'>;

/** A fleet of servers that get HTTP as it is. */
export interface HttpFleetOptions {
  readonly name: string;
  readonly backends: readonly HttpAddress[];
  readonly health: Omit<HealthOptions, 'maxLearntModels'> & {
    /** GET of it: any answer below 400 is health. */
    readonly path: string;
    /** GET of it lists the models as OpenAI's API does, where there is such a list. */
    readonly modelsPath: string;
  };
  readonly ejection: EjectionOptions;
  readonly connectTimeoutMs: number;
  /** Requests under way at one backend; each holds a connection. */
  readonly maxInFlight: number;
  /** For addresses of proxies: there are many clients behind each. */
  readonly isTrusted: (address: string) => boolean;
}

export interface ConcurrencyOptions {
  /** Calls at a backend at once; its own stream limit may allow fewer. */
  readonly maxInFlight: number;
  /** A quick backend may have more: what it answered of late in so many ms. 0: never more than maxInFlight. */
  readonly quickMs: number;
  /** The limit follows the latency, between minInFlight and maxInFlight. */
  readonly adaptive: boolean;
  readonly minInFlight: number;
  /** Streams at a backend at once, beside its calls. */
  readonly maxStreams: number;
}

/**
 * The one API that all backends of a fleet speak, whichever they are; undefined where they may differ, or nobody
 * knows before they are found.
 */
export function commonApi({ sources }: Pick<FleetOptions, 'sources'>): BackendApi | undefined {
  const apis = new Set(
    sources.flatMap((source): readonly BackendApi[] => {
      if (source.kind === 'fixed') return source.backends.map(({ api }) => api);
      return source.kind === 'file' ? ['detect'] : [source.traits.api];
    }),
  );
  const [api] = apis;
  return apis.size === 1 && api !== 'detect' ? api : undefined;
}
