/** Token bucket: `burst` events at once, `perSecond` of them from then on, counted without a timer. */
import type { Clock } from './clock.ts';

/** One bucket. Starts full, and is filled up to the moment whenever a token is taken. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  readonly #clock: Clock;
  #left: number;
  #refilledMs: number;

  /** @param burst tokens that it holds; below 1 none is ever given */
  constructor(burst: number, perSecond: number, clock: Clock) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#clock = clock;
    this.#left = burst;
    this.#refilledMs = clock();
  }

  /** Puts tokens back, up to the burst. */
  give(tokens: number): void {
    this.#left = Math.min(this.#burst, this.#left + tokens);
  }

  /** Takes a token; false when there is none. */
  take(): boolean {
    const now = this.#clock();
    this.#left = Math.min(this.#burst, this.#left + (now - this.#refilledMs) * this.#perMs);
    this.#refilledMs = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
