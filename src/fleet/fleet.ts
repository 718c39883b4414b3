/** A fleet: the backends that serve some models, seen as one Handler and as one view of those models. */
import {
  type Call,
  type Clock,
  Code,
  type Handler,
  type Log,
  type Method,
  type Observer,
  StatusError,
} from '../call/index.ts';
import type { ModelState, ModelView, VersionState } from '../models/index.ts';
import { Backend } from './backend.ts';
import { type Ejected, Ejection } from './balance/ejection.ts';
import { type ModelPicker, pick, withoutEjected } from './balance/picker.ts';
import { Incarnations } from './incarnations.ts';
import { WatchedModels } from './health/watched-models.ts';
import type { FleetOptions } from './options.ts';
import { mergeVersions, whyNobody } from './summary.ts';

export interface FleetDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** What the admin door shows of a backend. */
export interface BackendState {
  readonly name: string;
  readonly up: boolean;
  /** Why it is down; empty while it is up. */
  readonly reason: string;
  readonly drained: boolean;
  readonly inFlight: number;
  readonly connections: number;
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly VersionState[];
    /** Present while the model is left out at this backend. */
    readonly ejected?: Ejected | undefined;
  }[];
}

/** How long start() waits for the first look at everything, in ms: a dead backend must not hold up the rest. */
const startWaitMs = 1000;
/** How often connections are looked at for signs of life, in ms. */
const watchEveryMs = 250;

/** Methods that ask for a model's state, whatever it is. */
const stateMethods: ReadonlySet<string> = new Set(['GetModelStatus', 'ModelReady']);

export class Fleet implements ModelView {
  readonly name: string;
  readonly #backends: readonly Backend[];
  readonly #deps: FleetDeps;
  readonly #ejection: Ejection;
  readonly #watched: WatchedModels;
  readonly #incarnations: Incarnations;
  readonly #pickers = new Map<string, ModelPicker<Backend>>();
  /** Backends that are up and take calls, whatever their models. */
  #upBackends: readonly Backend[] = [];
  #watchTimer: NodeJS.Timeout | undefined;

