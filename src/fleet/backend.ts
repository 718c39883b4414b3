/**
 * One model server: its connections, its health, how much it has to do, and what each of its models is worth of late.
 */
import type { Clock } from '../base/clock.ts';
import { Code, type StatusError } from '../base/status.ts';
import { afterInput } from '../base/timer-wheel.ts';
import {
  type BackendMeter,
  type Call,
  type FailedAttempt,
  type Observer,
  type Reply,
  statusOf,
  type LimitName,
} from '../call/index.ts';
import { OutOfBounds } from '../codec/index.ts';
import type { BackendAddress } from './backend-address.ts';
import { ConcurrencyLimit } from './balance/concurrency.ts';
import { loadReportIn, ReportedLoad } from './balance/load-reports.ts';
import { type Outcome, verdictOn } from './balance/outlier-detector.ts';
import { Replica } from './balance/replica.ts';
import { createGrpcTransport } from './connection/grpc-transport.ts';
import { createRestTransport } from './connection/rest-transport.ts';
import type { OnOver, Transport, TransportEvents } from './connection/transport.ts';
import { grpcHealthCheck, httpHealthCheck } from './health/host-check.ts';
import { ModelHealth } from './health/model-health.ts';
import { listModels, probe, type ProbeDeps, type ProbeResult, type SharedProbes } from './health/probe.ts';
import { Prober } from './health/prober.ts';
import { type Listing, Repository } from './health/repository.ts';
import type { FleetOptions } from './options.ts';
import type { HasCapacity } from './routing/capacity.ts';

export interface BackendDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  /** The options of now: a reload changes them. */
  readonly options: () => FleetOptions;
  /** The models to watch. */
  readonly models: () => readonly string[];
  readonly reserveProbe: (lane: 'urgent' | 'routine') => number;
  /** Absent in a gateway of one process. */
  readonly sharedProbes: SharedProbes | undefined;
  readonly onVersion: (backend: Backend, model: string, version: bigint, available: boolean) => void;
  readonly onChange: (model: string) => void;
  /** It takes calls, or takes none any more. */
  readonly onState: (backend: Backend) => void;
  readonly onRecovered: (backend: Backend) => void;
  /** A connection was lost, or could not be made. */
  readonly onLost: () => void;
  /** A call has ended here, at others before with these failures. */
  readonly onOutcome: (
    backend: Backend,
    model: string,
    outcome: Outcome,
    failedAt: readonly FailedAttempt[] | undefined,
  ) => void;
  /** A call has ended here, and another may begin. */
  readonly onCapacity: () => void;
  /** What it answers about a model is not taken: told once, until it is well again. */
  readonly onOutOfBounds: (backend: Backend, model: string, reason: string) => void;
}

/** Whether an operator or discovery lets a backend take calls (docs/states.md); its health is apart from it. */
export type ServiceState = 'in service' | 'drained' | 'leaving';

/** What another process saw holds for so many intervals: they are a fifth longer at times. */
const freshIntervals = 1.25;

/**
 * One model server: its transport (gRPC or REST), health prober, concurrency limit, and a Replica per model. `send()`
 * counts an attempt as load and reports its outcome; `attempt()` does neither.
 */
export class Backend implements HasCapacity {
  readonly name: string;
  readonly health: ModelHealth;
  readonly prober: Prober;
  readonly repository: Repository;
  readonly reportedLoad = new ReportedLoad();
  address: BackendAddress;
  /** Calls sent and not answered yet. */
  outstanding = 0;
  /** Of these, streams. */
  #streams = 0;
  capacity = 1;
  /** An operator took it out: no new calls. */
  drained = false;
  readonly concurrency: ConcurrencyLimit;
  readonly #transport: Transport;
  readonly #meter: BackendMeter;
  #closed = false;
  readonly #deps: BackendDeps;
  /** By model; the one without a name stands for calls of no model, or of one that nobody watches. */
  readonly #replicas = new Map<string, Replica<Backend>>();
  /** Models about which it has been told. */
  readonly #outOfBounds = new Set<string>();

