/** Token buckets by key, as the generic cell rate algorithm has them: one number for each key, and no timer. */
import type { Clock } from '../../call/index.ts';

export interface Rate {
  readonly perSecond: number;
  /** Calls that may come at once after a pause. */
  readonly burst: number;
}

export class Buckets {
  readonly #emissionMs: number;
  readonly #toleranceMs: number;
  readonly #maxKeys: number;
  readonly #clock: Clock;
  /** When each key's bucket is full again, in ms; the one that was used longest ago first. */
  readonly #fullAtMs = new Map<string, number>();

  /** @param maxKeys keys come from clients: the one that was used longest ago is forgotten, which forgives it its calls */
  constructor({ perSecond, burst }: Rate, maxKeys: number, clock: Clock) {
    this.#emissionMs = 1000 / perSecond;
    this.#toleranceMs = (burst - 1) * this.#emissionMs;
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  /** Takes a token: 0 when there was one, or in how many ms there will be. */
  take(key: string): number {
    const now = this.#clock();
    const fullAt = Math.max(this.#fullAtMs.get(key) ?? 0, now);
    const waitMs = fullAt - now - this.#toleranceMs;
    // binary fractions of a millisecond are no reason to refuse
    if (waitMs > 1e-6) return waitMs;
    this.#fullAtMs.delete(key);
    this.#fullAtMs.set(key, fullAt + this.#emissionMs);
    if (this.#fullAtMs.size > this.#maxKeys) {
      const [oldest] = this.#fullAtMs.keys();
      this.#fullAtMs.delete(oldest as string);
    }
    return 0;
  }
}
