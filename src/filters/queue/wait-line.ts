/** Who waits for a free place, and in which order: by priority, then by arrival; pure and bounded. */
import { Fifo } from './fifo.ts';

/** Highest first. */
export const priorities = ['high', 'normal', 'low'] as const;
export type Priority = (typeof priorities)[number];

export class WaitLine<T> {
  readonly #maxLength: number;
  /** In the order of the priorities. */
  readonly #lines: readonly Fifo<T>[] = priorities.map(() => new Fifo<T>());
  #length = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get length(): number {
    return this.#length;
  }

  /** Who would be served before a newcomer of this priority. */
  ahead(priority: Priority): number {
    let ahead = 0;
    for (let i = priorities.indexOf(priority); i >= 0; i--) ahead += (this.#lines[i] as Fifo<T>).size;
    return ahead;
  }

  /** Takes somebody in. Gives who has to go instead when it is full: the last of the lowest priority, who may be the newcomer. */
  add(item: T, priority: Priority): T | undefined {
    const own = priorities.indexOf(priority);
    let ousted: T | undefined;
    if (this.#length >= this.#maxLength) {
      const lower = this.#lines.findLast(({ size }, i) => i > own && size > 0);
      ousted = lower?.last();
      if (lower === undefined || ousted === undefined) return item;
      lower.delete(ousted);
    } else this.#length++;
    (this.#lines[own] as Fifo<T>).add(item);
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

  delete(item: T): void {
    if (this.#lines.some((line) => line.delete(item))) this.#length--;
  }
}
