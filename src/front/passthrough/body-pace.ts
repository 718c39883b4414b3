/** How long a client has kept its backend waiting for its body, against what it has brought. */
import type { Clock } from '../../base/clock.ts';
import type { MinBodyRateOptions } from '../min-body-rate.ts';

/**
 * Stopwatch of the time that a backend waited for a request body, less what the received bytes are worth at
 * `minBodyBytesPerSecond`. `leftMs` reaches 0 after `bodyTimeoutMs` of such time.
 */
export class BodyPace {
  readonly #options: MinBodyRateOptions;
  readonly #clock: Clock;
  /** Before the wait of now, which has begun then. */
  #waitedMs = 0;
  #sinceMs: number | undefined;
  #bytes = 0;

  constructor(options: MinBodyRateOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** From now on more of the body is waited for. */
  waits(): void {
    this.#sinceMs ??= this.#clock();
  }

  /** Nothing is waited for: it is the backend's turn, or all is here. */
  rests(): void {
    this.#waitedMs = this.#totalMs;
    this.#sinceMs = undefined;
  }

  /** So many bytes have come. */
  came(bytes: number): void {
    this.#bytes += bytes;
  }

  get #totalMs(): number {
    return this.#waitedMs + (this.#sinceMs === undefined ? 0 : this.#clock() - this.#sinceMs);
  }

  /**
   * By how much it is behind the pace that is expected while others want its place, in ms; 0 while nothing is waited
   * for.
   */
  get behindMs(): number {
    return this.#sinceMs === undefined ? 0 : this.#behindMs;
  }

  get #behindMs(): number {
    return this.#totalMs - (this.#bytes * 1000) / this.#options.minBodyBytesPerSecond;
  }

  /** How long may be waited for more, in ms. */
  get leftMs(): number {
    return Math.max(0, this.#options.bodyTimeoutMs - this.#behindMs);
  }
}
