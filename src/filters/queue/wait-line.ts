/** Who waits for a free place, and in which order: by priority, then by arrival; pure and bounded. */

/** Highest first. */
export const priorities = ['high', 'normal', 'low'] as const;
export type Priority = (typeof priorities)[number];

export class WaitLine<T> {
  readonly #maxLength: number;
  readonly #lines: Readonly<Record<Priority, Set<T>>> = {
    high: new Set(),
    normal: new Set(),
    low: new Set(),
  };

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get length(): number {
    return priorities.reduce((sum, priority) => sum + this.#lines[priority].size, 0);
  }

  /** Who would be served before a newcomer of this priority. */
  ahead(priority: Priority): number {
    const until = priorities.indexOf(priority) + 1;
    return priorities.slice(0, until).reduce((sum, each) => sum + this.#lines[each].size, 0);
  }

  /** Takes somebody in. Gives who has to go instead when it is full: the last of the lowest priority, who may be the newcomer. */
  add(item: T, priority: Priority): T | undefined {
    if (this.length < this.#maxLength) {
      this.#lines[priority].add(item);
      return undefined;
    }
    for (const lower of priorities.slice(priorities.indexOf(priority) + 1).toReversed()) {
      const last = [...this.#lines[lower]].at(-1);
      if (last === undefined) continue;
      this.#lines[lower].delete(last);
      this.#lines[priority].add(item);
      return last;
    }
    return item;
  }

  /** Who is next; stays in the line. */
  first(): T | undefined {
    for (const priority of priorities) for (const item of this.#lines[priority]) return item;
    return undefined;
  }

  delete(item: T): void {
    for (const priority of priorities) if (this.#lines[priority].delete(item)) return;
  }
}
