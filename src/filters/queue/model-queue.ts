/** The calls of one model that wait for a place at a backend, and how long the wait is going to be. */
import type { Clock } from '../../base/clock.ts';
import type { StatusError } from '../../base/status.ts';
import type { Call } from '../../call/index.ts';
import type { Client } from '../client.ts';
import type { HeldPlaces } from './fair-line.ts';
import { Pace } from './pace.ts';
import { type Priority, PriorityQueue } from './priority-queue.ts';

/** A call that waits. */
export interface Waiter {
  /** When it came, in ms of the clock. */
  readonly sinceMs: number;
  readonly call: Call;
  readonly client: Client;
  /** Its place is there. */
  start(): void;
  refuse(error: StatusError): void;
}

/** Priority queue of one model's calls that estimates the wait from the rate at which they were served. */
export class ModelQueue {
  readonly #line: PriorityQueue<Waiter>;
  readonly #clock: Clock;
  /** Of this line, as long as it is one: it ends when nobody waits. */
  readonly #pace = new Pace();

  /** @param held the places that clients hold, whatever the model */
  constructor(maxLength: number, held: HeldPlaces, clock: Clock) {
    this.#line = new PriorityQueue(maxLength, held);
    this.#clock = clock;
  }

  get length(): number {
    return this.#line.length;
  }

  /** How long a newcomer will wait at the pace of late, in ms; 0 while too little is known of it. */
  expectedMs(priority: Priority, client: Client): number {
    return (this.#line.ahead(priority, client) + 1) * (this.#pace.gapMs ?? 0);
  }

  add(waiter: Waiter, priority: Priority): Waiter | undefined {
    return this.#line.add(waiter, priority, waiter.client);
  }

  delete(waiter: Waiter): void {
    this.#line.delete(waiter, waiter.client);
  }

  first(): Waiter | undefined {
    return this.#line.first();
  }

  /** Takes out who is next, because a place is there. */
  serve(): Waiter | undefined {
    this.#pace.left(this.#clock());
    return this.#line.shift();
  }
}
