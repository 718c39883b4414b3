/** Writes the nested lists of one tensor, or one row of it; can stop wherever the slice is full. */
import type { Slice } from './slice.ts';
import type { WriteRun } from './value-writers.ts';

const comma = 0x2c;

/** More than a list can have. */
const endless = 2 ** 31 - 1;

/** What comes next: down into a list, values of the innermost one, or up out of a list. */
const step = { down: 0, values: 1, up: 2 } as const;

/**
 * Writes the values of a tensor of the given shape as nested JSON arrays, row-major, into slices. run() returns
 * false when the slice is full, and continues there with the next one.
 */
export class NestedWriter {
  /** Innermost lists may be as short as three values (the channels of a pixel), so a run has all those of one list. */
  readonly #shape: readonly number[];
  readonly #inner: number;
  readonly #opening: string;
  readonly #closing: string;
  readonly #run: WriteRun;
  /**
   * How many lists within the open one of each level are done; a shape may have 254 levels, so this is no recursion.
   */
  readonly #index: number[];
  #step: number = step.down;
  #level = 0;
  #first = 0;
  #next = 0;

  constructor(shape: readonly number[], run: WriteRun) {
    const [lists = 0, values = 0] = shape.slice(-2);
    const joined = shape.length > 1 && lists > 0 && values > 0;
    this.#shape = joined ? [...shape.slice(0, -2), lists * values] : shape;
    this.#inner = joined ? values : endless;
    this.#opening = joined ? '[[' : '[';
    this.#closing = joined ? ']]' : ']';
    this.#run = run;
    this.#index = this.#shape.map(() => 0);
  }

  /** Begins the lists whose values start at `first`. */
  begin(first: number): this {
    this.#first = first;
    this.#next = first;
    this.#level = 0;
    this.#step = this.#shape.length === 0 ? step.values : step.down;
    return this;
  }

  /** False when the slice is full. */
  run(slice: Slice): boolean {
    const shape = this.#shape;
    const index = this.#index;
    const rank = shape.length;
    for (;;) {
      const innermost = this.#level === rank - 1;
      if (this.#step === step.values) {
        const end = this.#first + (rank === 0 ? 1 : (shape[rank - 1] as number));
        this.#next = this.#run(slice, this.#first, this.#next, end, this.#inner);
        if (this.#next < end) return false;
        if (rank === 0) return true;
        this.#first = end;
        this.#step = step.up;
      }
      if (!slice.has(3)) return false;
      if (this.#step === step.down) {
        slice.text(innermost ? this.#opening : '[');
        if (innermost) this.#step = step.values;
        else if (shape[this.#level] === 0) this.#step = step.up;
        else index[this.#level++] = 0;
        continue;
      }
      slice.text(innermost ? this.#closing : ']');
      if (this.#level === 0) return true;
      const parent = --this.#level;
      const done = (index[parent] as number) + 1;
      index[parent] = done;
      if (done < (shape[parent] as number)) {
        slice.byte(comma);
        this.#level++;
        this.#step = step.down;
      }
    }
  }
}
