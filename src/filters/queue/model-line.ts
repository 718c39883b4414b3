/** The calls of one model that wait for a place at a backend, and how long the wait is going to be. */
import type { Call, Clock, StatusError } from '../../call/index.ts';
import { type Priority, WaitLine } from './wait-line.ts';

/** A call that waits. */
export interface Waiter {
  readonly call: Call;
  /** Its place is there. */
  start(): void;
  refuse(error: StatusError): void;
}

/** Weight of the newest gap between two departures. */
const newest = 0.2;

export class ModelLine {
  readonly #line: WaitLine<Waiter>;
  readonly #clock: Clock;
  #leftMs: number | undefined;
  /** Between two departures, on average of late; undefined until two have left. */
  #gapMs: number | undefined;

  constructor(maxLength: number, clock: Clock) {
    this.#line = new WaitLine(maxLength);
    this.#clock = clock;
  }

  get length(): number {
    return this.#line.length;
  }

  /** How long a newcomer will wait at the pace of late, in ms; 0 while that is unknown. */
  expectedMs(priority: Priority): number {
    return (this.#line.ahead(priority) + 1) * (this.#gapMs ?? 0);
  }

  add(waiter: Waiter, priority: Priority): Waiter | undefined {
    return this.#line.add(waiter, priority);
  }

  delete(waiter: Waiter): void {
    this.#line.delete(waiter);
  }

  first(): Waiter | undefined {
    return this.#line.first();
  }

  /** Takes out who is next, because a place is there. */
  serve(): Waiter | undefined {
    const waiter = this.#line.shift();
    const now = this.#clock();
    if (this.#leftMs !== undefined) {
      const gap = now - this.#leftMs;
      this.#gapMs = this.#gapMs === undefined ? gap : this.#gapMs + newest * (gap - this.#gapMs);
    }
    this.#leftMs = now;
    return waiter;
  }
}
