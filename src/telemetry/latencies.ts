/** Counts of latencies in buckets fine enough for percentiles that people read: eight to each doubling, 9 % apart. */
import { LogHistogram } from '../base/log-histogram.ts';

/** In ms: from 1 us to 2^32 us, which is over an hour. */
const scale = { first: 0.001, perDoubling: 8, buckets: 32 * 8 + 1 };

/** Histogram of durations in ms from 1 us to 2^32 us; since() subtracts an earlier copy. */
export class Latencies {
  readonly #histogram: LogHistogram;

  constructor(histogram = new LogHistogram(scale)) {
    this.#histogram = histogram;
  }

  add(durationMs: number): void {
    this.#histogram.add(durationMs);
  }

  copy(): Latencies {
    return new Latencies(this.#histogram.copy());
  }

  /** What was added after an earlier copy was made. */
  since(earlier: Latencies): Latencies {
    return new Latencies(this.#histogram.since(earlier.#histogram));
  }

  /** In ms, the middle of the bucket that holds it; null when nothing was added. */
  percentile(share: number): number | null {
    return this.#histogram.middle(share) ?? null;
  }
}
