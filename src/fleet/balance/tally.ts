/** Failures of one thing: how many in a row, and their share of late. */
import { SlidingWindow } from '../../base/sliding-window.ts';
import type { EjectionOptions } from '../options.ts';

/** What makes failures too many. */
export type TallyOptions = Pick<EjectionOptions, 'consecutiveErrors' | 'failurePercent' | 'minCalls'>;

/** The window in which shares of failures are looked at, in ms. */
const windowMs = 10_000;

/** Number of consecutive failures, and numbers of calls and failures in a sliding window of 10 s. */
export class Tally {
  consecutive = 0;
  /** Calls, and those that failed. */
  readonly #window = new SlidingWindow(windowMs);

  count(failed: boolean, nowMs: number): void {
    this.consecutive = failed ? this.consecutive + 1 : 0;
    this.#window.add(nowMs, 1, failed ? 1 : 0);
  }

  exceeds(options: TallyOptions, nowMs: number): boolean {
    if (options.consecutiveErrors > 0 && this.consecutive >= options.consecutiveErrors) return true;
    if (options.failurePercent === 0) return false;
    const { calls, failed } = this.counts(nowMs);
    return calls >= options.minCalls && failed * 100 > calls * options.failurePercent;
  }

  /** Of the last ten seconds. */
  counts(nowMs: number): { calls: number; failed: number } {
    const { first: calls, second: failed } = this.#window.sums(nowMs);
    return { calls, failed };
  }

  forget(): void {
    this.consecutive = 0;
    this.#window.clear();
  }
}
