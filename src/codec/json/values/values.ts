/** Collects the values of one tensor as they are read, in the bytes that go on the wire. */
import { Buffer } from 'node:buffer';
import type { StatusError } from '../../../base/status.ts';
import type { DType } from '../../dtype.ts';
import type { Excerpt } from '../excerpt.ts';
import { type Kernel, kernel, type ReadMany } from '../kernel/kernel.ts';
import { expect, invalid, valueFault, ValueFault } from '../limits.ts';
import { preview, previewExcerptBytes } from '../preview.ts';
import { byte, type Text, type ValueType } from '../text.ts';
import { nextBlockBytes } from './blocks.ts';

/** Elements that the tensors of one request may still have. */
export interface ElementBudget {
  left: number;
  readonly limit: number;
}

/**
 * How far reading may go beyond one value, and how far it went. Innermost lists may be as short as three values (the
 * channels of a pixel), so values are also read across the border between two of them.
 */
export class Run {
  /** Values that follow in the same list are read too. */
  many = false;
  /** Length that each innermost list must have; -1 while it is not known, or when lists are not to be left. */
  inner = -1;
  /** Values so far of the innermost list that is open. */
  filled = 0;
  /** Lists that were left, each for the next one. */
  lists = 0;

  start(many: boolean, inner: number, filled: number): void {
    this.many = many;
    this.inner = inner;
    this.filled = filled;
    this.lists = 0;
  }

  /** Allows one value only. */
  single(): void {
    this.many = false;
    this.inner = -1;
  }
}

export interface Values {
  readonly dtype: DType;
  /** Values so far. */
  readonly count: number;
  /** The value under way began in text that is gone: read() goes on in the middle of it. */
  readonly midway: boolean;
  /**
   * Reads the value at text.at, and as many after it as `run` allows. It stops behind a value, or at one that has not
   * wholly arrived.
   * @returns false when nothing was read for want of text
   * @throws ValueFault when the value is none of this dtype; `at` is then its start
   */
  read(text: Text, run: Run): boolean;
  /** The bytes of the field of TensorProto that holds the values. */
  finish(): Uint8Array[];
}

/** A value that the tensor's type cannot take. */
export class TypeFault extends ValueFault {
  readonly type: ValueType;
  readonly excerpt: Excerpt;

  constructor(
    type: ValueType,
    excerpt: Excerpt,
    toStatus: ValueFault['toStatus'],
    next: ValueFault['next'] = expect.value,
  ) {
    super(toStatus, next);
    this.type = type;
    this.excerpt = excerpt;
  }
}

/** "Type: String is not of expected type: float". */
export function typeFault(
  text: Text,
  excerpt: Excerpt,
  type: ValueType,
  dtype: DType,
  next?: ValueFault['next'],
): TypeFault {
  const toStatus = (): StatusError =>
    invalid(`JSON Value: ${preview(text.textOf(excerpt))} Type: ${type} is not of expected type: ${dtype}`);
  return new TypeFault(type, excerpt, toStatus, next);
}

/** The fault of the value that begins at `at`. */
export function mismatch(text: Text, at: number, dtype: DType): TypeFault {
  text.at = at;
  return typeFault(text, text.excerpt(at, previewExcerptBytes), text.type() ?? 'Null', dtype);
}

const isNumberStart = (value: number): boolean =>
  (value >= byte.zero && value <= byte.nine) || value === byte.minus;

/** Behind a value: the start of the number that follows in the same list, or -1. */
export function nextInList(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== byte.comma) return -1;
  let next = at + 1;
  let value = bytes[next] as number;
  while (value <= 0x20 && (value === 0x20 || value === 0x0a || value === 0x0d || value === 0x09))
    value = bytes[++next] as number;
  return isNumberStart(value) ? next : -1;
}

/**
 * Behind the last value of a list: the start of the number that the next list begins with, after "],[" or "], [", or
 * -1.
 */
export function nextInNextList(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== byte.closeList || bytes[at + 1] !== byte.comma) return -1;
  const next = at + (bytes[at + 2] === 0x20 ? 3 : 2);
  return bytes[next] === byte.openList && isNumberStart(bytes[next + 1] as number) ? next + 1 : -1;
}

