/**
 * How soon a connection may be tried again: at once after one that was of use, later and later after those that did
 * not.
 */
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { guarded } from '../../base/faults.ts';

/** The first wait, doubled with every failure in a row up to the longest, in ms; each spread by a fifth either way. */
const firstMs = 25;
const longestMs = 1000;

/**
 * Exponential backoff of connection attempts: 25 ms after the first failure, doubled with each further one up to 1 s,
 * plus or minus 20 %. A connection that carried calls resets it.
 */
export class ReconnectBackoff {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #notBeforeMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Calls back when the next attempt may be made: within the call when that is now. */
  next(dial: () => void): void {
    const waitMs = this.#notBeforeMs - this.#clock();
    if (waitMs <= 0) dial();
    else this.#timer = setTimeout(guarded('backend', dial), waitMs).unref();
  }

  /** A connection is gone. @param used calls went over it; one that only came and went counts as a failure */
  ended(used: boolean): void {
    if (used) this.#failures = 0;
    else this.failed();
  }

  failed(): void {
    const waitMs = backoffMs(firstMs, longestMs, this.#failures++, this.#random);
    this.#notBeforeMs = this.#clock() + Math.round(waitMs);
  }

  /** No attempt follows. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
