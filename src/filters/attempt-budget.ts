/**
 * How many extra attempts are allowed: a share of the calls of late, so that a fleet in trouble is not asked twice
 * for everything.
 */
import type { Clock } from '../base/clock.ts';
import { SlidingWindow } from '../base/sliding-window.ts';

export interface AttemptBudgetOptions {
  /** Extra attempts for each hundred calls. */
  readonly percent: number;
  /** Extra attempts a second that are always allowed. */
  readonly minPerSecond: number;
  /** For how long calls count, in ms. */
  readonly windowMs: number;
}

/**
 * Budget for retries and hedged attempts over a sliding window: `percent` of the calls in it plus
 * `minPerSecond`. (Envoy's retry budget counts the active requests of the moment in the place of a window.)
 */
export class AttemptBudget {
  readonly #options: AttemptBudgetOptions;
  readonly #clock: Clock;
  /** Calls, and extra attempts. */
  readonly #window: SlidingWindow;

  constructor(options: AttemptBudgetOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#window = new SlidingWindow(options.windowMs);
  }

  called(): void {
    this.#window.add(this.#clock(), 1, 0);
  }

  /** Takes one extra attempt out of the budget; false when it is used up. */
  take(): boolean {
    const nowMs = this.#clock();
    const { first: calls, second: extras } = this.#window.sums(nowMs);
    const { percent, minPerSecond, windowMs } = this.#options;
    if (extras + 1 > (calls * percent) / 100 + (minPerSecond * windowMs) / 1000) return false;
    this.#window.add(nowMs, 0, 1);
    return true;
  }
}
