/** What a fleet does when something happens at a backend: a version comes or goes, calls keep failing there. */
import type { Clock } from '../base/clock.ts';
import { detach } from '../base/faults.ts';
import type { Log } from '../base/log.ts';
import type { FailedAttempt, ModelRef, Observer } from '../call/index.ts';
import type { Backend } from './backend.ts';
import type { Doubts } from './balance/doubts.ts';
import { type Outcome, type OutlierDetector, verdictOn } from './balance/outlier-detector.ts';
import type { WarmUps } from './health/warm-up.ts';
import type { LoadGenerations } from './load-generations.ts';
import type { FleetOptions } from './options.ts';

export interface BackendEventHandlerDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly log: Log;
  readonly commonLog: Log;
  readonly options: () => FleetOptions;
  readonly outliers: OutlierDetector;
  readonly doubts: Doubts;
  readonly backendOf: (name: string) => Backend | undefined;
  readonly generations: LoadGenerations;
  readonly warmUps: WarmUps;
  /** Backends among which failures at one stand out. */
  readonly countOf: (model: string) => number;
  /** The routes to a model, or to all, are out of date. */
  readonly onChange: (model?: string) => void;
}

/**
 * Handles the events of a fleet's backends: updates metrics and log, gives the outcomes of calls to outlier
 * detection, and begins slow start and warm-up of a model that becomes AVAILABLE after `settle()`.
 */
export class BackendEventHandler {
  readonly #deps: BackendEventHandlerDeps;
  readonly #warming = new Set<string>();
  #settled = false;

  constructor(deps: BackendEventHandlerDeps) {
    this.#deps = deps;
  }

  /** The first looks are over: what comes up from now on joins others that serve. */
  settle(): void {
    this.#settled = true;
  }

  #refOf(model: string): ModelRef {
    return { fleet: this.#deps.options().ofModels, model };
  }

  isWarming(backend: Backend, model: string): boolean {
    return this.#warming.has(`${backend.name}\0${model}`);
  }

  onVersion(backend: Backend, model: string, version: bigint, available: boolean): void {
    const { observer, clock, outliers, doubts, generations } = this.#deps;
    const log = this.#deps.commonLog;
    observer.backendState(backend.name, this.#refOf(model), String(version), available && !backend.drained);
    const fields = {
      fleet: this.#deps.options().name,
      backend: backend.name,
      model,
      version: String(version),
    };
    if (!available) {
      const reason = whyNot(backend, model, version);
      log.info({ ...fields, available, reason }, 'model is not available');
      return;
    }
    log.info({ ...fields, available }, 'model is available');
    outliers.clear(backend.name, model);
    observer.readmitted(backend.name, this.#refOf(model));
    doubts.forget(backend.name, model);
    generations.loaded(backend.name, model, version);
    if (!this.#settled) return;
    backend.replica(model).startSlowly(clock());
    detach('backend', this.#warm(backend, model));
  }

  /** An operator has taken it out or put it back: what it has is not available while it is out. */
  tellDrained(backend: Backend, models: readonly string[]): void {
    const { observer } = this.#deps;
    observer.backendDrained(backend.name, backend.drained);
    this.#tellModels(backend, models);
  }

  /**
   * The fleet has become the default one, or is it no longer: what was told of its models was told under another
   * name.
   */
  tellAnew(backend: Backend, models: readonly string[], before: string | undefined): void {
    this.#deps.observer.modelsGone(backend.name, before);
    this.#tellModels(backend, models);
  }

  #tellModels(backend: Backend, models: readonly string[]): void {
    const { observer } = this.#deps;
    if (!backend.health.isHealthy) return;
    for (const model of models)
      for (const { version, state } of backend.health.versions(model) ?? [])
        if (state === 'AVAILABLE')
          observer.backendState(backend.name, this.#refOf(model), String(version), !backend.drained);
  }

  /**
   * A call has ended. A failure may be the request's own, and a client can send as many such as it likes: so it is
   * held against a backend only when the same call then does well elsewhere, or when a connection is lost.
   * @param failedAt how it ended at others before
   */
  onOutcome(
    backend: Backend,
    model: string,
    outcome: Outcome,
    failedAt: readonly FailedAttempt[] | undefined,
  ): void {
    const { doubts } = this.#deps;
    switch (verdictOn(outcome)) {
      case 'ok':
        doubts.count(backend.name, model, false);
        this.#record(backend, model, outcome);
        if (failedAt !== undefined) this.#blame(failedAt, backend, model);
        break;
      case 'failed':
        if (outcome.lostConnection !== undefined) this.#record(backend, model, outcome);
        else if (!outcome.transport) doubts.count(backend.name, model, true);
        break;
      case 'neither':
    }
  }

  /** The call did well here: that it failed there was not its own fault. */
  #blame(failedAt: readonly FailedAttempt[], here: Backend, model: string): void {
    const { backendOf, doubts, clock } = this.#deps;
    for (const { backend: name, code, transport } of failedAt) {
      const backend = name === here.name ? undefined : backendOf(name);
      const outcome = { code, transport, disposition: undefined };
      if (backend === undefined || verdictOn(outcome) !== 'failed') continue;
      doubts.giveBack(name, model);
      backend.replica(model).ended(true, 0, clock());
      this.#record(backend, model, outcome);
    }
  }

  #record(backend: Backend, model: string, outcome: Outcome): void {
    const { observer, log, outliers, doubts, countOf, options } = this.#deps;
    const ejected = outliers.record(backend.name, model, outcome, countOf(model));
    if (ejected === undefined) return;
    doubts.forget(backend.name, model);
    observer.ejected(backend.name, this.#refOf(ejected.model));
    log.warn(
      { fleet: options().name, backend: backend.name, ...ejected },
      ejected.model === ''
        ? 'backend is ejected: it keeps failing'
        : 'model is ejected at a backend that keeps failing',
    );
    this.#deps.onChange(ejected.model === '' ? undefined : ejected.model);
  }

  /** An ejection has lasted its time. @param model empty for the backend as a whole */
  onReadmitted(name: string, model: string): void {
    const { observer, clock, backendOf, onChange } = this.#deps;
    observer.readmitted(name, this.#refOf(model));
    // slow start limits its traffic; failures from before the ejection no longer count
    for (const replica of backendOf(name)?.replicas ?? [])
      if (model === '' || replica.model === model) replica.startSlowly(clock());
    onChange(model === '' ? undefined : model);
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

/** Why a version is not available any more at a backend. */
function whyNot({ health }: Backend, model: string, version: bigint): string {
  if (!health.isHealthy) return health.reason;
  const state = health.versions(model)?.find((each) => each.version === version);
  if (state === undefined) return 'the backend does not have it any more';
  return state.errorMessage === ''
    ? `it is ${state.state}`
    : `it is ${state.state}: ${state.errorMessage.slice(0, 500)}`;
}