/** Text that is worth a call of the kernel, and values that were. */
const minKernelBytes = 64;
const minKernelValues = 4;

/** Before the first value; an array of one's own is dear for a tensor of three values. */
const noBytes: Uint8Array = new Uint8Array(0);
const noView = new DataView(new ArrayBuffer(0));

/** Values of a fixed width, little endian. */
export abstract class FixedValues implements Values {
  readonly dtype: DType;
  readonly midway = false;
  readonly width: number;
  readonly #shift: number;
  readonly #budget: ElementBudget;
  readonly #readMany: ReadMany | undefined;
  /** The kernel stopped early the last time: there may be many numbers that it leaves alone. */
  #early = false;
  #full: Uint8Array[] = [];
  #fullCount = 0;
  #block = noBytes;
  /** Where values are written: `to` is the next one's place, `room` the block's end. */
  protected view = noView;
  protected to = 0;
  protected room = 0;

  constructor(dtype: DType, width: number, budget: ElementBudget) {
    this.dtype = dtype;
    this.width = width;
    this.#shift = Math.log2(width);
    this.#budget = budget;
    this.#readMany = kernel?.readers[dtype];
  }

  get count(): number {
    return this.#fullCount + (this.to >> this.#shift);
  }

  read(text: Text, run: Run): boolean {
    const read = this.#readMany;
    if (read === undefined || !text.inKernel || !run.many || text.end - text.at < minKernelBytes)
      return this.readSlowly(text, run);
    const count = this.#readFast(read, text, run);
    const early = count < minKernelValues;
    // one odd number among many is passed, and the kernel goes on behind it
    if (count === 0 && !this.#early) run.single();
    this.#early = early;
    return count > 0 || this.readSlowly(text, run);
  }

  /** Lets the kernel read as far as it can; gives how many values that were. */
  #readFast(read: ReadMany, text: Text, run: Run): number {
    const { textAt, values, reached } = kernel as Kernel;
    if (this.to === this.room) this.grow();
    const room = Math.min(values.length, this.room - this.to);
    const bytes = read(textAt + text.at, textAt + text.end, room, run.inner, run.filled);
    if (bytes === 0) return 0;
    this.#block.set(bytes === values.length ? values : values.subarray(0, bytes), this.to);
    this.to += bytes;
    text.at = reached.getInt32(0, true) - textAt;
    run.filled = reached.getInt32(4, true);
    run.lists = reached.getInt32(8, true);
    return bytes >> this.#shift;
  }

  /** As read(), one value at a time and with every kind of number, error and end. */
  protected abstract readSlowly(text: Text, run: Run): boolean;

  /**
   * Ends a run at a number that has not wholly arrived.
   * @param from where it begins
   * @param behind where the value before ended; -1 when there was none
   */
  protected stop(text: Text, from: number, behind: number, run: Run): boolean {
    if (behind < 0) {
      text.at = from;
      return false;
    }
    text.at = behind;
    // back over the border between two lists
    if (run.filled === 0 && run.lists > 0) {
      run.filled = run.inner;
      run.lists--;
    }
    return true;
  }

  /** Makes room for more values. @throws ValueFault beyond the limit of elements */
  protected grow(): void {
    this.#seal();
    const { left, limit } = this.#budget;
    if (left === 0) throw valueFault(`the tensors have more values than the limit of ${limit}`);
    const elements = Math.min(left, nextBlockBytes(this.#fullCount * this.width) / this.width);
    this.#budget.left -= elements;
    this.room = elements * this.width;
    // whatever the memory holds, it is given away no further than it was written
    const block = Buffer.allocUnsafe(this.room);
    this.#block = block;
    this.view = new DataView(block.buffer, block.byteOffset, this.room);
  }

  #seal(): void {
    if (this.to === 0) return;
    this.#full.push(this.#block.subarray(0, this.to));
    this.#fullCount += this.to >> this.#shift;
    // what was reserved and not used is free for others
    this.#budget.left += (this.room - this.to) / this.width;
    this.to = 0;
    this.room = 0;
  }

  finish(): Uint8Array[] {
    this.#seal();
    return this.#full;
  }
}
