/**
 * Who waits for a free place, and in which order: by priority, then by fair shares of clients, then by arrival; pure
 * and bounded.
 */
import type { Client } from '../client.ts';
import { FairLine, type HeldPlaces } from './fair-line.ts';

/** Highest first. */
export const priorities = ['high', 'normal', 'low'] as const;
export type Priority = (typeof priorities)[number];

/**
 * Queue of at most `maxLength` items: strict priority, then fair over clients. add() returns the item that has
 * to go when it is full.
 */
export class PriorityQueue<T> {
  readonly #maxLength: number;
  /** In the order of the priorities. */
  readonly #lines: readonly FairLine<T>[];
  #length = 0;

  constructor(maxLength: number, held: HeldPlaces) {
    this.#maxLength = maxLength;
    this.#lines = priorities.map(() => new FairLine<T>(held));
  }

  get length(): number {
    return this.#length;
  }

  /** Who would be served before a newcomer of this priority. */
  ahead(priority: Priority, client: Client): number {
    const own = priorities.indexOf(priority);
    let ahead = (this.#lines[own] as FairLine<T>).ahead(client);
    for (let i = own - 1; i >= 0; i--) ahead += (this.#lines[i] as FairLine<T>).size;
    return ahead;
  }

  /**
   * Takes somebody in. Gives who has to go instead when it is full: of the lowest priority below the newcomer's, or
   * else of its own, the newest of the client that has most there; or the newcomer, when no client has more than its
   * own would have.
   */
  add(item: T, priority: Priority, client: Client): T | undefined {
    const own = priorities.indexOf(priority);
    const line = this.#lines[own] as FairLine<T>;
    let ousted: T | undefined;
    if (this.#length >= this.#maxLength) {
      const lower = this.#lines.findLast(({ size }, i) => i > own && size > 0);
      ousted = (lower ?? (line.isOutweighed(client) ? line : undefined))?.pop();
      if (ousted === undefined) return item;
    } else this.#length++;
    line.add(item, client);
    return ousted;
  }

  /** Who is next; stays in the line. */
  first(): T | undefined {
    if (this.#length === 0) return undefined;
    for (const line of this.#lines) if (line.size > 0) return line.first();
    return undefined;
  }

  /** Takes out who is next. */
  shift(): T | undefined {
    for (const line of this.#lines) {
      if (line.size === 0) continue;
      this.#length--;
      return line.shift();
    }
    return undefined;
  }

  delete(item: T, client: Client): void {
    if (this.#lines.some((line) => line.delete(item, client))) this.#length--;
  }
}
