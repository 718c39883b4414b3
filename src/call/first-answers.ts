/** Tells which answers measure a server: not those to calls that were sent before its first one. */

/** A moment that is computed from another one and a duration is off by binary fractions of a millisecond. */
const slackMs = 1e-3;

/**
 * A server that has just started, or that nobody has asked for a while, may take seconds for its first answer, and all
 * calls that were sent meanwhile wait behind it: however many they are, they are one event and no pace.
 */
export class FirstAnswers {
  readonly #silenceMs: number;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** @param silenceMs without an answer, after which the next one is a first one again */
  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  /** When it answered last, in ms; long ago if never. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** It has answered now. @returns whether the call was sent when it had answered before */
  answered(sentMs: number, nowMs: number): boolean {
    if (nowMs - this.#lastMs > this.#silenceMs) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
    return this.measures(sentMs);
  }

  /** Whether a call that was sent then was sent to a server that had answered. */
  measures(sentMs: number): boolean {
    return sentMs >= this.#firstMs - slackMs;
  }
}
