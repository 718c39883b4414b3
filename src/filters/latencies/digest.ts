/**
 * A latency distribution of late in under a kilobyte: buckets in steps of a quarter octave, halved every so often.
 */
import type { Clock } from '../../base/clock.ts';
import { LogHistogram } from '../../base/log-histogram.ts';

/** In ms, 0.25 ms to 58 minutes: a quantile is at most 19 % too high. */
const scale = { first: 0.25, perDoubling: 4, buckets: 96 };

/** Histogram of latencies with exponential decay; record() takes ms, quantile() returns ms. */
export class LatencyDigest {
  readonly #histogram = new LogHistogram(scale);
  readonly #clock: Clock;
  readonly #halfLifeMs: number;
  #halvedMs: number;

  /** @param halfLifeMs after which a sample counts half as much */
  constructor(halfLifeMs: number, clock: Clock) {
    this.#clock = clock;
    this.#halfLifeMs = halfLifeMs;
    this.#halvedMs = clock();
  }

  /** Samples of late; older ones count in part. */
  get weight(): number {
    this.#decay();
    return this.#histogram.total;
  }

  record(ms: number): void {
    this.#decay();
    this.#histogram.add(ms);
  }

  /**
   * The upper edge of the bucket below or in which this share (0 to 1) of the samples lies, in ms; undefined without
   * any.
   */
  quantile(share: number): number | undefined {
    this.#decay();
    return this.#histogram.upperEdge(share);
  }

  #decay(): void {
    const halvings = Math.floor((this.#clock() - this.#halvedMs) / this.#halfLifeMs);
    if (halvings < 1) return;
    this.#halvedMs += halvings * this.#halfLifeMs;
    this.#histogram.scale(2 ** -Math.min(halvings, 60));
    // what is left of a long silence says nothing any more
    if (this.#histogram.total < 0.5) this.#histogram.clear();
  }
}
