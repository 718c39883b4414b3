/** What a fleet does when something happens at a backend: a version comes or goes, calls keep failing there. */
import type { Clock, Log, Observer } from '../call/index.ts';
import type { Backend } from './backend.ts';
import type { Outcome, Outliers } from './balance/outliers.ts';
import type { WarmUps } from './health/warm-up.ts';
import type { Incarnations } from './incarnations.ts';
import type { FleetOptions } from './options.ts';
import { detach, guarded } from '../faults.ts';

export interface UpkeepDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: () => FleetOptions;
  readonly outliers: Outliers;
  readonly incarnations: Incarnations;
  readonly warmUps: WarmUps;
  /** Backends among which failures at one stand out. */
  readonly countOf: (model: string) => number;
  /** The routes to a model, or to all, are out of date. */
  readonly onChange: (model?: string) => void;
}

export class Upkeep {
  readonly #deps: UpkeepDeps;
  readonly #warming = new Set<string>();
  #settled = false;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
  }

  /** The first looks are over: what comes up from now on joins others that serve. */
  settle(): void {
    this.#settled = true;
  }

  isWarming(backend: Backend, model: string): boolean {
    return this.#warming.has(`${backend.name}\0${model}`);
  }

  onVersion(backend: Backend, model: string, version: bigint, available: boolean): void {
    const { observer, log, clock, outliers, incarnations } = this.#deps;
    observer.backendState(backend.name, model, String(version), available);
    log.info(
      { fleet: this.#deps.options().name, backend: backend.name, model, version: String(version), available },
      available ? 'model is available' : 'model is not available',
    );
    if (!available) return;
    outliers.clear(backend.name, model);
    incarnations.loaded(backend.name, model, version);
    if (!this.#settled) return;
    backend.replica(model).startSlowly(clock());
    detach('backend', this.#warm(backend, model));
  }

  onOutcome(backend: Backend, model: string, outcome: Outcome): void {
    const { observer, log, outliers, countOf, options } = this.#deps;
    const ejected = outliers.record(backend.name, model, outcome, countOf(model));
    if (ejected === undefined) return;
    observer.ejected(backend.name, ejected.model);
    log.warn(
      { fleet: options().name, backend: backend.name, ...ejected },
      ejected.model === ''
        ? 'backend is ejected: it keeps failing'
        : 'model is ejected at a backend that keeps failing',
    );
    const changed = ejected.model === '' ? undefined : ejected.model;
    this.#deps.onChange(changed);
    const comeBack = (): void => {
      // a few calls will tell whether it is well: they are few at first, and its failures so far are paid for
      for (const replica of backend.replicas)
        if (changed === undefined || replica.model === changed) replica.startSlowly(this.#deps.clock());
      this.#deps.onChange(changed);
    };
    setTimeout(guarded('backend', comeBack), ejected.forMs + 1).unref();
  }

  async #warm(backend: Backend, model: string): Promise<void> {
    const { warmUps, options, log } = this.#deps;
    if (!warmUps.has(model)) return;
    const key = `${backend.name}\0${model}`;
    this.#warming.add(key);
    const well = await warmUps.warm(model, backend.attempt).finally(() => this.#warming.delete(key));
    const { requests } = options().warmUp;
    log.info({ fleet: options().name, backend: backend.name, model, requests, well }, 'model is warm');
    this.#deps.onChange(model);
  }
}
