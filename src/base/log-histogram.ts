/** Counts of positive values in buckets whose edges grow by a constant factor: quantiles with a constant relative error. */

export interface LogScale {
  /** Upper edge of the first bucket. */
  readonly first: number;
  /** Buckets for each doubling: a quantile's upper edge is at most 2^(1/perDoubling) times the value. */
  readonly perDoubling: number;
  readonly buckets: number;
}

/**
 * Histogram with logarithmic buckets: bucket i holds values above `first * 2^((i-1)/perDoubling)` up to
 * `first * 2^(i/perDoubling)`; the first holds all below it too, the last all above it. Values have one unit of the
 * caller's choice.
 */
export class LogHistogram {
  readonly #scale: LogScale;
  readonly counts: Float64Array;
  // no small integer, as which 0 would be kept: the first fraction (a scaled count) would be another shape, and V8 would
  // compile what reads it again and again for the old one (hot: 0020)
  total = -0;

  constructor(scale: LogScale) {
    this.#scale = scale;
    this.counts = new Float64Array(scale.buckets);
  }

  add(value: number): void {
    const { first, perDoubling, buckets } = this.#scale;
    const bucket =
      value <= first ? 0 : Math.min(buckets - 1, Math.ceil(Math.log2(value / first) * perDoubling));
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.total++;
  }

  /** The bucket in which this share (0 to 1) of the values ends; undefined when there are none. */
  #bucketAt(share: number): number | undefined {
    if (this.total <= 0) return undefined;
    const last = this.#scale.buckets - 1;
    // counts that were scaled are binary fractions: what is left of them is no value
    let left = this.total * share - 1e-6;
    for (let i = 0; i < last; i++) if ((left -= this.counts[i] as number) <= 0) return i;
    return last;
  }

  /** Upper edge of the bucket in which this share (0 to 1) of the values ends; undefined when there are none. */
  upperEdge(share: number): number | undefined {
    const bucket = this.#bucketAt(share);
    return bucket === undefined ? undefined : this.#edge(bucket);
  }

  /** Geometric middle of the bucket in which this share (0 to 1) of the values ends; undefined when there are none. */
  middle(share: number): number | undefined {
    const bucket = this.#bucketAt(share);
    return bucket === undefined ? undefined : this.#edge(Math.max(0, bucket - 0.5));
  }

  #edge(bucket: number): number {
    return this.#scale.first * 2 ** (bucket / this.#scale.perDoubling);
  }

  /** Multiplies all counts: with a factor below 1 older values count less than those to come. */
  scale(factor: number): void {
    let total = 0;
    for (let i = 0; i < this.counts.length; i++)
      total += this.counts[i] = (this.counts[i] as number) * factor;
    this.total = total;
  }

  clear(): void {
    this.counts.fill(0);
    this.total = 0;
  }

  /** What was added after `earlier` was copied from this one; both have the same scale. */
  since(earlier: LogHistogram): LogHistogram {
    const difference = new LogHistogram(this.#scale);
    for (let i = 0; i < this.counts.length; i++)
      difference.counts[i] = (this.counts[i] as number) - (earlier.counts[i] as number);
    difference.total = this.total - earlier.total;
    return difference;
  }

  copy(): LogHistogram {
    return this.since(new LogHistogram(this.#scale));
  }
}
