/**
 * How many extra attempts are allowed: a share of the calls of late, so that a fleet in trouble is not asked twice
 * for everything.
 */
import type { Clock } from '../base/clock.ts';

export interface AttemptBudgetOptions {
  /** Extra attempts for each hundred calls. */
  readonly percent: number;
  /** Extra attempts a second that are always allowed. */
  readonly minPerSecond: number;
  /** For how long calls count, in ms. */
  readonly windowMs: number;
}

const slots = 10;

/**
 * Budget for retries and hedged attempts over a sliding window: `percent` of the calls in it plus
 * `minPerSecond`. (Envoy's retry budget counts the active requests of the moment in the place of a window.)
 */
export class AttemptBudget {
  readonly #options: AttemptBudgetOptions;
  readonly #clock: Clock;
  /** Calls and extra attempts of each tenth of the window, and which tenth it is. */
  readonly #calls = new Float64Array(slots);
  readonly #extras = new Float64Array(slots);
  readonly #tick = new Float64Array(slots).fill(-1);

  constructor(options: AttemptBudgetOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  #slot(): number {
    const tick = Math.floor(this.#clock() / (this.#options.windowMs / slots));
    const slot = tick % slots;
    if (this.#tick[slot] !== tick) {
      this.#tick[slot] = tick;
      this.#calls[slot] = 0;
      this.#extras[slot] = 0;
    }
    return slot;
  }

  called(): void {
    const slot = this.#slot();
    this.#calls[slot] = (this.#calls[slot] as number) + 1;
  }

  /** Takes one extra attempt out of the budget; false when it is used up. */
  take(): boolean {
    const slot = this.#slot();
    const oldest = (this.#tick[slot] as number) - slots;
    let calls = 0;
    let extras = 0;
    for (let i = 0; i < slots; i++) {
      if ((this.#tick[i] as number) <= oldest) continue;
      calls += this.#calls[i] as number;
      extras += this.#extras[i] as number;
    }
    const { percent, minPerSecond, windowMs } = this.#options;
    if (extras + 1 > (calls * percent) / 100 + (minPerSecond * windowMs) / 1000) return false;
    this.#extras[slot] = (this.#extras[slot] as number) + 1;
    return true;
  }
}
