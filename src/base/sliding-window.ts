/**
 * Two counts over the last so many milliseconds, forgotten in tenths: an event costs an addition, whatever the
 * window.
 */

const slots = 10;

/** Sums of two counts over a sliding window. Its resolution is a tenth of the window. */
export class SlidingWindow {
  readonly #slotMs: number;
  readonly #first = new Float64Array(slots);
  readonly #second = new Float64Array(slots);
  /** Which tenth since the clock's zero each slot holds. */
  readonly #tick = new Float64Array(slots).fill(Number.NEGATIVE_INFINITY);

  constructor(windowMs: number) {
    this.#slotMs = windowMs / slots;
  }

  /** @param nowMs monotonic, never before that of an earlier event */
  add(nowMs: number, first: number, second: number): void {
    const tick = Math.floor(nowMs / this.#slotMs);
    const slot = tick % slots;
    if (this.#tick[slot] !== tick) {
      this.#tick[slot] = tick;
      this.#first[slot] = 0;
      this.#second[slot] = 0;
    }
    this.#first[slot] = (this.#first[slot] as number) + first;
    this.#second[slot] = (this.#second[slot] as number) + second;
  }

  /** What was added within the window that ends now. */
  sums(nowMs: number): { first: number; second: number } {
    const oldest = Math.floor(nowMs / this.#slotMs) - slots;
    let first = 0;
    let second = 0;
    for (let i = 0; i < slots; i++) {
      if ((this.#tick[i] as number) <= oldest) continue;
      first += this.#first[i] as number;
      second += this.#second[i] as number;
    }
    return { first, second };
  }

  clear(): void {
    this.#tick.fill(Number.NEGATIVE_INFINITY);
  }
}
