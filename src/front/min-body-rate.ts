/**
 * How slowly the body of a request may come before the request is refused: a stalled one holds memory and a backend's
 * stream.
 */
import type { Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';

export interface MinBodyRateOptions {
  /** For any body, in ms. */
  readonly bodyTimeoutMs: number;
  /** Large ones have this much time more. */
  readonly minBodyBytesPerSecond: number;
}

/**
 * Time limit of a request body that grows with what has come: `bodyTimeoutMs`, and one second more for each
 * `minBodyBytesPerSecond` bytes. Time in which the sender waits for the gateway is not counted.
 */
export class MinBodyRate {
  readonly #options: MinBodyRateOptions;
  readonly #clock: Clock;
  #startMs: number;
  /** When it was looked at last. */
  #lookedMs: number;

  constructor(options: MinBodyRateOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#startMs = this.#lookedMs = clock();
  }

  /**
   * @param bytes that came so far
   * @param waitsForUs the sender waits for this side: the time since the last look does not count
   * @throws StatusError DEADLINE_EXCEEDED
   */
  check(bytes: number, waitsForUs: boolean): void {
    const { bodyTimeoutMs, minBodyBytesPerSecond } = this.#options;
    const nowMs = this.#clock();
    if (waitsForUs) this.#startMs += nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    if (waitsForUs || nowMs - this.#startMs <= bodyTimeoutMs + (bytes * 1000) / minBodyBytesPerSecond) return;
    throw new StatusError(
      Code.DEADLINE_EXCEEDED,
      `the request body is too slow: ${bytes} bytes came in more than ${bodyTimeoutMs} ms`,
    );
  }
}
