/** A fleet: the backends that serve some models, seen as one Handler and as one view of those models. */
import {
  type Call,
  type Clock,
  Code,
  getMetadata,
  type Handler,
  type Log,
  type Observer,
  type Reply,
  StatusError,
  statusOf,
} from '../call/index.ts';
import type { ModelState, ModelView, VersionState } from '../models/index.ts';
import { Backend } from './backend.ts';
import { relativeCapacities } from './balance/load-reports.ts';
import { type Ejected, type Outcome, Outliers } from './balance/outliers.ts';
import type { Picker } from './balance/picker.ts';
import { policyOf } from './balance/policy.ts';
import type { Replica } from './balance/replica.ts';
import { hashOf } from './balance/ring.ts';
import { isVersionComing } from './balance/routing.ts';
import { Sources } from './discovery/index.ts';
import type { SharedLooks } from './health/probe.ts';
import { WarmUps } from './health/warm-up.ts';
import { WatchedModels } from './health/watched-models.ts';
import { Incarnations } from './incarnations.ts';
import { Members } from './members.ts';
import type { BackendAddress, FleetOptions } from './options.ts';
import { hasRoomFor, pickWithRoom } from './room.ts';
import { emptyRoutes, type ModelRoutes, RoutingTable } from './routing-table.ts';
import { SequenceRouter } from './sequence-router.ts';
import { Sequences } from './sequences.ts';
import { mergeVersions, whyNobody } from './summary.ts';

export interface FleetDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Takes a place among all looks at backends of this gateway; how long to wait for it, in ms. */
  readonly reserveLook: (lane: 'urgent' | 'routine') => number;
  readonly sharedLooks?: SharedLooks | undefined;
  /** A call has ended at a backend, and another may begin. */
  readonly onRoom?: (() => void) | undefined;
}

/** What the admin door shows of a backend. */
export interface BackendState {
  readonly name: string;
  readonly up: boolean;
  /** Why it is down; empty while it is up. */
  readonly reason: string;
  readonly drained: boolean;
  readonly zone?: string | undefined;
  readonly inFlight: number;
  /** The most that may be in flight now. */
  readonly limit: number;
  readonly connections: number;
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly VersionState[];
    /** Present while the model is left out at this backend. */
    readonly ejected?: Ejected | undefined;
    /** Share that it gets now, compared with others. */
    readonly weight?: number | undefined;
  }[];
}

/** How long start() waits for the first answer of discovery, in ms: a dead DNS server must not hold up the rest. */
const startWaitMs = 1000;
/** How often connections and weights are looked at, in ms. */
const tickMs = 250;
/** How long a call waits when nobody can answer, but a connection is just being made, in ms. */
const reconnectWaitMs = 500;
/** Backends that may say that they lack a model which they had a moment ago, for one call. */
const maxStale = 3;

/** Methods that ask for a model's state, whatever it is. */
const stateMethods: ReadonlySet<string> = new Set(['GetModelStatus', 'ModelReady']);

type Chosen = Replica<Backend>;

/** A model that nobody has. */
const nobody: ModelRoutes = emptyRoutes();

export class Fleet implements ModelView {
  readonly name: string;
  #options: FleetOptions;
  readonly #deps: FleetDeps;
  readonly #members: Members;
  readonly #table: RoutingTable;
  readonly #outliers: Outliers;
  readonly #watched: WatchedModels;
  readonly #incarnations: Incarnations;
  readonly #warmUps: WarmUps;
  readonly #warming = new Set<string>();
  readonly #sequences: SequenceRouter;
  readonly #sources: Sources;
  #addresses: readonly BackendAddress[] = [];
  #onFirst: (() => void) | undefined;
  #tickTimer: NodeJS.Timeout | undefined;
  /** The first looks are over: what comes up from now on joins others that serve. */
  #settled = false;

