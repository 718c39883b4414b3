/** int64 and uint64 in full, as two halves of 32 bits. */
import { byte, type Text } from '../text.ts';
import { readNumber } from './number-token.ts';
import { type ElementBudget, FixedValues, mismatch, nextInList, nextInNextList, type Run } from './values.ts';

const two32 = 2 ** 32;
/** Digits that are gathered before they are added, and the most that 64 bits can need. */
const partDigits = 9;
const maxDigits = 20;

/**
 * Reads JSON integers into DT_INT64 or DT_UINT64, eight bytes each, little endian, without loss above 2^53; a
 * number with a fraction or exponent, or out of range, is refused.
 */
export class WideIntegerValues extends FixedValues {
  readonly #signed: boolean;

  constructor(dtype: 'int64' | 'uint64', budget: ElementBudget) {
    super(dtype, 8, budget);
    this.#signed = dtype === 'int64';
  }

  protected override readSlowly(text: Text, run: Run): boolean {
    const { many, inner } = run;
    let { filled } = run;
    const { bytes, end } = text;
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
      let value = bytes[at] as number;
      const negative = value === byte.minus;
      if (negative) value = bytes[++at] as number;
      const first = at;
      let high = 0;
      let low = 0;
      // leading zeros are none of JSON's: what follows a 0 is no part of the number
      const last = value === byte.zero ? first + 1 : first + maxDigits + 1;
      while (value >= byte.zero && value <= byte.nine && at < last) {
        const part = at - first;
        let digits = 0;
        let scale = 1;
        while (value >= byte.zero && value <= byte.nine && at - first < part + partDigits && at < last) {
          digits = digits * 10 + (value - byte.zero);
          scale *= 10;
          value = bytes[++at] as number;
        }
        // high:low x scale + digits; scale has at most 21 significant bits, so that both products are exact
        const product = low * scale;
        const carry = Math.floor(product / two32);
        low = product - carry * two32 + digits;
        high = high * scale + carry;
        if (low >= two32) {
          low -= two32;
          high++;
        }
      }
      if (at >= end && !text.last) {
        this.to = to;
        return this.stop(text, from, behind, run);
      }
      const inRange =
        at > first &&
        at - first <= maxDigits &&
        value !== byte.dot &&
        (value & 0xdf) !== 0x45 &&
        (this.#signed
          ? high < 0x80000000 || (negative && high === 0x80000000 && low === 0)
          : high < two32 && (!negative || (high === 0 && low === 0)));
      if (!inRange) {
        this.to = to;
        text.at = from;
        // a fault of the text, another type, or out of range
        if (readNumber(text, this.dtype) === undefined) {
          return this.stop(text, from, behind, run);
        }
        throw mismatch(text, from, this.dtype);
      }
      if (negative) {
        high = low === 0 ? -high : ~high;
        low = -low;
      }
      view.setUint32(to, low, true);
      view.setUint32(to + 4, high, true);
      to += 8;
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
