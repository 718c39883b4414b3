/**
 * A line from which anybody may step out. A Set would do, but for its rehashes: each leaves a table that still points
 * at the entries of its time and at the table after it, so that once one is old, the garbage collector carries
 * everybody who ever stood there.
 * hot: 0020
 */

/** Fewer are not worth the copying. */
const minGaps = 64;

/** FIFO queue with removal from the middle; delete() searches from the head. */
export class Fifo<T> {
  /** From #head on; those who stepped out leave a gap behind. */
  #items: (T | undefined)[] = [];
  #head = 0;
  size = 0;

  add(item: T): void {
    this.#items.push(item);
    this.size++;
  }

  first(): T | undefined {
    return this.size === 0 ? undefined : this.#items[this.#head];
  }

  /** Takes the first one out. */
  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.size--;
    this.#close();
    return item;
  }

  last(): T | undefined {
    return this.#items.findLast((item) => item !== undefined);
  }

  /** False when it is not there. */
  delete(item: T): boolean {
    const at = this.#items.indexOf(item, this.#head);
    if (at === -1) return false;
    this.#items[at] = undefined;
    this.size--;
    this.#close();
    return true;
  }

  /** The first item is one that is there, and gaps take no more room than items do. */
  #close(): void {
    const items = this.#items;
    while (this.#head < items.length && items[this.#head] === undefined) this.#head++;
    if (items.length < minGaps || items.length < 2 * this.size) return;
    this.#items = items.filter((item) => item !== undefined);
    this.#head = 0;
  }
}
