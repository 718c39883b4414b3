/**
 * A latency distribution of late in a few hundred bytes: buckets in steps of a quarter octave, halved every so often.
 */
import type { Clock } from '../../base/clock.ts';

/** Buckets for each doubling: a quantile is at most 19 % too high. */
const perOctave = 4;
/** Upper edge of the first bucket, in ms. */
const firstMs = 0.25;
/** 0.25 ms to 58 minutes. */
const buckets = 24 * perOctave;

function bucketOf(ms: number): number {
  if (ms <= firstMs) return 0;
  return Math.min(buckets - 1, Math.ceil(Math.log2(ms / firstMs) * perOctave));
}

/** Histogram of latencies with exponential decay; record() takes ms, quantile() returns ms. */
export class LatencyDigest {
  readonly #counts = new Float32Array(buckets);
  readonly #clock: Clock;
  readonly #halfLifeMs: number;
  #halvedMs: number;
  // no small integer, as which 0 would be kept: the first fraction, a half-life later, would be another shape, and V8
  // would compile what reads it again and again for the old one (hot: 0020)
  #total = -0;

  /** @param halfLifeMs after which a sample counts half as much */
  constructor(halfLifeMs: number, clock: Clock) {
    this.#clock = clock;
    this.#halfLifeMs = halfLifeMs;
    this.#halvedMs = clock();
  }

  /** Samples of late; older ones count in part. */
  get weight(): number {
    this.#decay();
    return this.#total;
  }

  record(ms: number): void {
    this.#decay();
    const bucket = bucketOf(ms);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#total++;
  }

  /**
   * The upper edge of the bucket below or in which this share (0 to 1) of the samples lies, in ms; undefined without
   * any.
   */
  quantile(share: number): number | undefined {
    this.#decay();
    if (this.#total <= 0) return undefined;
    let left = this.#total * share;
    for (let i = 0; i < buckets; i++) {
      left -= this.#counts[i] as number;
      if (left <= 1e-6) return firstMs * 2 ** (i / perOctave);
    }
    return firstMs * 2 ** ((buckets - 1) / perOctave);
  }

  #decay(): void {
    const halvings = Math.floor((this.#clock() - this.#halvedMs) / this.#halfLifeMs);
    if (halvings < 1) return;
    this.#halvedMs += halvings * this.#halfLifeMs;
    const factor = 2 ** -Math.min(halvings, 60);
    let total = 0;
    for (let i = 0; i < buckets; i++) total += this.#counts[i] = (this.#counts[i] as number) * factor;
    // what is left of a long silence says nothing any more
    if (total >= 0.5) this.#total = total;
    else {
      this.#counts.fill(0);
      this.#total = 0;
    }
  }
}