  constructor(address: BackendAddress, deps: BackendDeps) {
    this.name = address.name;
    this.address = address;
    this.#deps = deps;
    this.#meter = deps.observer.meterOf(this.name);
    this.health = new ModelHealth({
      onVersion: (model, version, available) => {
        // a look may come back late
        if (this.#closed) return;
        deps.onVersion(this, model, version, available);
        this.repository.refreshSoon();
      },
      onChange: (model) => {
        if (this.#closed) return;
        if (model === '') {
          this.repository.hostChanged();
          deps.onState(this);
        }
        deps.onChange(model);
      },
      onRecovered: () => {
        deps.onRecovered(this);
      },
    });
    const options = deps.options();
    const events = {
      onLost: (reason: StatusError): void => {
        if (this.connections > 0) return;
        this.health.lostConnection(reason.message);
        this.prober.refreshSoon();
        deps.onLost();
      },
      onQueue: (waiting: number): void => {
        if (!this.#closed) deps.observer.backendQueue(this.name, waiting);
      },
      onLimit: (name: LimitName): void => {
        deps.observer.limited(name);
      },
    };
    this.#transport = createTransport(address, options, { events, clock: deps.clock });
    this.concurrency = new ConcurrencyLimit(options.concurrency, deps.clock);
    this.prober = new Prober({
      health: this.health,
      options: () => deps.options().health,
      models: () => (deps.options().health.check === 'model' ? deps.models() : []),
      probe: (model) => this.#see(model),
      checkHost: () => this.#checkHost(),
      reserve: deps.reserveProbe,
      clock: deps.clock,
      random: deps.random,
    });
    this.repository = new Repository({
      isUp: () => this.health.isHealthy,
      options: () => deps.options().health,
      list: () => this.#seeList(),
      reserve: deps.reserveProbe,
      clock: deps.clock,
      random: deps.random,
    });
  }

  /** Resolves after the first looks. */
  async start(): Promise<void> {
    await this.prober.start();
    await this.repository.settled();
  }

  get serviceState(): ServiceState {
    if (this.#closed) return 'leaving';
    return this.drained ? 'drained' : 'in service';
  }

  get connections(): number {
    return this.#transport.connections;
  }

  get connected(): boolean {
    return this.#transport.connected;
  }

  get weight(): number {
    return this.address.weight ?? 1;
  }

  get zone(): string {
    return this.address.zone ?? '';
  }

  get forZones(): readonly string[] | undefined {
    return this.address.forZones;
  }

  get terminating(): boolean {
    return this.address.terminating === true;
  }

  /** As Transport has it; none from a server that is silent for as long as a look may take. */
  extensions(): Promise<readonly string[]> {
    let disarm = (): void => undefined;
    const late = new Promise<readonly string[]>((resolve) => {
      disarm = afterInput(this.#deps.options().health.timeoutMs, () => {
        resolve([]);
      });
    });
    return Promise.race([this.#transport.extensions(), late]).finally(disarm);
  }

  replica(model: string): Replica<Backend> {
    let replica = this.#replicas.get(model);
    if (replica === undefined) {
      replica = new Replica<Backend>(this, model, () => this.#deps.options().balance.slowStartMs);
      this.#replicas.set(model, replica);
    }
    return replica;
  }

  get replicas(): Iterable<Replica<Backend>> {
    return this.#replicas.values();
  }

  forget(model: string): void {
    this.#replicas.delete(model);
    this.#outOfBounds.delete(model);
    this.health.forget(model);
  }

  /** It takes one more call. Streams, which may do nothing for hours, take none of the places of calls. */
  get hasCapacity(): boolean {
    const { outstanding } = this;
    return outstanding - this.#streams < this.concurrency.limit && outstanding < this.#transport.streamLimit;
  }

  /** It takes one more stream. Half of what it allows on its connections is left for calls. */
  get hasStreamRoom(): boolean {
    const { streamLimit } = this.#transport;
    const most = Math.min(this.#deps.options().concurrency.maxStreams, Math.max(1, streamLimit / 2));
    return this.#streams < most && this.outstanding < streamLimit;
  }

  /** One attempt of a call; counts as work and as an outcome. */
  send(call: Call, replica: Replica<Backend>): Promise<Reply> {
    const { clock, onOutcome, onCapacity } = this.#deps;
    const { streaming } = call.method;
    if (streaming) this.#streams++;
    this.#meter.inFlight(++this.outstanding);
    const startedMs = clock();
    return this.attempt(call, (error, trailers) => {
      const nowMs = clock();
      const tookMs = nowMs - startedMs;
      const code = error?.code ?? statusOf(trailers);
      if (code === Code.OK) this.concurrency.answered();
      if (code === Code.OK || code === Code.DEADLINE_EXCEEDED)
        this.concurrency.ended(replica.model, tookMs, this.outstanding);
      if (streaming) this.#streams--;
      this.outstanding--;
      // one that has left makes no series any more
      if (!this.#closed) {
        this.#meter.inFlight(this.outstanding);
        this.#meter.called(code, tookMs);
      }
      const outcome: Outcome = {
        code,
        transport: error !== undefined && !error.fromBackend,
        disposition: error?.disposition,
        lostConnection: error?.lostConnection,
      };
      if (code === Code.OK || error?.disposition === 'hedge-lost') replica.ended(false, tookMs, nowMs);
      // other failures may be the request's
      else if (outcome.lostConnection !== undefined && verdictOn(outcome) === 'failed')
        replica.ended(true, tookMs, nowMs);
      const report = loadReportIn(trailers);
      if (report !== undefined) this.reportedLoad.said(report, nowMs);
      onOutcome(this, replica.model, outcome, call.failedAt);
      onCapacity();
    });
  }

  watchConnections(): void {
    this.#transport.watch();
  }

  close(graceful: boolean): void {
    this.#closed = true;
    this.prober.stop();
    this.repository.stop();
    this.#transport.close(graceful);
  }

  /** Sends a call that is nobody's load and nobody's outcome: a look, a warm-up. */
  readonly attempt = (call: Call, onOver?: OnOver): Promise<Reply> => this.#transport.send(call, onOver);

  #see(model: string): Promise<ProbeResult> {
    return this.#shared(model, 'unknown model', async () => {
      const result = await this.#ask(model);
      // a state has numbers only
      const texts = this.#transport.versionTexts(model);
      return typeof result === 'string' || texts === undefined ? result : { ...result, texts };
    });
  }

  #seeList(): Promise<Listing> {
    return this.#shared('', 'not taken', () => listModels(this.#probeDeps()));
  }

  /**
   * A look of this process's own, unless all is well here and another one has looked.
   * @param model none for all of them
   */
  #shared<T, R>(model: string, refused: R, look: () => Promise<T>): Promise<T | R> {
    const { sharedProbes, options } = this.#deps;
    const bounded = (): Promise<T | R> => this.#bounded(model, refused, look);
    // a connection that was lost says more than what another process saw a while ago
    if (sharedProbes === undefined || !this.health.isHealthy || !this.connected) return bounded();
    const { name, health } = options();
    const freshMs = health.intervalMs * freshIntervals;
    return sharedProbes.probe(`${name}\0${this.name}\0${model}`, freshMs, bounded);
  }

  /** An answer beyond a limit is not taken, which is told once. */
  async #bounded<T, R>(model: string, refused: R, look: () => Promise<T>): Promise<T | R> {
    try {
      const result = await look();
      this.#outOfBounds.delete(model);
      return result;
    } catch (reason) {
      if (!(reason instanceof OutOfBounds)) throw reason;
      if (!this.#outOfBounds.has(model)) this.#deps.onOutOfBounds(this, model, reason.message);
      this.#outOfBounds.add(model);
      return refused;
    }
  }

  /** What GetModelStatus says, whatever the backend speaks. */
  async #ask(model: string): Promise<ProbeResult> {
    const result = await probe(model, this.#probeDeps());
    if (result !== 'other api') return result;
    // it was replaced by one that speaks something else
    this.#transport.forget();
    await this.#transport.connect();
    return probe(model, this.#probeDeps());
  }

  #probeDeps(): ProbeDeps {
    const { health, maxControlBytes } = this.#deps.options();
    const { clock } = this.#deps;
    return { handler: this.attempt, clock, timeoutMs: health.timeoutMs, maxBytes: maxControlBytes };
  }

  async #checkHost(): Promise<void> {
    const { health } = this.#deps.options();
    if (health.check === 'http') return httpHealthCheck(this.address, health);
    await this.#transport.connect();
    if (health.check === 'grpc') await grpcHealthCheck(health.service, this.#probeDeps());
  }
}

function createTransport(
  address: BackendAddress,
  options: FleetOptions,
  deps: { readonly events: TransportEvents; readonly clock: Clock },
): Transport {
  const { api } = address;
  if (api === 'tfs+http' || api === 'kserve+http')
    return createRestTransport({ ...address, api }, options, deps);
  return createGrpcTransport({ ...address, api }, options, deps);
}
