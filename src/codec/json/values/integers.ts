/** Integers of up to 32 bits. */
import type { DType } from '../../dtype.ts';
import { fewDigits, fourDigits, fourZeros, leadingDigits, notDigits } from '../number/four-digits.ts';
import { byte, type Text } from '../text.ts';
import { readNumber } from './number-token.ts';
import { type ElementBudget, FixedValues, mismatch, nextInList, nextInNextList, type Run } from './values.ts';

/** Least and greatest of each type: TensorFlow Serving would wrap what is beyond in the narrow ones. */
const ranges = {
  int32: [-2_147_483_648, 2_147_483_647, 4],
  int16: [-32_768, 32_767, 2],
  int8: [-128, 127, 1],
  uint8: [0, 255, 1],
  uint16: [0, 65_535, 2],
  uint32: [0, 4_294_967_295, 4],
} as const satisfies Partial<Record<DType, readonly [least: number, greatest: number, width: number]>>;

export type IntegerType = keyof typeof ranges;

/**
 * Whether IntegerValues reads this dtype: the signed and unsigned integers of 8, 16 and 32 bits, none that are
 * quantized.
 */
export function isIntegerType(dtype: DType): dtype is IntegerType {
  return dtype in ranges;
}

/** Digits that float64 holds exactly; any more are out of range, or reals. */
const maxDigits = 15;

/**
 * Reads JSON numbers into integers of 8, 16 or 32 bits, little endian; a number out of the dtype's range is
 * refused.
 */
export class IntegerValues extends FixedValues {
  readonly #least: number;
  readonly #greatest: number;
  readonly #realsToo: boolean;

  /** @param realsToo 5.0 is an integer too */
  constructor(dtype: IntegerType, realsToo: boolean, budget: ElementBudget) {
    const [least, greatest, width] = ranges[dtype];
    super(dtype, width, budget);
    this.#least = least;
    this.#greatest = greatest;
    this.#realsToo = realsToo;
  }

  protected override readSlowly(text: Text, run: Run): boolean {
    const { many, inner } = run;
    let { filled } = run;
    const { bytes, view: words, end } = text;
    const { width } = this;
    const least = this.#least;
    const greatest = this.#greatest;
    let at = text.at;
    /** Behind the value before; -1 while there is none. */
    let behind = -1;
    let { view, to, room } = this;
    for (;;) {
      if (to === room) {
        this.to = to;
        text.at = at;
        this.grow();
        ({ view, to, room } = this);
      }
      const from = at;
      let plain: boolean;
      let value = bytes[at] as number;
      const negative = value === byte.minus;
      if (negative) value = bytes[++at] as number;
      const first = at;
      let result = 0;
      const word = (words.getInt32(at, true) - fourZeros) | 0;
      const marks = notDigits(word);
      if (marks !== 0) {
        const count = leadingDigits(marks);
        // no digit at all, and zeros in front, are for the slow way
        plain = count === 1 || (count > 1 && value !== byte.zero);
        if (plain) result = fewDigits(word, count);
        at += count;
      } else {
        plain = value !== byte.zero;
        result = fourDigits(word);
        at += 4;
        value = bytes[at] as number;
        while (value >= byte.zero && value <= byte.nine) {
          result = result * 10 + (value - byte.zero);
          value = bytes[++at] as number;
        }
        plain &&= at - first <= maxDigits;
      }
      value = bytes[at] as number;
      if (at >= end && !text.last) {
        this.to = to;
        return this.stop(text, from, behind, run);
      }
      if (value === byte.dot || (value & 0xdf) === 0x45) plain = false;
      if (negative) result = -result;
      if (!plain || result < least || result > greatest) {
        this.to = to;
        text.at = from;
        const token = readNumber(text, this.dtype);
        if (token === undefined) {
          return this.stop(text, from, behind, run);
        }
        const whole = token.integer || (this.#realsToo && Number.isInteger(token.value));
        if (!whole || token.value < least || token.value > greatest) throw mismatch(text, from, this.dtype);
        result = token.value;
        at = text.at;
      }
      if (width === 1) view.setInt8(to, result);
      else if (width === 4) view.setInt32(to, result, true);
      else view.setInt16(to, result, true);
      to += width;
      run.filled = ++filled;
      let next = -1;
      if (filled === inner) {
        next = nextInNextList(bytes, at);
        if (next >= 0) {
          filled = 0;
          run.filled = 0;
          run.lists++;
        }
      } else if (many) next = nextInList(bytes, at);
      if (next < 0) break;
      behind = at;
      at = next;
    }
    this.to = to;
    text.at = at;
    return true;
  }
}
