/**
 * Streams by their id. A Map would do, but for its rehashes: each leaves a table that still points at the entries of
 * its time and at the table after it, so that once one is old, the garbage collector carries every stream that ever
 * was.
 * hot: 0020
 */
import type { Http2Stream } from './stream.ts';

/** Stream ids of one end are all odd, so halves of them spread over neighbouring slots. */
export class StreamTable {
  #slots: (Http2Stream | undefined)[] = new Array<Http2Stream | undefined>(16).fill(undefined);
  #mask = 15;
  size = 0;

  get(id: number): Http2Stream | undefined {
    for (let at = (id >>> 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const stream = this.#slots[at];
      if (stream === undefined || stream.id === id) return stream;
    }
  }

  /** The id must not be there yet. */
  add(stream: Http2Stream): void {
    if (this.size * 2 >= this.#slots.length) this.#grow();
    this.#place(stream);
    this.size++;
  }

  delete(id: number): void {
    let hole = (id >>> 1) & this.#mask;
    while (this.#slots[hole]?.id !== id) {
      if (this.#slots[hole] === undefined) return;
      hole = (hole + 1) & this.#mask;
    }
    this.size--;
    // those behind that would not be found across the hole move into it
    for (let at = (hole + 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const stream = this.#slots[at];
      if (stream === undefined) break;
      const home = (stream.id >>> 1) & this.#mask;
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue;
      this.#slots[hole] = stream;
      hole = at;
    }
    this.#slots[hole] = undefined;
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.size = 0;
  }

  /** A copy, so that the table may change on the way. */
  all(): Http2Stream[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  #place(stream: Http2Stream): void {
    let at = (stream.id >>> 1) & this.#mask;
    while (this.#slots[at] !== undefined) at = (at + 1) & this.#mask;
    this.#slots[at] = stream;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Array<Http2Stream | undefined>(before.length * 2).fill(undefined);
    this.#mask = this.#slots.length - 1;
    for (const stream of before) if (stream !== undefined) this.#place(stream);
  }
}
