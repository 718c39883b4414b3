/** A fleet: the backends that serve some models, seen as one Handler and as one view of those models. */
import type { Clock } from '../base/clock.ts';
import { detach, guarded } from '../base/faults.ts';
import type { Log } from '../base/log.ts';
import { StatusError } from '../base/status.ts';
import type { WideFleet } from '../bridge/index.ts';
import type { Call, Handler, Observer, Reply } from '../call/index.ts';
import type { V2ModelIndex } from '../codec/index.ts';
import type { ModelState } from '../models/index.ts';
import type { BackendAddress } from './backend-address.ts';
import { BackendEventHandler } from './backend-events.ts';
import { BackendLog } from './backend-log.ts';
import { BackendSet } from './backend-set.ts';
import { Backend } from './backend.ts';
import { Doubts } from './balance/doubts.ts';
import { relativeCapacities } from './balance/load-reports.ts';
import { OutlierDetector } from './balance/outlier-detector.ts';
import { policyOf } from './balance/policy.ts';
import { staying } from './balance/routing.ts';
import { Sources } from './discovery/index.ts';
import { Everyone } from './everyone.ts';
import type { SharedProbes } from './health/probe.ts';
import { WarmUps } from './health/warm-up.ts';
import { WatchedModels } from './health/watched-models.ts';
import { LoadGenerations } from './load-generations.ts';
import type { FleetOptions } from './options.ts';
import { BackendSelector, type Chosen } from './routing/backend-selector.ts';
import { type ModelRoutes, RoutingTable } from './routing/routing-table.ts';
import { SequenceRouter } from './routing/sequence-router.ts';
import { Sequences } from './routing/sequences.ts';
import { SecondOpinions } from './second-opinions.ts';
import {
  type BackendState,
  backendStates,
  modelIndex,
  modelState,
  modelStates,
  type StateDeps,
} from './states.ts';

export interface FleetDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** For what all workers of a gateway see alike, which one of them says; the log when absent. */
  readonly commonLog?: Log | undefined;
  /** Takes a place among all looks at backends of this gateway; how long to wait for it, in ms. */
  readonly reserveProbe: (lane: 'urgent' | 'routine') => number;
  readonly sharedProbes?: SharedProbes | undefined;
  /** A call has ended at a backend, and another may begin. */
  readonly onCapacity?: (() => void) | undefined;
}

/** How long start() waits for the first answer of discovery, in ms: a dead DNS server must not hold up the rest. */
const startWaitMs = 1000;
/** How often connections and weights are looked at, in ms. */
const tickMs = 250;
/** Backends that may say that they lack a model which they had a moment ago, for one call. */
const maxStale = 3;

/** Of a model; undefined for calls of none. */
type Routes = ModelRoutes | undefined;

/**
 * Upstream cluster of model servers: discovery, health, balancing and outlier detection. `handler` sends a call to
 * one backend, and to another where the first lacks the model by now or its failure needs a second opinion; it
 * rejects with UNAVAILABLE when no backend can answer.
 */
export class Fleet {
  readonly name: string;
  #options: FleetOptions;
  /** No call is served here any more. */
  stopped = false;
  readonly #deps: FleetDeps & { readonly commonLog: Log };
  readonly #members: BackendSet;
  readonly #table: RoutingTable;
  readonly #outliers: OutlierDetector;
  readonly #doubts: Doubts;
  readonly #opinions: SecondOpinions;
  readonly #watched: WatchedModels;
  readonly #generations: LoadGenerations;
  readonly #warmUps: WarmUps;
  readonly #upkeep: BackendEventHandler;
  readonly #log: BackendLog;
  readonly #selector: BackendSelector;
  readonly #sequences: SequenceRouter;
  readonly #sources: Sources;
  /** All of its backends together. */
  readonly everyone: WideFleet;
  #addresses: readonly BackendAddress[] = [];
  #onFirst: (() => void) | undefined;
  #tickTimer: NodeJS.Timeout | undefined;

