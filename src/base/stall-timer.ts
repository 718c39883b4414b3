/** How long a number has not changed, for what must make progress. */

/** ms() returns for how many ms the value that it is called with has been the same; 0 when it has changed. */
export class StallTimer {
  #value = Number.NaN;
  #sinceMs = 0;

  /** @param nowMs monotonic */
  ms(value: number, nowMs: number): number {
    if (value !== this.#value) {
      this.#value = value;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }
}
