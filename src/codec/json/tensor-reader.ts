/**
 * Reads the nested lists of one tensor (or one row of it) in a single pass: values into bytes, shape learnt on the
 * way.
 */
import { preview, previewExcerptBytes } from './preview.ts';
import { expect, invalid, valueFault, ValueFault } from './limits.ts';
import { byte, type Text } from './text.ts';
import { Run, type Values } from './values/values.ts';

/**
 * Parses one tensor from nested JSON arrays: hands the scalars to `values` and derives the shape, of at most
 * `maxRank` dimensions. run() returns false when the window ends first, and continues there when it is called
 * again.
 */
export class TensorReader {
  readonly #values: Values;
  readonly #maxRank: number;
  /** How long the lists of each level are; -1 until the first one has closed. */
  #shape: number[] = [];
  /** Items so far in each list that is open. */
  readonly #counts: number[] = [];
  /** Lists around each value; -1 until the first value or empty list. */
  #rank = -1;
  #next: number = expect.value;
  #done = false;
  readonly #run = new Run();

  constructor(values: Values, maxRank: number) {
    this.#values = values;
    this.#maxRank = maxRank;
  }

  /** Begins a new tensor; its values follow those before. */
  begin(): void {
    this.#shape = [];
    this.#counts.length = 0;
    this.#rank = -1;
    this.#next = expect.value;
  }

  /** Lists that are open. */
  get depth(): number {
    return this.#counts.length;
  }

  /** The shape of what was read; [] for a scalar. */
  get shape(): readonly number[] {
    return this.#shape;
  }

  /**
   * Reads on. The first list of each level says how long its siblings must be.
   * @param many a scalar's siblings are read too, as tensors of their own
   * @returns false when more text is needed
   * @throws ValueFault with TensorFlow Serving's texts, SyntaxFault, FatalFault
   */
  run(text: Text, many = false): boolean {
    const counts = this.#counts;
    const values = this.#values;
    const run = this.#run;
    for (;;) {
      if (!values.midway && !this.#atValue(text)) return this.#done;
      const depth = counts.length;
      run.start(
        many || depth > 0,
        depth > 1 ? (this.#shape[depth - 1] as number) : -1,
        depth > 0 ? (counts[depth - 1] as number) : 0,
      );
      const read = values.read(text, run);
      if (depth > 0) counts[depth - 1] = run.filled;
      if (depth > 1) counts[depth - 2] = (counts[depth - 2] as number) + run.lists;
      if (!read || values.midway) return false;
      if (depth === 0) return true;
      this.#next = expect.after;
    }
  }

  /** Goes on to the next value; false when there is none yet, or (when #done says so) none any more. */
  #atValue(text: Text): boolean {
    const counts = this.#counts;
    this.#done = false;
    for (;;) {
      const first = text.peek();
      const depth = counts.length;
      if (first < 0 && !text.last) return false;
      if (this.#next === expect.after) {
        if (first === byte.comma) {
          text.at++;
          this.#next = expect.value;
          continue;
        }
        if (first !== byte.closeList) throw text.fault("Missing a comma or ']' after an array element.");
        text.at++;
        text.open.pop();
        this.#close(depth - 1, counts.pop() as number);
      } else if (first === byte.openList) {
        this.#open(text, depth);
        continue;
      } else if (first === byte.closeList && this.#next === expect.first) {
        // an empty list: nothing is deeper
        text.at++;
        text.open.pop();
        counts.pop();
        if (this.#rank < 0) this.#rank = depth;
        this.#close(depth - 1, 0);
      } else {
        if (this.#rank < 0) this.#rank = depth;
        else if (depth !== this.#rank) throw this.#wrongLevel(text, depth);
        return true;
      }
      if (depth === 1) {
        this.#done = true;
        return false;
      }
    }
  }

  #open(text: Text, depth: number): void {
    if (this.#rank >= 0 && depth >= this.#rank)
      throw valueFault(`Encountered list at unexpected level: ${depth} expected < ${this.#rank}`);
    if (depth >= this.#maxRank)
      throw valueFault(`a tensor has more dimensions than the limit of ${this.#maxRank}`);
    text.enter(byte.closeList);
    this.#counts.push(0);
    if (this.#shape.length <= depth) this.#shape.push(-1);
    this.#next = expect.first;
  }

  /** A list of `level` has ended after `size` items. */
  #close(level: number, size: number): void {
    const expected = this.#shape[level] as number;
    if (expected < 0) this.#shape[level] = size;
    else if (size !== expected)
      throw valueFault(
        `Encountered list at unexpected size: ${size} at level: ${level} expected size: ${expected}`,
        expect.after,
      );
    if (level > 0) this.#counts[level - 1] = (this.#counts[level - 1] as number) + 1;
    this.#next = expect.after;
  }

  #wrongLevel(text: Text, depth: number): ValueFault {
    text.type();
    const rank = this.#rank;
    const excerpt = text.excerpt(text.at, previewExcerptBytes);
    return new ValueFault(() =>
      invalid(
        `JSON Value: ${preview(text.textOf(excerpt))} found at incorrect level: ${depth + 1} in the JSON DOM. Expected at level: ${rank}`,
      ),
    );
  }
}
