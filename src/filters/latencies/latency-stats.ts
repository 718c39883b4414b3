/** How long answers take of late, by model, size of request and backend: what hedging and admission go by. */
import type { Clock } from '../../base/clock.ts';
import { ByModel, FirstAnswers, isSameModel, type ModelRef } from '../../call/index.ts';
import { LatencyDigest } from './digest.ts';

/** A backend's distribution counts from so many samples on, and the fastest answer from so many of all backends. */
const minSamples = 10;
const halfLifeMs = 10_000;
/** Figures are believed so long, in ms. */
const refreshMs = 250;
/** Kinds of calls (model and size) that are told apart; clients choose the names, so the oldest is forgotten. */
const maxKinds = 1000;
/** What the fastest answer took is told of the last one to two of these, in ms. */
const recentMs = 1000;
/** And no longer than this after the last answer: nobody knows whether the backends' queues are still there. In ms. */
const freshMs = 250;

/** What is known of one backend. */
interface Known {
  readonly digest: LatencyDigest;
  readonly answers: FirstAnswers;
}

/** Powers of four from 64 bytes to 2 GiB: a batch of 32 images is not held against one image. */
const sizeClass = (bytes: number): number =>
  ((31 - Math.clz32(Math.max(64, Math.min(bytes, 0x7fffffff)))) >> 1) - 3;

/** Calls of one model whose sizes are alike: their time is alike. */
export class LatencyClass {
  readonly #quantile: number;
  readonly #clock: Clock;
  readonly #backends = new Map<string, Known>();
  /** Of all backends together: a second of silence, and nothing is known of their queues. */
  readonly #answers = new FirstAnswers(recentMs);
  #usualMs: number | undefined;
  #untilMs = 0;
  /** Answers of this window and the one before: how many, and the least that one took. */
  #recent = { startMs: 0, count: 0, leastMs: Number.POSITIVE_INFINITY };
  #before = { startMs: 0, count: 0, leastMs: Number.POSITIVE_INFINITY };

  constructor(quantile: number, clock: Clock) {
    this.#quantile = quantile;
    this.#clock = clock;
  }

  /** A backend took so long until its answer began. */
  answered(backend: string, ms: number): void {
    const nowMs = this.#clock();
    if (this.#answers.answered(nowMs - ms, nowMs)) {
      this.#turn();
      this.#recent.count++;
      this.#recent.leastMs = Math.min(this.#recent.leastMs, ms);
    }
    let known = this.#backends.get(backend);
    if (known === undefined) {
      known = { digest: new LatencyDigest(halfLifeMs, this.#clock), answers: new FirstAnswers(halfLifeMs) };
      this.#backends.set(backend, known);
    }
    if (known.answers.answered(nowMs - ms, nowMs)) known.digest.record(ms);
  }

  /** A backend had taken so long when it was given up: its answer would have taken longer. */
  gaveUp(backend: string, ms: number): void {
    const known = this.#backends.get(backend);
    if (known?.answers.measures(this.#clock() - ms) === true) known.digest.record(ms);
  }

  /**
   * What nearly all answers of a typical backend take, in ms; undefined while too little is known. Of the backends it
   * is the lower median: one slow backend does not make slowness normal, a slow fleet does.
   */
  get usualMs(): number | undefined {
    this.#refresh();
    return this.#usualMs;
  }

  /**
   * The fastest answer of the last second or two, in ms; 0 while too little is known. It rises and falls with the
   * queues of backends.
   */
  get leastMs(): number {
    if (this.#clock() - this.#answers.lastMs > freshMs) return 0;
    this.#turn();
    const { count, leastMs } = this.#before;
    return count + this.#recent.count < minSamples ? 0 : Math.min(leastMs, this.#recent.leastMs);
  }

  #turn(): void {
    const now = this.#clock();
    const age = now - this.#recent.startMs;
    if (age < recentMs) return;
    const fresh = { startMs: now, count: 0, leastMs: Number.POSITIVE_INFINITY };
    this.#before = age < 2 * recentMs ? this.#recent : { ...fresh };
    this.#recent = fresh;
  }

  #refresh(): void {
    const now = this.#clock();
    if (now < this.#untilMs) return;
    this.#untilMs = now + refreshMs;
    const usual: number[] = [];
    for (const [name, { digest, answers }] of this.#backends) {
      const { weight } = digest;
      // one that has answered for the first time has no weight yet
      if (weight === 0 && now - answers.lastMs > halfLifeMs) this.#backends.delete(name);
      if (weight >= minSamples) usual.push(digest.quantile(this.#quantile) as number);
    }
    usual.sort((a, b) => a - b);
    this.#usualMs = usual[(usual.length - 1) >> 1];
  }
}

/** Latency statistics by model and request size; bounded, so that models are forgotten beyond the limit. */
export class LatencyStats {
  readonly #quantile: number;
  readonly #clock: Clock;
  /** By model, then by class of size; the oldest model of a fleet first. */
  readonly #models = new ByModel<(LatencyClass | undefined)[]>();
  #kinds = 0;

  /** @param quantile the share (0 to 1) that "nearly all" means */
  constructor(quantile: number, clock: Clock) {
    this.#quantile = quantile;
    this.#clock = clock;
  }

  /** @param bytes size of the request message */
  kind(model: ModelRef, bytes: number): LatencyClass {
    const size = sizeClass(bytes);
    const known = this.#models.get(model)?.[size];
    if (known !== undefined) return known;
    const kind = new LatencyClass(this.#quantile, this.#clock);
    const sizes = this.#models.get(model) ?? [];
    sizes[size] = kind;
    this.#models.set(model, sizes);
    if (++this.#kinds > maxKinds) this.#forgetOldest(model);
    return kind;
  }

  /**
   * The default fleet's first, which all names that clients make up are counted to.
   * @param but the model that was asked for just now
   */
  #forgetOldest(but: ModelRef): void {
    for (const [model, sizes] of this.#models.entries()) {
      if (isSameModel(model, but)) continue;
      this.#kinds -= sizes.filter((kind) => kind !== undefined).length;
      this.#models.delete(model);
      return;
    }
  }

  /** The same, if there is one. */
  find(model: ModelRef, bytes: number): LatencyClass | undefined {
    return this.#models.get(model)?.[sizeClass(bytes)];
  }
}
