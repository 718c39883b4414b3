/** Token buckets by key, as the generic cell rate algorithm has them: one number for each key, and no timer. */
import type { Clock } from '../../base/clock.ts';

export interface Rate {
  readonly perSecond: number;
  /** Calls that may come at once after a pause. */
  readonly burst: number;
}

/** A rate as the algorithm wants it: what a call costs, and how far ahead of its time a bucket may be, in ms. */
export function cellsOf({ perSecond, burst }: Rate): { emissionMs: number; toleranceMs: number } {
  const emissionMs = 1000 / perSecond;
  return { emissionMs, toleranceMs: (burst - 1) * emissionMs };
}

/** Rate limiter by key (GCRA) for `perSecond` and `burst`; keeps at most `maxKeys` keys. */
export class GcraLimiter {
  readonly #emissionMs: number;
  readonly #toleranceMs: number;
  readonly #maxKeys: number;
  readonly #clock: Clock;
  /** When each key's bucket is full again, in ms; the one that was used longest ago first. */
  readonly #fullAtMs = new Map<string, number>();

  /**
   * @param maxKeys keys come from clients: the one that was used longest ago is forgotten, which forgives it its
   *   calls
   */
  constructor(rate: Rate, maxKeys: number, clock: Clock) {
    const { emissionMs, toleranceMs } = cellsOf(rate);
    this.#emissionMs = emissionMs;
    this.#toleranceMs = toleranceMs;
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  /** 0 when there is a token, or in how many ms there will be one. */
  waitMs(key: string): number {
    const now = this.#clock();
    const waitMs = (this.#fullAtMs.get(key) ?? now) - now - this.#toleranceMs;
    // binary fractions of a millisecond are no reason to refuse
    return waitMs > 1e-6 ? waitMs : 0;
  }

  /** Takes tokens, whether they are there or not: what was taken elsewhere is taken. */
  charge(key: string, tokens = 1): void {
    const fullAt = Math.max(this.#fullAtMs.get(key) ?? 0, this.#clock());
    this.#fullAtMs.delete(key);
    this.#fullAtMs.set(key, fullAt + tokens * this.#emissionMs);
    if (this.#fullAtMs.size > this.#maxKeys) {
      const [oldest] = this.#fullAtMs.keys();
      this.#fullAtMs.delete(oldest as string);
    }
  }
}