  constructor(options: FleetOptions, given: FleetDeps) {
    const deps = { ...given, commonLog: given.commonLog ?? given.log };
    this.name = options.name;
    this.#options = options;
    this.#deps = deps;
    const { clock, random } = deps;
    this.#outliers = new OutlierDetector(
      () => this.#options.ejection,
      clock,
      (backend, model) => {
        this.#upkeep.onReadmitted(backend, model);
      },
    );
    this.#doubts = new Doubts(() => this.#options.ejection, clock);
    this.#watched = new WatchedModels(options.models, options.health.maxLearntModels, clock);
    this.#generations = new LoadGenerations(random);
    this.#log = new BackendLog({
      fleet: () => this.name,
      log: deps.commonLog,
      clock,
      count: () => {
        const { list } = this.#members;
        return { up: list.filter(({ health }) => health.isHealthy).length, of: list.length };
      },
    });
    this.#warmUps = new WarmUps(() => this.#options.warmUp, clock);
    this.#members = new BackendSet({
      create: (address) => this.#backend(address),
      keyOf: (address) => this.#keyOf(address),
      onChange: () => {
        this.#rebuildAll();
      },
      onGone: (backend) => {
        this.#outliers.forgetBackend(backend.name);
        this.#doubts.forgetBackend(backend.name);
        this.#log.forget(backend.name);
        deps.observer.backendGone(backend.name);
      },
    });
    this.#table = new RoutingTable(this.#policy(), options.balance, {
      members: () => this.#members.list,
      outliers: this.#outliers,
      isWarming: (backend, model) => this.#upkeep.isWarming(backend, model),
    });
    this.#upkeep = new BackendEventHandler({
      ...deps,
      options: () => this.#options,
      outliers: this.#outliers,
      doubts: this.#doubts,
      backendOf: (name) => this.#members.list.find((backend) => backend.name === name),
      generations: this.#generations,
      warmUps: this.#warmUps,
      countOf: (model) => this.#table.get(model)?.knowing.length ?? this.#members.list.length,
      onChange: (model) => {
        if (model === undefined) this.#rebuildAll();
        else this.#rebuild(model);
      },
    });
    this.#selector = new BackendSelector({
      ...deps,
      options: () => this.#options,
      members: this.#members,
      table: this.#table,
      watched: this.#watched,
    });
    this.everyone = new Everyone({
      clock,
      options: () => this.#options,
      members: this.#members,
      watched: this.#watched,
      selector: this.#selector,
      reloaded: ({ name, health }, model) => {
        for (const { version } of health.versions(model) ?? [])
          this.#generations.loaded(name, model, version);
      },
    });
    this.#opinions = new SecondOpinions({ ...deps, doubts: this.#doubts, selector: this.#selector });
    this.#sequences = new SequenceRouter({
      members: this.#members,
      table: this.#table,
      pins: new Sequences(() => this.#options.sequences, clock),
      whenAble: (call) => this.#selector.chooseLater(call),
    });
    this.#sources = new Sources(deps, {
      onBackends: (addresses) => {
        this.#addresses = addresses;
        detach(
          'backend',
          this.#members.update(addresses).then(() => this.#onFirst?.()),
        );
      },
      onProblem: (message) => {
        deps.commonLog.warn({ fleet: this.name }, message);
      },
    });
  }

  /** Begins to look for backends and at them; resolves when all have been seen once, or after a second or two. */
  async start(): Promise<void> {
    this.#tickTimer = setInterval(
      guarded('backend', () => {
        this.#tick();
      }),
      tickMs,
    ).unref();
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
    this.#upkeep.settle();
    this.sayCount();
  }

  /** Says in the log how many backends are up. */
  sayCount(): void {
    if (this.isUsed && !this.stopped) this.#log.settle();
  }

  /** Applies other options; backends that stay the same keep their connections, their health and their record. */
  async update(options: FleetOptions): Promise<void> {
    const { ofModels: before } = this.#options;
    this.#options = options;
    if (options.ofModels !== before)
      for (const backend of this.#members.list) this.#upkeep.tellAnew(backend, this.#watched.names(), before);
    this.#watched.configure(options.models, options.health.maxLearntModels);
    this.#rebuildAll();
    this.#sources.update(options.sources);
    // settings of connections may have changed
    await this.#members.update(this.#addresses);
    for (const { prober, concurrency } of this.#members.list) {
      prober.refreshSoon();
      concurrency.configure(options.concurrency);
    }
    this.#deps.onCapacity?.();
  }

  /** Calls in flight go on with `graceful`; without it they are cut. */
  stop(graceful = true): void {
    this.stopped = true;
    clearInterval(this.#tickTimer);
    this.#sources.stop();
    this.#members.close(graceful);
  }

  /** One attempt at one backend. */
  readonly handler: Handler = (call) => {
    // hot: 0020
    // a turn of the microtask queue is dear here, and so is an async function: only what is a promise is awaited
    try {
      const routes = this.#selector.routesOf(call);
      if (call.sequence !== undefined || routes instanceof Promise) return this.#whenKnown(call, routes);
      const chosen = this.#selector.choose(call, routes);
      return chosen instanceof Promise
        ? chosen.then((replica) => this.#send(call, routes, replica))
        : this.#send(call, routes, chosen);
    } catch (reason) {
      return Promise.reject(StatusError.from(reason));
    }
  };

  async #whenKnown(call: Call, known: Routes | Promise<Routes>): Promise<Reply> {
    const routes = await known;
    if (call.sequence !== undefined) return this.#sequences.send(call);
    return this.#send(call, routes, await this.#selector.choose(call, routes));
  }

  #send(call: Call, routes: Routes, replica: Chosen): Promise<Reply> {
    call.onPicked?.(replica.name);
    return replica.host.send(call, replica).then((reply) => {
      if (reply.body.bytes === 0) return this.#judge(call, routes, replica, reply);
      this.#warmUps.answered(call);
      return reply;
    });
  }

  /** An answer without a message: another backend is asked where that one may not be right. */
  async #judge(call: Call, routes: Routes, first: Chosen, answer: Reply): Promise<Reply> {
    let tried = call;
    let replica = first;
    let reply = answer;
    for (let stale = 0; ; stale++) {
      if (stale >= maxStale || !this.#selector.isStale(call, reply, replica)) {
        const wanted = this.#opinions.isWanted(call, reply, replica);
        return wanted ? this.#opinions.ask(tried, routes, reply, replica) : reply;
      }
      // what was known of it is out of date: the others are asked in its place
      detach('backend', replica.host.prober.look(replica.model));
      tried = { ...tried, avoid: [...(tried.avoid ?? []), replica.name] };
      replica = await this.#selector.choose(tried, routes);
      call.onPicked?.(replica.name);
      reply = await replica.host.send(call, replica);
      if (reply.body.bytes === 0) continue;
      this.#warmUps.answered(call);
      return reply;
    }
  }

  hasCapacity(call: Call): boolean {
    return this.#selector.hasCapacity(call);
  }

  // --- what is known of its models, by their own names ---

  defaultVersion(model: string): bigint | undefined {
    return this.#table.get(model)?.defaultVersion;
  }

  incarnation(model: string, version: bigint): string {
    return this.#generations.of(model, version);
  }

  knows(model: string): boolean {
    return (
      this.#watched.isConfigured(model) ||
      (this.#table.get(model)?.knowing.length ?? 0) > 0 ||
      this.#members.list.some(({ repository }) => repository.has(model))
    );
  }

  get #known(): StateDeps {
    return { members: this.#members, watched: this.#watched, table: this.#table };
  }

  models(): readonly ModelState[] {
    return modelStates(this.#known);
  }

  /** What its servers list, and what is known of other models. */
  index(): readonly V2ModelIndex[] {
    return modelIndex(this.#known);
  }

  state(model: string): ModelState | undefined {
    return modelState(model, this.#known);
  }

  /** The extensions of KServe V2 that each backend lists which takes calls now. */
  extensions(): Promise<(readonly string[])[]> {
    const open = this.#members.list.filter(({ health, drained }) => health.isHealthy && !drained);
    return Promise.all(staying(open).map((backend) => backend.extensions()));
  }

  /** As ModelRef has it. */
  get ofModels(): string | undefined {
    return this.#options.ofModels;
  }

  /** There is, or may be, a backend. */
  get isUsed(): boolean {
    return this.#options.sources.length > 0;
  }

  backends(): readonly BackendState[] {
    return backendStates(this.#members, this.#watched, this.#outliers);
  }

  /** Another process has seen something new of a model at a backend; of its list of models, when there is no name. */
  lookAgain(name: string, model: string): void {
    const backend = this.#members.list.find((each) => each.name === name);
    if (model === '') backend?.repository.refreshSoon();
    else void backend?.prober.look(model);
  }

  /** Takes a backend out of the choice, or back in; false when there is none of that name. */
  setDrained(name: string, drained: boolean): boolean {
    const backend = this.#members.list.find((each) => each.name === name);
    if (backend === undefined) return false;
    backend.drained = drained;
    this.#upkeep.tellDrained(backend, this.#watched.names());
    this.#rebuildAll();
    return true;
  }

  // --- what happens ---

  #backend(address: BackendAddress): Backend {
    this.#deps.observer.backendUp(address.name, false);
    this.#deps.observer.backendDrained(address.name, false);
    const { observer, clock, random, reserveProbe, onCapacity, sharedProbes } = this.#deps;
    return new Backend(address, {
      observer,
      clock,
      random,
      reserveProbe,
      sharedProbes,
      onCapacity: onCapacity ?? ((): void => undefined),
      options: () => this.#options,
      models: () => this.#watched.names(),
      onVersion: (backend, model, version, available) => {
        this.#upkeep.onVersion(backend, model, version, available);
      },
      onChange: (model) => {
        this.#rebuild(model);
      },
      onState: ({ name, health, terminating }) => {
        observer.backendUp(name, health.isHealthy);
        // a connection that is lost is being made again, and one that is recovering has yet to show itself
        // that one goes down which was said to end is no news
        if (health.isHealthy || (health.state === 'unhealthy' && !terminating))
          this.#log.saw(name, health.isHealthy, health.reason);
      },
      onRecovered: ({ name, reportedLoad }) => {
        reportedLoad.startOver();
        // it was out of the choice already, and was not let in before it was well
        this.#outliers.clear(name, '');
        observer.readmitted(name, { fleet: this.#options.ofModels, model: '' });
      },
      onLost: () => {
        this.#sources.refreshSoon();
      },
      onOutOfBounds: ({ name: backend }, model, reason) => {
        const log = this.#deps.commonLog;
        if (model === '')
          log.warn({ fleet: this.name, backend, reason }, 'the list of models of a backend is not taken');
        else log.warn({ fleet: this.name, backend, model, reason }, 'model is unknown at a backend');
      },
      onOutcome: (backend, model, outcome, failedAt) => {
        this.#upkeep.onOutcome(backend, model, outcome, failedAt);
      },
    });
  }

  #keyOf({ name, alternates, api, tls }: BackendAddress): string {
    const { connection, encoding, maxMessageBytes, maxInflateRatio } = this.#options;
    return JSON.stringify([
      name,
      alternates,
      api,
      tls,
      connection,
      encoding,
      maxMessageBytes,
      maxInflateRatio,
    ]);
  }

  #policy(): ReturnType<typeof policyOf> {
    return policyOf(this.#options.balance, () => this.#members.ring());
  }

  #tick(): void {
    const nowMs = this.#deps.clock();
    this.#log.tick();
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
    this.#doubts.forgetModel(model);
    this.#warmUps.forget(model);
    for (const backend of this.#members.list) backend.forget(model);
  }
}