  constructor(options: FleetOptions, deps: FleetDeps) {
    this.name = options.name;
    this.#options = options;
    this.#deps = deps;
    const { clock, random } = deps;
    this.#outliers = new Outliers(() => this.#options.ejection, clock);
    this.#watched = new WatchedModels(options.models, options.health.maxLearntModels, clock);
    this.#incarnations = new Incarnations(random);
    this.#warmUps = new WarmUps(() => this.#options.warmUp, clock);
    this.#members = new Members({
      create: (address) => this.#backend(address),
      keyOf: (address) => this.#keyOf(address),
      onChange: () => {
        this.#rebuildAll();
      },
      onGone: (backend) => {
        this.#outliers.forgetBackend(backend.name);
        deps.observer.backendGone(backend.name);
      },
    });
    this.#table = new RoutingTable(this.#policy(), options.balance, {
      members: () => this.#members.list,
      outliers: this.#outliers,
      isWarming: (backend, model) => this.#warming.has(`${backend.name}\0${model}`),
    });
    this.#sequences = new SequenceRouter({
      members: this.#members,
      table: this.#table,
      pins: new Sequences(() => this.#options.sequences, clock),
      whenAble: (call) => this.#pickLater(call),
    });
    this.#sources = new Sources(deps, {
      onBackends: (addresses) => {
        this.#addresses = addresses;
        void this.#members.update(addresses).then(() => this.#onFirst?.());
      },
      onProblem: (message) => {
        deps.log.warn({ fleet: this.name }, message);
      },
    });
  }

  /** Begins to look for backends and at them; resolves when all have been seen once, or after a second or two. */
  async start(): Promise<void> {
    this.#tickTimer = setInterval(() => {
      this.#tick();
    }, tickMs).unref();
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    this.#sources.update(this.#options.sources);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, startWaitMs);
    });
    await Promise.race([first, late]);
    clearTimeout(timer);
    this.#settled = true;
  }

  /** Applies other options; backends that stay the same keep their connections, their health and their record. */
  async update(options: FleetOptions): Promise<void> {
    this.#options = options;
    this.#watched.configure(options.models, options.health.maxLearntModels);
    this.#rebuildAll();
    this.#sources.update(options.sources);
    // settings of connections may have changed
    await this.#members.update(this.#addresses);
    for (const { prober } of this.#members.list) prober.hurry();
  }

  /** Calls in flight go on with `graceful`; without it they are cut. */
  stop(graceful = true): void {
    clearInterval(this.#tickTimer);
    this.#sources.stop();
    this.#members.close(graceful);
  }

  /** One attempt at one backend. */
  readonly handler: Handler = async (call) => {
    const { target } = call;
    const routes =
      target === undefined ? undefined : (this.#table.get(target.model) ?? (await this.#learn(call)));
    if (call.sequence !== undefined) return this.#sequences.send(call);
    let tried = call;
    for (let stale = 0; ; stale++) {
      const replica = this.#pick(tried, routes) ?? (await this.#pickLater(tried));
      call.onPicked?.(replica.name);
      const reply = await replica.host.send(call, replica);
      if (stale >= maxStale || !this.#isStale(call, reply, replica)) {
        if (reply.body.bytes > 0) this.#warmUps.answered(call);
        return reply;
      }
      // what was known of it is out of date: the others are asked in its place
      void replica.host.prober.look(replica.model);
      tried = { ...tried, avoid: [...(tried.avoid ?? []), replica.name] };
    }
  };

  hasRoom({ target }: Call): boolean {
    return hasRoomFor(target, target === undefined ? undefined : this.#table.get(target.model));
  }

  // --- what is known (ModelView) ---

  defaultVersion(model: string): bigint | undefined {
    return this.#table.get(model)?.defaultVersion;
  }

  incarnation(model: string, version: bigint): string {
    return this.#incarnations.of(model, version);
  }

  knows(model: string): boolean {
    return this.#watched.isConfigured(model) || (this.#table.get(model)?.knowing.length ?? 0) > 0;
  }

  models(): readonly ModelState[] {
    return this.#watched.names().flatMap((name) => {
      const known = this.#members.list.flatMap(({ health }) => health.versions(name) ?? []);
      if (known.length === 0 && !this.#watched.isConfigured(name)) return [];
      const routes = this.#table.get(name);
      const available = (routes?.standings ?? []).filter(
        ({ up, drained, versions }) =>
          up && !drained && (versions ?? []).some(({ state }) => state === 'AVAILABLE'),
      );
      return [
        {
          name,
          versions: mergeVersions(known),
          backends: routes?.knowing.length ?? 0,
          available: available.length,
        },
      ];
    });
  }

  /** There is, or may be, a backend. */
  get isUsed(): boolean {
    return this.#options.sources.length > 0;
  }

  backends(): readonly BackendState[] {
    return this.#members.list.map((backend) => ({
      name: backend.name,
      up: backend.health.up,
      reason: backend.health.reason,
      drained: backend.drained,
      zone: backend.zone,
      inFlight: backend.outstanding,
      limit: backend.concurrency.limit,
      connections: backend.connections,
      models: this.#watched.names().flatMap((name) => {
        const versions = backend.health.versions(name);
        if (versions === undefined) return [];
        const ejected = this.#outliers.ejected(backend.name, name);
        return [{ name, versions, ejected, weight: Number(backend.replica(name).weight.toFixed(3)) }];
      }),
    }));
  }

  /** Another process has seen something new of a model at a backend. */
  lookAgain(name: string, model: string): void {
    const backend = this.#members.list.find((each) => each.name === name);
    void backend?.prober.look(model);
  }

  /** Takes a backend out of the choice, or back in; false when there is none of that name. */
  setDrained(name: string, drained: boolean): boolean {
    const backend = this.#members.list.find((each) => each.name === name);
    if (backend === undefined) return false;
    backend.drained = drained;
    this.#rebuildAll();
    return true;
  }

  // --- choosing ---

  #pick(call: Call, routes: ModelRoutes | undefined): Chosen | undefined {
    const { random } = this.#deps;
    const picker = routes === undefined ? this.#table.pickUp : this.#pickerFor(call, routes);
    const request = { random, avoid: call.avoid, hash: this.#hashOf(call) };
    // a hedge is worth no more than what fits
    const picked = pickWithRoom(picker, request, this.#members.list, call.elsewhere === true);
    const refused =
      picked !== undefined && call.elsewhere === true && call.avoid?.includes(picked.name) === true;
    return refused ? undefined : picked;
  }

  #pickerFor(call: Call, routes: ModelRoutes): Picker<Chosen> | undefined {
    const version = call.target?.version;
    if (routes.knowing.length === 0) return this.#table.pickUp;
    // a question about the state is answered by whoever has the model, in whatever state it is
    if (stateMethods.has(call.method.name))
      return routes.unversioned.length > 0 ? routes.pickUnversioned : routes.pickKnowing;
    if (version === undefined) return routes.pickUnversioned;
    const withVersion = routes.pickVersion.get(version);
    if (withVersion !== undefined) return withVersion;
    // nobody has it: a backend says so in its own words, unless it is about to come
    return isVersionComing(routes.standings, version) ? undefined : routes.pickKnowing;
  }

  /** Nobody can answer now; where a connection was lost a moment ago, one may be there in another moment. */
  async #pickLater(call: Call): Promise<Chosen> {
    const untilMs = Math.min(this.#deps.clock() + reconnectWaitMs, call.deadline);
    for (;;) {
      const leftMs = untilMs - this.#deps.clock();
      const hope = this.#members.list.some(({ health }) => health.state === 'lost' || health.state === 'new');
      if (!hope || call.elsewhere === true || leftMs <= 0 || call.cancellation.reason !== undefined) break;
      await this.#table.nextChange(leftMs);
      const { target } = call;
      const replica = this.#pick(call, target === undefined ? undefined : this.#table.get(target.model));
      if (replica !== undefined) return replica;
    }
    throw new StatusError(Code.UNAVAILABLE, whyNobody(this.name, call.target, this.#members.list), {
      where: `fleet ${this.name}`,
      notStarted: true,
    });
  }

  #hashOf(call: Call): number | undefined {
    const { policy, hashOn } = this.#options.balance;
    if (policy !== 'ring-hash') return undefined;
    const text = hashOn === 'model' ? call.target?.model : getMetadata(call.metadata, hashOn);
    return text === undefined ? undefined : hashOf(text);
  }

  /** A backend that had the model a moment ago says that it is not there, and another one can be asked. */
  #isStale({ kind, request, target }: Call, { body }: Reply, replica: Chosen): boolean {
    if (kind !== 'unary' || target === undefined || !body.ended || body.bytes > 0) return false;
    if (statusOf(body.trailers) !== Code.NOT_FOUND || !request.retains) return false;
    const routes = this.#table.get(target.model);
    const able = target.version === undefined ? routes?.unversioned : routes?.versions.get(target.version);
    // another call may have found it out meanwhile, so that this one is not among them any more
    return able !== undefined && able.some((other) => other !== replica);
  }

  // --- what happens ---

  #backend(address: BackendAddress): Backend {
    const { observer, clock, random, reserveLook, onRoom, sharedLooks } = this.#deps;
    return new Backend(address, {
      observer,
      clock,
      random,
      reserveLook,
      sharedLooks,
      onRoom: onRoom ?? ((): void => undefined),
      options: () => this.#options,
      models: () => this.#watched.names(),
      onVersion: (backend, model, version, available) => {
        this.#onVersion(backend, model, version, available);
      },
      onChange: (model) => {
        this.#rebuild(model);
      },
      onRecovered: ({ name }) => {
        // it was out of the choice already, and was not let in before it was well
        this.#outliers.clear(name, '');
      },
      onLost: () => {
        this.#sources.hurry();
      },
      onOutcome: (backend, model, outcome) => {
        this.#onOutcome(backend, model, outcome);
      },
    });
  }

  #keyOf({ name, api, tls }: BackendAddress): string {
    const { connection, encoding, maxMessageBytes } = this.#options;
    return JSON.stringify([name, api, tls, connection, encoding, maxMessageBytes]);
  }

  #policy(): ReturnType<typeof policyOf> {
    return policyOf(this.#options.balance, () => this.#members.ring());
  }

  #tick(): void {
    const nowMs = this.#deps.clock();
    const list = this.#members.list;
    const capacities = relativeCapacities(list.map(({ reportedLoad }) => reportedLoad.capacity(nowMs)));
    list.forEach((backend, i) => {
      backend.watchConnections();
      backend.capacity = capacities[i] ?? 1;
      for (const replica of backend.replicas) replica.refresh(nowMs);
    });
  }

  #rebuild(model: string): void {
    this.#table.rebuild(model);
    for (const gone of this.#watched.dropped()) this.#forget(gone);
  }

  #rebuildAll(): void {
    // the members may be others, and the policy knows them
    this.#table.rebuildAll(this.#policy(), this.#options.balance);
  }

  #forget(model: string): void {
    this.#table.forget(model);
    this.#outliers.forgetModel(model);
    this.#warmUps.forget(model);
    for (const backend of this.#members.list) backend.forget(model);
  }

  /** A model that nobody asked for before: look at it everywhere once, and keep watching if anybody has it. */
  async #learn(call: Call): Promise<ModelRoutes> {
    const model = call.target?.model ?? '';
    const have = (): boolean => this.#members.list.some(({ health }) => health.versions(model) !== undefined);
    const look = async (): Promise<boolean> => {
      const up = this.#members.list.filter(({ health }) => health.up);
      await Promise.all(up.map(({ prober }) => prober.look(model)));
      return have();
    };
    if (this.#options.health.check === 'model') await this.#watched.learn(model, look, call.cancellation);
    return this.#table.get(model) ?? nobody;
  }

  #onVersion(backend: Backend, model: string, version: bigint, available: boolean): void {
    const { observer, log, clock } = this.#deps;
    observer.backendState(backend.name, model, String(version), available);
    log.info(
      { fleet: this.name, backend: backend.name, model, version: String(version), available },
      available ? 'model is available' : 'model is not available',
    );
    if (!available) return;
    this.#outliers.clear(backend.name, model);
    this.#incarnations.loaded(backend.name, model, version);
    if (!this.#settled) return;
    backend.replica(model).startSlowly(clock());
    void this.#warm(backend, model);
  }

  async #warm(backend: Backend, model: string): Promise<void> {
    if (!this.#warmUps.has(model)) return;
    const key = `${backend.name}\0${model}`;
    this.#warming.add(key);
    const well = await this.#warmUps.warm(model, backend.attempt);
    this.#warming.delete(key);
    const { requests } = this.#options.warmUp;
    this.#deps.log.info({ fleet: this.name, backend: backend.name, model, requests, well }, 'model is warm');
    this.#rebuild(model);
  }

  #onOutcome(backend: Backend, model: string, outcome: Outcome): void {
    const of = this.#table.get(model)?.knowing.length ?? this.#members.list.length;
    const ejected = this.#outliers.record(backend.name, model, outcome, of);
    if (ejected === undefined) return;
    const { observer, log } = this.#deps;
    observer.ejected(backend.name, ejected.model);
    log.warn(
      { fleet: this.name, backend: backend.name, ...ejected },
      ejected.model === ''
        ? 'backend is ejected: it keeps failing'
        : 'model is ejected at a backend that keeps failing',
    );
    const rebuild = (): void => {
      if (ejected.model === '') this.#rebuildAll();
      else this.#rebuild(ejected.model);
    };
    rebuild();
    const comeBack = (): void => {
      // a few calls will tell whether it is well: they are few at first, and its failures so far are paid for
      for (const replica of backend.replicas)
        if (ejected.model === '' || replica.model === ejected.model) replica.startSlowly(this.#deps.clock());
      rebuild();
    };
    setTimeout(comeBack, ejected.forMs + 1).unref();
  }
}
