/** How long to wait for an answer before another backend is asked too: what the others of the fleet show to be normal. */
import type { Clock } from '../../call/index.ts';
import { LatencyDigest } from './digest.ts';

export interface DelayOptions {
  /** So many times what is normal; the quantile of late of a typical backend is. */
  readonly factor: number;
  readonly quantile: number;
  /** Never sooner, in ms: pauses of a healthy server are no reason. */
  readonly minDelayMs: number;
  /** While too little is known of a model, in ms. */
  readonly coldDelayMs: number;
}

/** A backend's distribution counts from so many samples on. */
const minSamples = 10;
const halfLifeMs = 10_000;
/** A delay is believed so long, in ms. */
const refreshMs = 250;
/** Kinds of calls (model and size) that are told apart; clients choose the names, so the oldest is forgotten. */
const maxKinds = 1000;

/** Powers of four: a batch of 32 images is not held against one image. */
const sizeClass = (bytes: number): number => Math.floor(Math.log2(Math.max(64, bytes)) / 2);

/** Calls of one model whose sizes are alike: their time is alike. */
export class Kind {
  readonly #options: DelayOptions;
  readonly #clock: Clock;
  readonly #backends = new Map<string, LatencyDigest>();
  #delayMs: number;
  #untilMs = 0;

  constructor(options: DelayOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#delayMs = options.coldDelayMs;
  }

  delayMs(): number {
    const now = this.#clock();
    if (now >= this.#untilMs) {
      this.#delayMs = this.#compute();
      this.#untilMs = now + refreshMs;
    }
    return this.#delayMs;
  }

  /** A backend took so long until its answer began, or had taken so long when it was given up. */
  record(backend: string, ms: number): void {
    let digest = this.#backends.get(backend);
    if (digest === undefined) {
      digest = new LatencyDigest(halfLifeMs, this.#clock);
      this.#backends.set(backend, digest);
    }
    digest.record(ms);
  }

  /** The lower median of the backends: one slow backend does not make slowness normal, a slow fleet does. */
  #compute(): number {
    const { factor, quantile, minDelayMs, coldDelayMs } = this.#options;
    const usual: number[] = [];
    for (const [name, digest] of this.#backends) {
      const { weight } = digest;
      if (weight === 0) this.#backends.delete(name);
      else if (weight >= minSamples) usual.push(digest.quantile(quantile) as number);
    }
    if (usual.length === 0) return coldDelayMs;
    usual.sort((a, b) => a - b);
    return Math.max(minDelayMs, factor * (usual[(usual.length - 1) >> 1] as number));
  }
}

export class HedgeDelays {
  readonly #options: DelayOptions;
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #kinds = new Map<string, Kind>();

  constructor(options: DelayOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** @param bytes size of the request message */
  kind(model: string, bytes: number): Kind {
    const key = `${model}\0${sizeClass(bytes)}`;
    let kind = this.#kinds.get(key);
    if (kind !== undefined) return kind;
    kind = new Kind(this.#options, this.#clock);
    this.#kinds.set(key, kind);
    if (this.#kinds.size > maxKinds) {
      const [oldest] = this.#kinds.keys();
      this.#kinds.delete(oldest as string);
    }
    return kind;
  }
}
