/** What one backend says of its models, and since when; pure state, told by the prober and by connections. */
import type { ModelVersionStatus } from '../../codec/index.ts';
import { stateName, type VersionState } from '../../models/index.ts';

export function toVersionState(status: ModelVersionStatus): VersionState {
  const { version, state, errorCode, errorMessage } = status;
  return { version, state: stateName(state), errorCode, errorMessage };
}

export interface HealthEvents {
  /** A version became AVAILABLE here, or stopped being so. */
  onVersion(model: string, version: bigint, available: boolean): void;
  /** Anything that picking depends on has changed. */
  onChange(model: string): void;
}

export class ModelHealth {
  readonly #events: HealthEvents;
  readonly #models = new Map<string, readonly VersionState[]>();
  /** The backend answers at all. */
  up = false;
  /** Why not, in words. */
  reason = 'not asked yet';
  /** Look-ups in a row that timed out. */
  #timeouts = 0;

  constructor(events: HealthEvents) {
    this.#events = events;
  }

  /** The versions of a model here; undefined when the backend does not know it, or has not been asked. */
  versions(model: string): readonly VersionState[] | undefined {
    return this.#models.get(model);
  }

  /** True for any of its versions when none is given. False while the backend is down. */
  isAvailable(model: string, version?: bigint): boolean {
    if (!this.up) return false;
    const versions = this.#models.get(model);
    if (versions === undefined) return false;
    return versions.some(
      (state) => state.state === 'AVAILABLE' && (version === undefined || state.version === version),
    );
  }

  /** Something is about to change: look again soon. */
  get restless(): boolean {
    if (!this.up) return true;
    for (const versions of this.#models.values()) {
      for (const { state } of versions)
        if (state === 'START' || state === 'LOADING' || state === 'UNLOADING') return true;
    }
    return false;
  }

  /** A look succeeded; undefined versions mean that the backend does not know the model. */
  saw(model: string, versions: readonly VersionState[] | undefined): void {
    this.cameUp();
    const before = this.#models.get(model);
    if (versions === undefined) this.#models.delete(model);
    else this.#models.set(model, versions);
    this.#compare(model, before, versions);
  }

  /** The backend answered something, whatever it was. */
  cameUp(): void {
    this.#timeouts = 0;
    if (this.up) return;
    this.up = true;
    this.reason = '';
    for (const [model, versions] of this.#models) this.#compare(model, [], versions);
    if (this.#models.size === 0) this.#events.onChange('');
  }

  /** A look timed out: `fall` of them in a row, and the backend counts as down. */
  timedOut(fall: number, reason: string): void {
    if (++this.#timeouts >= fall) this.wentDown(reason);
  }

  /** The backend refuses connections, or one was lost. */
  wentDown(reason: string): void {
    this.reason = reason;
    if (!this.up) return;
    this.up = false;
    for (const [model, versions] of this.#models) this.#compare(model, versions, []);
    if (this.#models.size === 0) this.#events.onChange('');
  }

  forget(model: string): void {
    const before = this.#models.get(model);
    if (this.#models.delete(model)) this.#compare(model, before, undefined);
  }

  #compare(
    model: string,
    before: readonly VersionState[] | undefined,
    after: readonly VersionState[] | undefined,
  ): void {
    const had = availableOf(before);
    const has = availableOf(after);
    for (const version of has) if (!had.has(version)) this.#events.onVersion(model, version, true);
    for (const version of had) if (!has.has(version)) this.#events.onVersion(model, version, false);
    if (
      had.size !== has.size ||
      [...has].some((version) => !had.has(version)) ||
      (before === undefined) !== (after === undefined)
    ) {
      this.#events.onChange(model);
    }
  }
}

function availableOf(versions: readonly VersionState[] | undefined): Set<bigint> {
  return new Set((versions ?? []).filter(({ state }) => state === 'AVAILABLE').map(({ version }) => version));
}
