/** How fast a line moves, once enough is known to refuse anybody: the time from one departure to the next. */

/** A measure is made of so many gaps between departures, or more ... */
const minGaps = 6;
/** ... and of so much time, in ms, without the longest of them ... */
const leastMs = 1000;
/** ... and of so many times the longest: a stall weighs little, and batches are seen again and again ... */
const timesLongest = 3;
/** ... which is enough, however long that was. In ms. */
const mostMs = 10_000;

/**
 * What refuses calls has to be more than a guess. One pause is no pace: a model that warms up, a server that
 * collects its garbage, batches. So a measure leaves its longest gap out, goes on until that gap has little to say,
 * and the quicker of the last two measures counts. While nobody waits there is no line and no pace, so idle time is
 * never part of it.
 */
export class Pace {
  #lastMs: number | undefined;
  #gaps = 0;
  #sumMs = 0;
  #longestMs = 0;
  /** What the last measure came to. */
  #measuredMs: number | undefined;
  #gapMs: number | undefined;

  /** Between two departures, in ms; undefined until two measures are complete. */
  get gapMs(): number | undefined {
    return this.#gapMs;
  }

  /** Somebody got a place. */
  left(nowMs: number): void {
    const lastMs = this.#lastMs;
    this.#lastMs = nowMs;
    if (lastMs === undefined) return;
    const gapMs = nowMs - lastMs;
    this.#gaps++;
    this.#sumMs += gapMs;
    this.#longestMs = Math.max(this.#longestMs, gapMs);
    const countedMs = this.#sumMs - this.#longestMs;
    const neededMs = Math.max(leastMs, Math.min(mostMs, timesLongest * this.#longestMs));
    if (this.#gaps < minGaps || countedMs < neededMs) return;
    const measuredMs = countedMs / (this.#gaps - 1);
    this.#gapMs = this.#measuredMs === undefined ? undefined : Math.min(this.#measuredMs, measuredMs);
    this.#measuredMs = measuredMs;
    this.#gaps = 0;
    this.#sumMs = 0;
    this.#longestMs = 0;
  }
}
