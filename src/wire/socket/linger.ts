/**
 * How long a connection is read on after its last answer (RFC 9112 §9.6): bytes that nobody reads become a reset,
 * which overtakes the answer. As long as the client keeps sending, and no longer than a slow one needs for a large
 * body.
 */

/** Without a byte, in ms. */
export const lingerMs = 2000;
/** In all, in ms. */
const maxLingerMs = 30_000;

/** Time limits of a lingering close: `lingerMs` for each next byte, 30 s in all. */
export class Linger {
  readonly #untilMs: number;

  constructor(nowMs = performance.now()) {
    this.#untilMs = nowMs + maxLingerMs;
  }

  /** How long the next byte, or the end, may take from now on, in ms; 0 when the time is up. */
  nextMs(nowMs = performance.now()): number {
    return Math.max(0, Math.min(lingerMs, this.#untilMs - nowMs));
  }
}
