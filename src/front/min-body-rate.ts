/** How slowly the body of a request may come before the request is refused: a stalled one holds memory and a backend's stream. */
import type { Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';

export interface MinBodyRateOptions {
  /** For any body, in ms. */
  readonly bodyTimeoutMs: number;
  /** Large ones have this much time more. */
  readonly minBodyBytesPerSecond: number;
}

export class MinBodyRate {
  readonly #options: MinBodyRateOptions;
  readonly #clock: Clock;
  readonly #startMs: number;

  constructor(options: MinBodyRateOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#startMs = clock();
  }

  /** @param bytes that came so far. @throws StatusError DEADLINE_EXCEEDED */
  check(bytes: number): void {
    const { bodyTimeoutMs, minBodyBytesPerSecond } = this.#options;
    if (this.#clock() - this.#startMs <= bodyTimeoutMs + (bytes * 1000) / minBodyBytesPerSecond) return;
    throw new StatusError(
      Code.DEADLINE_EXCEEDED,
      `the request body is too slow: ${bytes} bytes came in more than ${bodyTimeoutMs} ms`,
    );
  }
}