  constructor(options: FleetOptions, deps: FleetDeps) {
    this.name = options.name;
    this.#deps = deps;
    this.#ejection = new Ejection(options.ejection, deps.clock);
    this.#watched = new WatchedModels(options.models, options.health.maxLearntModels, deps.clock);
    this.#incarnations = new Incarnations(deps.random);
    this.#backends = options.backends.map(
      (address) =>
        new Backend(address, options, {
          ...deps,
          models: () => this.#watched.names(),
          onVersion: (backend, model, version, available) => {
            this.#onVersion(backend, model, version, available);
          },
          onChange: (model) => {
            this.#rebuild(model);
          },
          onOutcome: (backend, model, code) => {
            this.#onOutcome(backend, model, code);
          },
        }),
    );
  }

  /** Begins to look at the backends; resolves when all have been seen once, or after a second. */
  async start(): Promise<void> {
    this.#watchTimer = setInterval(() => {
      for (const backend of this.#backends) backend.watchConnections();
    }, watchEveryMs).unref();
    const rounds = this.#backends.map((backend) => backend.prober.start());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, startWaitMs);
    });
    await Promise.race([Promise.all(rounds), late]);
    clearTimeout(timer);
  }

  /** Calls in flight go on with `graceful`; without it they are cut. */
  stop(graceful = true): void {
    clearInterval(this.#watchTimer);
    for (const backend of this.#backends) backend.close(graceful);
  }

  /** One attempt at one backend. */
  readonly handler: Handler = async (call) => {
    const { target, method } = call;
    if (target === undefined) return this.#choose(call, this.#upBackends).handler(call);
    const picker = this.#pickers.get(target.model) ?? (await this.#learn(target.model, call));
    return this.#choose(call, this.#candidates(picker, call, method)).handler(call);
  };

  // --- what is known (ModelView) ---

  defaultVersion(model: string): bigint | undefined {
    let best: bigint | undefined;
    for (const [version, backends] of this.#pickers.get(model)?.versions ?? []) {
      if (backends.length > 0 && (best === undefined || version > best)) best = version;
    }
    return best;
  }

  incarnation(model: string, version: bigint): string {
    return this.#incarnations.of(model, version);
  }

  knows(model: string): boolean {
    return this.#watched.isConfigured(model) || (this.#pickers.get(model)?.knowing.length ?? 0) > 0;
  }

  models(): readonly ModelState[] {
    return this.#watched.names().flatMap((name) => {
      const known = this.#backends.flatMap((backend) => backend.health.versions(name) ?? []);
      if (known.length === 0 && !this.#watched.isConfigured(name)) return [];
      const picker = this.#pickers.get(name);
      return [
        {
          name,
          versions: mergeVersions(known),
          backends: picker?.knowing.length ?? 0,
          available: picker?.any.length ?? 0,
        },
      ];
    });
  }

  backends(): readonly BackendState[] {
    return this.#backends.map((backend) => ({
      name: backend.name,
      up: backend.health.up,
      reason: backend.health.reason,
      drained: backend.drained,
      inFlight: backend.inFlight,
      connections: backend.connections,
      models: this.#watched.names().flatMap((name) => {
        const versions = backend.health.versions(name);
        return versions === undefined
          ? []
          : [{ name, versions, ejected: this.#ejection.ejected(backend.name, name) }];
      }),
    }));
  }

  /** Takes a backend out of the choice, or back in; false when there is none of that name. */
  setDrained(name: string, drained: boolean): boolean {
    const backend = this.#backends.find((each) => each.name === name);
    if (backend === undefined) return false;
    backend.drained = drained;
    for (const model of this.#pickers.keys()) this.#rebuild(model);
    this.#rebuild('');
    return true;
  }

  // --- choosing ---

  #choose(call: Call, candidates: readonly Backend[]): Backend {
    const backend = pick(candidates, this.#deps.random, call.avoid);
    if (backend !== undefined && !(call.elsewhere === true && call.avoid?.includes(backend.name) === true)) {
      call.onPicked?.(backend.name);
      return backend;
    }
    throw new StatusError(Code.UNAVAILABLE, whyNobody(this.name, call.target, this.#backends), {
      where: `fleet ${this.name}`,
      notStarted: true,
    });
  }

  #candidates(picker: ModelPicker<Backend>, call: Call, method: Method): readonly Backend[] {
    const version = call.target?.version;
    // a question about the state is answered by whoever has the model, in whatever state it is
    if (stateMethods.has(method.name))
      return picker.any.length > 0
        ? picker.any
        : picker.knowing.length > 0
          ? picker.knowing
          : this.#upBackends;
    if (picker.knowing.length === 0) return this.#upBackends;
    if (version === undefined) return picker.any;
    const withVersion = picker.versions.get(version) ?? [];
    if (withVersion.length > 0) return withVersion;
    // nobody has it: a backend says so in its own words, unless it is about to come
    const coming = picker.knowing.some((backend) =>
      (backend.health.versions(call.target?.model ?? '') ?? []).some(
        (state) => state.version === version && (state.state === 'START' || state.state === 'LOADING'),
      ),
    );
    return coming ? [] : picker.knowing;
  }

  /** A model that nobody asked for before: look at it everywhere once, and keep watching if anybody has it. */
  async #learn(model: string, call: Call): Promise<ModelPicker<Backend>> {
    await this.#watched.learn(
      model,
      async () => {
        await Promise.all(
          this.#backends.filter(({ health }) => health.up).map((backend) => backend.prober.look(model)),
        );
        return this.#backends.some(({ health }) => health.versions(model) !== undefined);
      },
      call.cancellation,
    );
    return this.#pickers.get(model) ?? this.#build(model);
  }

  #build(model: string): ModelPicker<Backend> {
    const open = this.#backends.filter(({ health, drained }) => health.up && !drained);
    const isEjected = (backend: Backend): boolean => this.#ejection.isEjected(backend.name, model);
    const available = open.filter(({ health }) => health.isAvailable(model));
    const versions = new Map<bigint, readonly Backend[]>();
    for (const { health } of available) {
      for (const { version, state } of health.versions(model) ?? []) {
        if (state !== 'AVAILABLE' || versions.has(version)) continue;
        versions.set(
          version,
          withoutEjected(
            available.filter((backend) => backend.health.isAvailable(model, version)),
            isEjected,
          ),
        );
      }
    }
    const knowing = open.filter(({ health }) => health.versions(model) !== undefined);
    return { any: withoutEjected(available, isEjected), versions, knowing };
  }

  #rebuild(model: string): void {
    this.#upBackends = this.#backends.filter(({ health, drained }) => health.up && !drained);
    if (model !== '') this.#pickers.set(model, this.#build(model));
    for (const gone of this.#watched.dropped()) {
      this.#pickers.delete(gone);
      this.#ejection.forget(gone);
    }
  }

  // --- what happens ---

  #onVersion(backend: Backend, model: string, version: bigint, available: boolean): void {
    const { observer, log } = this.#deps;
    observer.backendState(backend.name, model, String(version), available);
    log.info(
      { fleet: this.name, backend: backend.name, model, version: String(version), available },
      available ? 'model is available' : 'model is not available',
    );
    if (available) {
      this.#ejection.clear(backend.name, model);
      this.#incarnations.loaded(backend.name, model, version);
    }
  }

  #onOutcome(backend: Backend, model: string, code: number): void {
    const of = this.#pickers.get(model)?.knowing.length ?? 0;
    const forMs = this.#ejection.record(backend.name, model, code, of);
    if (forMs === undefined) return;
    this.#deps.observer.ejected(backend.name, model);
    this.#deps.log.warn(
      { fleet: this.name, backend: backend.name, model, forMs },
      'model is ejected at a backend that keeps failing',
    );
    this.#rebuild(model);
    setTimeout(() => {
      this.#rebuild(model);
    }, forMs + 1).unref();
  }
}
