/** What one backend lists of its models: asked when it comes up and every few seconds, and no sign of its health. */
import { jittered } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { detach } from '../../base/faults.ts';
import type { V2ModelIndex } from '../../codec/index.ts';
import { versionOf, type VersionState } from '../../models/index.ts';
import type { HealthOptions } from '../options.ts';

/** An answer that is not taken leaves the last one in place, as an error does. */
export type Listing = { readonly models: readonly V2ModelIndex[] } | 'no list' | 'not taken';

export interface RepositoryDeps {
  readonly isUp: () => boolean;
  readonly options: () => Pick<HealthOptions, 'intervalMs' | 'fastIntervalMs'>;
  /** Asks the backend, or another process that has asked it. */
  readonly list: () => Promise<Listing>;
  /** As the prober has it. */
  readonly reserve: (lane: 'urgent' | 'routine') => number;
  readonly clock: Clock;
  readonly random: () => number;
}

const nothing: readonly V2ModelIndex[] = [];

/**
 * Cache of one backend's model list (KServe V2's RepositoryIndex): fetched when the backend comes up, every
 * `intervalMs` and after a change of a model. A failed fetch leaves the last list.
 */
export class Repository {
  readonly #deps: RepositoryDeps;
  #models = nothing;
  #versions: ReadonlyMap<string, readonly VersionState[]> = new Map();
  #wasUp = false;
  /** The server has no list: it is not asked again before it has been away. */
  #lacking = false;
  #stopped = false;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  /** Something happened while a look was under way. */
  #again = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RepositoryDeps) {
    this.#deps = deps;
  }

  /** The last answer; empty when there was none. */
  get models(): readonly V2ModelIndex[] {
    return this.#models;
  }

  has(model: string): boolean {
    return this.#versions.has(model);
  }

  /** The versions of a model; undefined when it is not in the list. */
  versions(model: string): readonly VersionState[] | undefined {
    return this.#versions.get(model);
  }

  get names(): Iterable<string> {
    return this.#versions.keys();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Resolves when a look that is under way has ended. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  /** The backend has come up, or gone down. */
  hostChanged(): void {
    const up = this.#deps.isUp();
    if (up === this.#wasUp) return;
    this.#wasUp = up;
    clearTimeout(this.#timer);
    if (!up) return;
    // another server may be there now
    this.#lacking = false;
    this.#lookedMs = Number.NEGATIVE_INFINITY;
    this.#look();
  }

  /** One of its models has changed: the list is out of date. */
  refreshSoon(): void {
    if (this.#looking === undefined) this.#scheduleIn(0);
    else this.#again = true;
  }

  /** @param ms from now; no sooner after the last look than the fast interval */
  #scheduleIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#lacking || !this.#wasUp) return;
    const { clock, options } = this.#deps;
    const soonestMs = this.#lookedMs + options().fastIntervalMs - clock();
    this.#timer = setTimeout(
      () => {
        this.#look();
      },
      Math.max(1, ms, soonestMs),
    ).unref();
  }

  #look(): void {
    if (this.#looking !== undefined) {
      this.#again = true;
      return;
    }
    const looking = this.#ask().finally(() => {
      this.#looking = undefined;
      const again = this.#again;
      this.#again = false;
      this.#scheduleIn(again ? 0 : this.#intervalMs());
    });
    this.#looking = looking;
    detach('backend', looking);
  }

  async #ask(): Promise<void> {
    const { reserve, list, clock } = this.#deps;
    const waitMs = reserve('routine');
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    if (this.#stopped) return;
    this.#lookedMs = clock();
    let listing: Listing;
    try {
      listing = await list();
    } catch {
      // whether it is well is for others to find out; what it said last holds until it is out
      return;
    }
    if (listing === 'not taken') return;
    this.#lacking = listing === 'no list';
    this.#become(listing === 'no list' ? nothing : listing.models);
  }

  #become(models: readonly V2ModelIndex[]): void {
    const versions = new Map<string, VersionState[]>();
    for (const entry of models) {
      const of = versions.get(entry.name) ?? [];
      versions.set(entry.name, of);
      const version = versionOf(entry);
      if (version !== undefined) of.push(version);
    }
    this.#models = models;
    this.#versions = versions;
  }

  #intervalMs(): number {
    const { options, random } = this.#deps;
    const { intervalMs, fastIntervalMs } = options();
    const restless = this.#models.some(({ state }) => state === 'LOADING' || state === 'UNLOADING');
    // plus or minus a fifth, so that gateways do not march in step
    return jittered(restless ? fastIntervalMs : intervalMs, random);
  }
}
