/** A fleet of servers that get HTTP as it is: which of them are well, and the choice between them for each request. */
import { guarded } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import type {
  BackendMeter,
  HttpHolder,
  HttpLease,
  HttpRequest,
  HttpUpstream,
  ListedModel,
  ModelRef,
} from '../../call/index.ts';
import { BackendLog } from '../backend-log.ts';
import { OutlierDetector, withoutEjected } from '../balance/outlier-detector.ts';
import { leastOutstanding } from '../balance/p2c.ts';
import { type Candidate, pickerOf } from '../balance/picker.ts';
import type { FleetDeps } from '../fleet.ts';
import type { HttpAddress, HttpFleetOptions } from '../options.ts';
import type { BackendState } from '../states.ts';
import { createHttpClient, type HttpClient } from './client.ts';
import { ErrorShares } from './error-shares.ts';
import { Shares } from './shares.ts';
import { HttpWatch } from './watch.ts';

/** How long start() waits for the first look at everything, in ms: a dead backend must not hold up the rest. */
const startWaitMs = 1000;
/** How often the log may have something to say that it held back, in ms. */
const logTickMs = 1000;
/** When fewer are left, ejected ones are taken again; of all, in hundredths. */
const panicPercent = 50;
/** What is told of no model of its. */
const wholeBackend: ModelRef = { model: '' };

interface HttpBackend extends Candidate {
  readonly client: HttpClient;
  readonly watch: HttpWatch;
  readonly meter: BackendMeter;
  outstanding: number;
  drained: boolean;
}

export interface HttpFleetDeps extends Omit<FleetDeps, 'reserveProbe'> {
  /** Whether a backend is in a fleet of the configuration in force: what is counted by its name stays. */
  readonly isInForce?: ((backend: string) => boolean) | undefined;
}

/**
 * Upstream cluster of HTTP servers: health checks, outlier detection, and a lease of the backend with the fewest
 * requests for each request. `lease()` throws UNAVAILABLE when no backend is up, and RESOURCE_EXHAUSTED when all are
 * at `maxInFlight` or the client has its share.
 */
export class HttpFleet implements HttpUpstream {
  readonly name: string;
  /** It has no models that the default fleet could have. */
  readonly isDefault = false;
  readonly #options: HttpFleetOptions;
  readonly #deps: HttpFleetDeps;
  readonly #outliers: OutlierDetector;
  readonly #backends: readonly HttpBackend[];
  readonly #shares: Shares;
  readonly #errors: ErrorShares;
  readonly #log: BackendLog;
  #ticking: NodeJS.Timeout | undefined;
  #stopped = false;
  /** start() may be called again after a reload. */
  #settled = false;

