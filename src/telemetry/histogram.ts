/** Latency histograms in microseconds with the bucket edges of OpenVINO Model Server, so that its dashboards fit. */

/**
 * Upper edges in microseconds: floor(10 x 1.8^i) for i = 0..32, which is 10 us to 25 minutes (OVMS's metric_config).
 */
export const bucketEdgesUs: readonly number[] = Array.from({ length: 33 }, (_, i) =>
  Math.floor(10 * 1.8 ** i),
);

/** Counts of one series; buckets are not cumulative here, only when rendered. */
export class Histogram {
  /** One more than the edges: the last is what lies above all of them. */
  readonly buckets = new Float64Array(bucketEdgesUs.length + 1);
  sumUs = 0;
  count = 0;

  observe(us: number): void {
    this.buckets[bucketOf(us)]!++;
    this.sumUs += us;
    this.count++;
  }
}

/** The first bucket whose edge is not below the value (Prometheus: le means less than or equal). */
export function bucketOf(us: number): number {
  let low = 0;
  let high = bucketEdgesUs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (us <= (bucketEdgesUs[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}
