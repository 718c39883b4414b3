/** Room for a backend that is quick: as many calls at once as it answered of late in a few milliseconds. */
import type { Clock } from '../../base/clock.ts';

/** The pace is that of the last so many ms: soon known, and not a matter of chance. */
const windowMs = 100;
/** No pace makes it more. */
const mostCalls = 1000;

/**
 * A fixed limit is a time, too (Little's law): 64 calls are a second's work for a server that answers 64 a second,
 * and four milliseconds' for one that answers 16,000. There it holds nothing back but costs each call that waits.
 */
export class LittlesLawLimit {
  readonly #quickMs: number;
  readonly #clock: Clock;
  #calls = 0;
  #answered = 0;
  #fromMs: number;

  /** @param quickMs how long the work may take that a backend has at once, in ms; 0: no such room */
  constructor(quickMs: number, clock: Clock) {
    this.#quickMs = quickMs;
    this.#clock = clock;
    this.#fromMs = clock();
  }

  /** A call was answered well. */
  answered(): void {
    this.#answered++;
  }

  /** How many calls it may have at once by its pace alone; less than that is for a fixed limit to say. */
  get calls(): number {
    if (this.#quickMs === 0) return 0;
    const nowMs = this.#clock();
    const tookMs = nowMs - this.#fromMs;
    if (tookMs >= windowMs) {
      this.#calls = Math.min(mostCalls, Math.floor((this.#answered / tookMs) * this.#quickMs));
      this.#answered = 0;
      this.#fromMs = nowMs;
    }
    return this.#calls;
  }
}