  constructor(options: HttpFleetOptions, deps: HttpFleetDeps) {
    this.name = options.name;
    this.#options = options;
    this.#deps = deps;
    this.#outliers = new OutlierDetector(
      () => options.ejection,
      deps.clock,
      (backend) => {
        deps.observer.readmitted(backend, wholeBackend);
      },
    );
    this.#errors = new ErrorShares(() => options.ejection, deps.clock);
    this.#shares = new Shares(options.isTrusted, deps.clock);
    this.#log = new BackendLog({
      fleet: () => this.name,
      log: deps.commonLog ?? deps.log,
      clock: deps.clock,
      count: () => ({ up: this.#backends.filter(({ watch }) => watch.up).length, of: this.#backends.length }),
    });
    this.#backends = options.backends.map((address) => this.#add(address));
  }

  /** Begins to look at the backends; resolves when all have been seen once, or after a second. */
  async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, startWaitMs);
    });
    const tick = (): void => {
      this.#log.tick();
    };
    this.#ticking ??= setInterval(guarded('backend', tick), logTickMs).unref();
    await Promise.race([Promise.all(this.#backends.map(({ watch }) => watch.start())), late]);
    clearTimeout(timer);
    if (!this.#settled) this.sayCount();
    this.#settled = true;
  }

  /** Says in the log how many backends are up. */
  sayCount(): void {
    if (!this.#stopped) this.#log.settle();
  }

  /** Requests under way, and second attempts of theirs, go on with `graceful`; without it they are cut. */
  stop(graceful = true): void {
    this.#stopped = true;
    clearInterval(this.#ticking);
    for (const { watch, client } of this.#backends) {
      watch.stop();
      if (!graceful) client.close(false);
    }
    this.#closeIfIdle();
  }

  lease(avoid: readonly string[], holder: HttpHolder): HttpLease {
    const well = this.#backends.filter(({ watch, drained }) => watch.up && !drained);
    if (well.length === 0) throw this.#nobody();
    const kept = withoutEjected(well, ({ name }) => this.#outliers.isEjected(name, ''), panicPercent);
    const { maxInFlight } = this.#options;
    if (this.#shares.hasEnough(holder, kept.length * maxInFlight))
      throw this.#full('this client has its share of the requests that others want to have');
    const pick = (): HttpBackend | undefined =>
      pickerOf(
        leastOutstanding,
        kept.filter(({ outstanding }) => outstanding < maxInFlight),
      ).pick({ random: this.#deps.random, avoid });
    const backend = pick() ?? (this.#takeBack() ? pick() : undefined);
    if (backend === undefined) {
      this.#shares.refused(holder);
      throw this.#full(`every backend of fleet ${this.name} has its limit of ${maxInFlight} requests`);
    }
    this.#count(backend, 1);
    let over = false;
    const end: HttpLease['end'] = (outcome) => {
      if (over) return;
      over = true;
      gone();
      this.#count(backend, -1);
      if (outcome !== 'left' && this.#speaks(backend, outcome))
        this.#record(backend, outcome === 'ok' ? Code.OK : Code.UNAVAILABLE);
      this.#closeIfIdle();
    };
    const gone = this.#shares.take(holder, () => {
      end('left');
    });
    return {
      backend: backend.name,
      origin: backend.client.origin,
      send: (request) => this.#send(backend, request),
      end,
    };
  }

  #full(who: string): StatusError {
    this.#deps.observer.limited('http-in-flight');
    return new StatusError(Code.RESOURCE_EXHAUSTED, `${who} under way`, { where: `fleet ${this.name}` });
  }

  /** False when there is nobody whose place is for the taking. */
  #takeBack(): boolean {
    const stalled = this.#shares.stalled();
    if (stalled === undefined) return false;
    const text = 'the request body is too slow while other requests wait for its place';
    stalled.holder.evict(new StatusError(Code.DEADLINE_EXCEEDED, text));
    stalled.end();
    return true;
  }

  /** What the backends that are well list; the first one's word for each name. */
  listedModels(): readonly ListedModel[] {
    const byId = new Map<string, ListedModel>();
    for (const { watch } of this.#backends) {
      if (!watch.up) continue;
      for (const model of watch.models) if (!byId.has(model.id)) byId.set(model.id, model);
    }
    return [...byId.values()];
  }

  /** Takes a backend out of the choice, or back in; false when there is none of that name. */
  setDrained(name: string, drained: boolean): boolean {
    const backend = this.#backends.find((each) => each.name === name);
    if (backend === undefined) return false;
    backend.drained = drained;
    const { observer } = this.#deps;
    observer.backendDrained(name, drained);
    observer.backendState(name, wholeBackend, '', backend.watch.up && !drained);
    return true;
  }

  // --- what the admin door shows ---

  models(): [] {
    return [];
  }

  backends(): readonly BackendState[] {
    return this.#backends.map(({ name, watch, outstanding, drained }) => ({
      name,
      up: watch.up,
      reason: watch.reason,
      drained,
      inFlight: outstanding,
      limit: this.#options.maxInFlight,
      // each request under way holds one
      connections: outstanding,
      models: watch.models.map(({ id }) => ({ name: id, versions: [] })),
    }));
  }

  #add(address: HttpAddress): HttpBackend {
    const { name } = address;
    const { observer, random } = this.#deps;
    const client = createHttpClient(address, this.#options.connectTimeoutMs);
    const watch: HttpWatch = new HttpWatch(this.#options.health, {
      client,
      random,
      onChange: () => {
        const { up, reason } = watch;
        observer.backendUp(name, up);
        observer.backendState(name, wholeBackend, '', up && !backend.drained);
        this.#log.saw(name, up, reason);
        if (!up) return;
        this.#outliers.clear(name, '');
        observer.readmitted(name, wholeBackend);
        this.#errors.clear(name);
      },
    });
    const backend: HttpBackend = {
      name,
      client,
      watch,
      meter: observer.meterOf(name),
      outstanding: 0,
      drained: false,
      zone: '',
      weight: address.weight ?? 1,
      ramp: 1,
      latencyMs: 0,
    };
    observer.backendUp(name, false);
    observer.backendDrained(name, false);
    return backend;
  }

  async #send(backend: HttpBackend, request: HttpRequest) {
    const { clock } = this.#deps;
    const startedMs = clock();
    try {
      const reply = await backend.client.send(request);
      backend.meter.answered(reply.statusCode, clock() - startedMs);
      return reply;
    } catch (reason) {
      backend.meter.called(StatusError.from(reason).code, clock() - startedMs);
      if (reason instanceof StatusError && reason.disposition === 'not-started')
        backend.watch.lost(reason.message);
      throw reason;
    }
  }

  #count(backend: HttpBackend, change: number): void {
    backend.outstanding += change;
    backend.meter.inFlight(backend.outstanding);
  }

  /** Whether an outcome says something of the backend, and not of the request. */
  #speaks({ name }: HttpBackend, outcome: 'ok' | 'failed' | 'error'): boolean {
    const heldAgainst = this.#errors.count(name, outcome === 'error');
    return outcome !== 'error' || heldAgainst;
  }

  #record(backend: HttpBackend, code: number): void {
    const outcome = { code, transport: code !== Code.OK, disposition: undefined };
    const ejected = this.#outliers.record(backend.name, '', outcome, this.#backends.length);
    if (ejected === undefined) return;
    const { forMs } = ejected;
    const { observer } = this.#deps;
    observer.ejected(backend.name, wholeBackend);
    this.#deps.log.warn(
      { fleet: this.name, backend: backend.name, forMs },
      'backend is ejected: it keeps failing',
    );
  }

  /**
   * After stop(): the connections end with the last request, and what is counted of backends that no fleet has any
   * more.
   */
  #closeIfIdle(): void {
    if (!this.#stopped || this.#backends.some(({ outstanding }) => outstanding > 0)) return;
    const { observer, isInForce } = this.#deps;
    for (const { client, name } of this.#backends) {
      client.close(true);
      if (isInForce?.(name) === false) observer.backendGone(name);
    }
  }

  #nobody(): StatusError {
    const reasons = this.#backends
      .slice(0, 5)
      .map(({ name, watch, drained }) => `${name}: ${drained ? 'drained' : watch.reason}`);
    return new StatusError(
      Code.UNAVAILABLE,
      `no backend of fleet ${this.name} can answer: ${reasons.join('; ')}`,
      { where: `fleet ${this.name}`, disposition: 'not-started' },
    );
  }
}
