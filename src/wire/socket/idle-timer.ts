/** A time-out that is set anew again and again: moving it costs a look at the clock, not a timer. */

/**
 * Calls `onEnd` when the time given to expectWithin() has passed; the timer does not keep the process alive.
 */
export class IdleTimer {
  readonly #onEnd: () => void;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  /** When the timer fires; never later than due. */
  #armedMs = Number.POSITIVE_INFINITY;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Calls back so many ms from now, unless one of the others is called before; replaces the time before it. */
  expectWithin(ms: number): void {
    this.#dueMs = performance.now() + ms;
    if (this.#dueMs < this.#armedMs) this.#arm(ms);
  }

  /** Nothing is expected for now. */
  rest(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** Nothing is expected any more. */
  end(): void {
    this.rest();
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#armedMs = performance.now() + ms;
    this.#timer = setTimeout(this.#fire, ms).unref();
  }

  readonly #fire = (): void => {
    this.#armedMs = Number.POSITIVE_INFINITY;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs <= 0) this.#onEnd();
    else if (leftMs !== Number.POSITIVE_INFINITY) this.#arm(Math.ceil(leftMs));
  };
}
