/** How many calls a backend takes at once: as configured, as its pace allows, or as its latency tells. */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { ConcurrencyOptions } from '../options.ts';
import { LittlesLawLimit } from './littles-law-limit.ts';

/** The limit is looked at anew after so long, and so many calls. In ms. */
const windowMs = 200;
const minSamples = 10;
/** Calls may take so many times what they take at an idle backend: a short queue there keeps it busy. */
const tolerance = 2;
/** Part of the way to what the window says: one window may be wrong. */
const smoothing = 0.6;
/** Where an adaptive limit begins: enough for most servers, and less to wait for where it is too much. */
const firstLimit = 16;
/**
 * The newest times of a model that are looked at for what an idle backend takes; before there are so many nothing is
 * known.
 */
const recentTimes = 5;
/** A shorter time is believed soon, a longer one slowly and only of a backend that has little to do. */
const downWeight = 0.3;
const upWeight = 0.05;

/** What calls of one model take at an idle backend. */
class IdleTime {
  readonly #recent: number[] = [];
  /** Undefined until there are enough. */
  ms: number | undefined;

  /** @param idle the backend had little to do */
  add(tookMs: number, idle: boolean): void {
    const recent = this.#recent;
    recent.push(tookMs);
    if (recent.length > recentTimes) recent.shift();
    if (recent.length < recentTimes) return;
    // the second shortest: one quick answer (an empty batch, a refusal) is not what calls take
    const quickMs = recent.toSorted((a, b) => a - b)[1] as number;
    if (this.ms === undefined || quickMs < this.ms)
      this.ms = this.ms === undefined ? quickMs : this.ms + downWeight * (quickMs - this.ms);
    else if (idle) this.ms += upWeight * (tookMs - this.ms);
  }
}

const firstOf = ({ adaptive, maxInFlight }: Pick<ConcurrencyOptions, 'adaptive' | 'maxInFlight'>): number =>
  adaptive ? Math.min(firstLimit, maxInFlight) : maxInFlight;

/**
 * The gradient of Netflix's concurrency-limits and Envoy's adaptive concurrency: what a call takes at an idle
 * backend, over what calls take now. Models differ, so each is compared with itself, and the lower quartile counts: a
 * large batch among small ones is slow for its own reasons, a queue makes all of them slow.
 */
export class ConcurrencyLimit {
  #options: Omit<ConcurrencyOptions, 'maxStreams'>;
  readonly #clock: Clock;
  readonly #idle = new Map<string, IdleTime>();
  #quick: LittlesLawLimit;
  #limit: number;
  #ratios: number[] = [];
  #busiest = 0;
  #windowEndMs: number;

  constructor(options: Omit<ConcurrencyOptions, 'maxStreams'>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#quick = new LittlesLawLimit(options.adaptive ? 0 : options.quickMs, clock);
    this.#limit = firstOf(options);
    this.#windowEndMs = clock() + windowMs;
  }

  /** A reload changed the options: what was learnt stays within them. */
  configure(options: ConcurrencyOptions): void {
    if (isDeepStrictEqual(options, this.#options)) return;
    const learnt = this.#options.adaptive && options.adaptive;
    this.#options = options;
    this.#quick = new LittlesLawLimit(options.adaptive ? 0 : options.quickMs, this.#clock);
    this.#limit = learnt ? Math.min(this.#limit, options.maxInFlight) : firstOf(options);
  }

  get limit(): number {
    return Math.max(Math.floor(this.#limit), this.#quick.calls);
  }

  /** A call was answered well. */
  answered(): void {
    this.#quick.answered();
  }

  /** A call went well, or took too long. @param inFlight calls at the backend when it ended, itself included */
  ended(model: string, tookMs: number, inFlight: number): void {
    if (!this.#options.adaptive) return;
    let idle = this.#idle.get(model);
    if (idle === undefined) this.#idle.set(model, (idle = new IdleTime()));
    idle.add(tookMs, inFlight <= this.#options.minInFlight);
    if (idle.ms === undefined) return;
    this.#ratios.push(tookMs / Math.max(idle.ms, 0.1));
    this.#busiest = Math.max(this.#busiest, inFlight);
    if (this.#clock() >= this.#windowEndMs && this.#ratios.length >= minSamples) this.#adapt();
  }

  forget(model: string): void {
    this.#idle.delete(model);
  }

  #adapt(): void {
    const { minInFlight, maxInFlight } = this.#options;
    const ratios = this.#ratios.sort((a, b) => a - b);
    const quartile = ratios[Math.floor(ratios.length / 4)] as number;
    const gradient = Math.min(1, Math.max(0.5, tolerance / quartile));
    // room for growth, and none that nobody uses
    const room = this.#busiest * 2 >= this.#limit ? Math.sqrt(this.#limit) : 0;
    const aim = this.#limit * gradient + room;
    const next = this.#limit + smoothing * (aim - this.#limit);
    this.#limit = Math.min(maxInFlight, Math.max(Math.min(minInFlight, maxInFlight), next));
    this.#ratios = [];
    this.#busiest = 0;
    this.#windowEndMs = this.#clock() + windowMs;
  }
}
