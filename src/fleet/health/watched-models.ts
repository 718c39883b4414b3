/** Which models are watched: the configured ones, and those that calls asked for and some backend has. */
import type { Clock } from '../../base/clock.ts';
import type { Cancellation } from '../../call/index.ts';

/** A model that nobody has is not looked for again so soon, in ms. */
const unknownForMs = 5000;
/** Names of models that nobody has, remembered at most: they come from clients. */
const maxUnknown = 10_000;

/**
 * Set of the models that are probed: the configured ones, and up to `maxLearnt` that calls asked for, of which the
 * oldest is dropped for a new one. A model that no backend has is not looked up again for 5 s.
 */
export class WatchedModels {
  #configured: ReadonlySet<string> = new Set();
  #maxLearnt = 0;
  readonly #clock: Clock;
  /** In the order in which they were learnt. */
  readonly #learnt = new Set<string>();
  readonly #unknownUntilMs = new Map<string, number>();
  readonly #looking = new Map<string, Promise<void>>();
  #dropped: string[] = [];

  constructor(configured: readonly string[], maxLearnt: number, clock: Clock) {
    this.#clock = clock;
    this.configure(configured, maxLearnt);
  }

  /** Watches other models from now on; learnt ones stay. */
  configure(configured: readonly string[], maxLearnt: number): void {
    // what is not configured any more is watched as if a call had asked for it
    for (const model of this.#configured) if (!configured.includes(model)) this.#add(model);
    this.#configured = new Set(configured);
    for (const model of configured) this.#learnt.delete(model);
    this.#maxLearnt = maxLearnt;
  }

  isConfigured(model: string): boolean {
    return this.#configured.has(model);
  }

  has(model: string): boolean {
    return this.#configured.has(model) || this.#learnt.has(model);
  }

  names(): readonly string[] {
    return [...this.#configured, ...this.#learnt];
  }

  /** The first look for a model is under way: what is known of it is a part. */
  isLookingFor(model: string): boolean {
    return this.#looking.size > 0 && this.#looking.has(model);
  }

  /** Models that are not watched any more since the last time of asking. */
  dropped(): readonly string[] {
    const dropped = this.#dropped;
    if (dropped.length > 0) this.#dropped = [];
    return dropped;
  }

  /**
   * Looks for a model once, however many calls ask for it at the same time.
   * @param look resolves to whether anybody has it
   */
  async learn(model: string, look: () => Promise<boolean>, cancellation: Cancellation): Promise<void> {
    if (this.#configured.has(model) || this.#learnt.has(model)) return;
    if ((this.#unknownUntilMs.get(model) ?? 0) > this.#clock()) return;
    let looking = this.#looking.get(model);
    if (looking === undefined) {
      // watched from now on, so that what the look finds is kept
      looking = look()
        .then((found) => {
          if (found) this.#add(model);
          else this.#miss(model);
        })
        .finally(() => this.#looking.delete(model));
      this.#looking.set(model, looking);
    }
    let stop = (): void => undefined;
    const cancelled = new Promise<never>((_, reject) => {
      stop = cancellation.onCancel(reject);
    });
    try {
      await Promise.race([looking, cancelled]);
    } finally {
      stop();
    }
  }

  #add(model: string): void {
    this.#learnt.add(model);
    if (this.#learnt.size <= this.#maxLearnt) return;
    const [oldest] = this.#learnt;
    this.#learnt.delete(oldest as string);
    this.#dropped.push(oldest as string);
  }

  #miss(model: string): void {
    if (this.#unknownUntilMs.size >= maxUnknown) this.#unknownUntilMs.clear();
    this.#unknownUntilMs.set(model, this.#clock() + unknownForMs);
  }
}
