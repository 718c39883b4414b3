/** Counts of latencies in buckets fine enough for percentiles that people read: eight to each doubling, 9 % apart. */

const perDoubling = 8;
/** From 1 us to 2^32 us, which is over an hour. */
const size = 32 * perDoubling;

/**
 * Histogram of durations in ms from 1 us to 2^32 us, eight buckets to each doubling; since() subtracts an
 * earlier copy.
 */
export class Latencies {
  readonly #buckets = new Float64Array(size);
  #count = 0;

  add(durationMs: number): void {
    const bucket = Math.floor(Math.log2(durationMs * 1000) * perDoubling);
    // log2 of 0 is -Infinity
    this.#buckets[Math.min(size - 1, Math.max(0, bucket))]!++;
    this.#count++;
  }

  copy(): Latencies {
    return this.since(new Latencies());
  }

  /** What was added after an earlier copy was made. */
  since(earlier: Latencies): Latencies {
    const difference = new Latencies();
    for (let i = 0; i < size; i++)
      difference.#buckets[i] = (this.#buckets[i] as number) - (earlier.#buckets[i] as number);
    difference.#count = this.#count - earlier.#count;
    return difference;
  }

  /** In ms, the middle of the bucket that holds it; null when nothing was added. */
  percentile(share: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let below = 0;
    for (let i = 0; i < size; i++) {
      below += this.#buckets[i] as number;
      if (below >= rank) return 2 ** ((i + 0.5) / perDoubling) / 1000;
    }
    return null;
  }
}
