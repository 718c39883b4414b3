/** What one backend says of its models, and since when; pure state, told by the prober and by connections. */
import type { ModelVersionStatus } from '../../codec/index.ts';
import { stateName, type VersionState } from '../../models/index.ts';

/** Of what a server says of a version that failed: it is kept and shown, in characters. */
const maxMessageLength = 4096;

/**
 * Converts a ModelVersionStatus (tensorflow_serving/apis/get_model_status.proto): the state becomes its name, the
 * error message is cut to 4096 characters.
 */
export function toVersionState(status: ModelVersionStatus): VersionState {
  const { version, state, errorCode, errorMessage } = status;
  return {
    version,
    state: stateName(state),
    errorCode,
    errorMessage: errorMessage.slice(0, maxMessageLength),
  };
}

export interface HealthEvents {
  /** A version became AVAILABLE here, or stopped being so. */
  onVersion(model: string, version: bigint, available: boolean): void;
  /** Anything that picking depends on has changed. An empty model: the backend as a whole. */
  onChange(model: string): void;
  /** It was unhealthy, and `rise` rounds of probes have gone well. */
  onRecovered(): void;
}

/**
 * States of a backend's health (docs/states.md). `unknown`: never probed, the first round that goes well admits it.
 * `reconnecting`: its last connection was lost and is being made again; one round readmits it. `unhealthy`: probes
 * failed; `rise` rounds have to go well. `recovering`: some have, but not that many yet.
 */
export type HealthState = 'unknown' | 'healthy' | 'reconnecting' | 'unhealthy' | 'recovering';

/**
 * Health state machine of one backend (HealthState), with the versions of each model that it last reported. Leaving
 * `healthy` is reported to HealthEvents as the loss of every AVAILABLE version, returning to it as their gain.
 */
export class ModelHealth {
  readonly #events: HealthEvents;
  readonly #models = new Map<string, readonly VersionState[]>();
  readonly #texts = new Map<string, readonly string[]>();
  state: HealthState = 'unknown';
  /** Why it is not healthy, in words. */
  reason = 'not asked yet';
  /** Probes in a row that timed out, and rounds in a row that went well after it was unhealthy. */
  #timeouts = 0;
  #successes = 0;

  constructor(events: HealthEvents) {
    this.#events = events;
  }

  /** The backend takes calls. */
  get isHealthy(): boolean {
    return this.state === 'healthy';
  }

  get isRecovering(): boolean {
    return this.state === 'recovering';
  }

  /** The last probe timed out: the next should not be long in coming. */
  get isDoubtful(): boolean {
    return this.#timeouts > 0;
  }

  /** The versions of a model here; undefined when the backend does not know it, or has not been asked. */
  versions(model: string): readonly VersionState[] | undefined {
    return this.#models.get(model);
  }

  /** Those that are no numbers, as Transport.versionTexts() has it. */
  versionTexts(model: string): readonly string[] | undefined {
    return this.#texts.get(model);
  }

  /** A model is about to change: look again soon. */
  isRestless(model: string): boolean {
    return (this.#models.get(model) ?? []).some(
      ({ state }) => state === 'START' || state === 'LOADING' || state === 'UNLOADING',
    );
  }

  /** A probe succeeded; undefined versions mean that the backend does not know the model. */
  saw(model: string, versions: readonly VersionState[] | undefined, texts?: readonly string[]): void {
    const before = this.#models.get(model);
    const calledBefore = this.#texts.get(model)?.join('\0');
    if (versions === undefined) this.#models.delete(model);
    else this.#models.set(model, versions);
    if (versions === undefined || texts === undefined) this.#texts.delete(model);
    else this.#texts.set(model, texts);
    if (this.isHealthy) this.#compare(model, before, versions, calledBefore !== texts?.join('\0'));
  }

  /**
   * A round of probes went well, whatever the answers were.
   * @param rise rounds that a backend needs that was unhealthy
   */
  answered(rise: number): void {
    this.#timeouts = 0;
    if (this.isHealthy) return;
    const needs = this.state === 'unhealthy' || this.state === 'recovering' ? rise : 1;
    if (++this.#successes < needs) {
      this.#become('recovering', `back, and seen well ${this.#successes} of ${needs} times`);
      return;
    }
    this.#become('healthy', '');
  }

  /** A probe was answered, with whatever it was: of a row of time-outs, none are left. */
  gaveSign(): void {
    this.#timeouts = 0;
  }

  /** A probe timed out: `fall` of them in a row, and the backend is unhealthy. */
  timedOut(fall: number, reason: string): void {
    if (++this.#timeouts >= fall) this.wentDown(reason);
  }

  /** Connections are refused or give no sign of life, or probes time out. */
  wentDown(reason: string): void {
    this.#successes = 0;
    this.#become('unhealthy', reason);
  }

  /** A connection broke: until it is there again, or refused, others should answer. */
  lostConnection(reason: string): void {
    if (this.isHealthy) this.#become('reconnecting', reason);
  }

  forget(model: string): void {
    const before = this.#models.get(model);
    this.#texts.delete(model);
    if (this.#models.delete(model) && this.isHealthy) this.#compare(model, before, undefined);
  }

  #become(state: HealthState, reason: string): void {
    const before = this.state;
    this.state = state;
    this.reason = reason;
    if (before === state) return;
    if (state === 'healthy') {
      this.#successes = 0;
      if (before === 'recovering' || before === 'unhealthy') this.#events.onRecovered();
      for (const [model, versions] of this.#models) this.#compare(model, [], versions);
    } else if (before === 'healthy') {
      for (const [model, versions] of this.#models) this.#compare(model, versions, []);
    } else if (state === 'recovering' || before === 'recovering') {
      for (const model of this.#models.keys()) this.#events.onChange(model);
    }
    this.#events.onChange('');
  }

  #compare(
    model: string,
    before: readonly VersionState[] | undefined,
    after: readonly VersionState[] | undefined,
    renamed = false,
  ): void {
    const had = availableOf(before);
    const has = availableOf(after);
    for (const version of has) if (!had.has(version)) this.#events.onVersion(model, version, true);
    for (const version of had) if (!has.has(version)) this.#events.onVersion(model, version, false);
    if (renamed || textOf(before) !== textOf(after)) this.#events.onChange(model);
  }
}

function availableOf(versions: readonly VersionState[] | undefined): Set<bigint> {
  return new Set((versions ?? []).filter(({ state }) => state === 'AVAILABLE').map(({ version }) => version));
}

/** States as one text, to see whether any has changed. */
function textOf(versions: readonly VersionState[] | undefined): string | undefined {
  return versions?.map(({ version, state }) => `${version} ${state}`).join();
}
