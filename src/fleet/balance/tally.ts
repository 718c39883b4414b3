/** Failures of one thing: how many in a row, and their share of late. */
import type { EjectionOptions } from '../options.ts';

/** What makes failures too many. */
export type TallyOptions = Pick<EjectionOptions, 'consecutiveErrors' | 'failurePercent' | 'minCalls'>;

/** The window in which shares of failures are looked at, and the parts in which it is forgotten, in ms. */
const windowMs = 10_000;
const slots = 10;

/** Number of consecutive failures, and numbers of calls and failures in a sliding window of 10 s. */
export class Tally {
  consecutive = 0;
  readonly #calls = new Float64Array(slots);
  readonly #failed = new Float64Array(slots);
  readonly #tick = new Float64Array(slots).fill(-1);

  count(failed: boolean, nowMs: number): void {
    this.consecutive = failed ? this.consecutive + 1 : 0;
    const tick = Math.floor(nowMs / (windowMs / slots));
    const slot = tick % slots;
    if (this.#tick[slot] !== tick) {
      this.#tick[slot] = tick;
      this.#calls[slot] = 0;
      this.#failed[slot] = 0;
    }
    (this.#calls[slot] as number)++;
    if (failed) (this.#failed[slot] as number)++;
  }

  exceeds(options: TallyOptions, nowMs: number): boolean {
    if (options.consecutiveErrors > 0 && this.consecutive >= options.consecutiveErrors) return true;
    if (options.failurePercent === 0) return false;
    const { calls, failed } = this.counts(nowMs);
    return calls >= options.minCalls && failed * 100 > calls * options.failurePercent;
  }

  /** Of the last ten seconds. */
  counts(nowMs: number): { calls: number; failed: number } {
    const oldest = Math.floor(nowMs / (windowMs / slots)) - slots;
    let calls = 0;
    let failed = 0;
    for (let i = 0; i < slots; i++) {
      if ((this.#tick[i] as number) <= oldest) continue;
      calls += this.#calls[i] as number;
      failed += this.#failed[i] as number;
    }
    return { calls, failed };
  }

  forget(): void {
    this.consecutive = 0;
    this.#tick.fill(-1);
  }
}
