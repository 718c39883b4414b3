/** double: any number, correctly rounded. */
import { nearestFloat64 } from '../number/parse.ts';
import { byte, type Text } from '../text.ts';
import { readNumber } from './number-token.ts';
import { type ElementBudget, FixedValues, nextInList, nextInNextList, type Run } from './values.ts';

/** Digits that nearestFloat64 takes: two halves of nine. */
const halfDigits = 9;
const maxDigits = 18;

/**
 * Reads JSON numbers into DT_DOUBLE, eight bytes each, little endian, rounded to nearest from the decimal text.
 */
export class Float64Values extends FixedValues {
  constructor(budget: ElementBudget) {
    super('double', 8, budget);
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
      let high = 0;
      let low = 0;
      let digits = 0;
      let exponent = 0;
      let real = false;
      let plain = value >= byte.zero && value <= byte.nine;
      if (value === byte.zero) value = bytes[++at] as number;
      else {
        while (value >= byte.zero && value <= byte.nine) {
          if (digits < halfDigits) high = high * 10 + (value - byte.zero);
          else low = low * 10 + (value - byte.zero);
          digits++;
          value = bytes[++at] as number;
        }
      }
      if (plain && value === byte.dot) {
        real = true;
        const point = ++at;
        value = bytes[at] as number;
        if (digits === 0) while (value === byte.zero) value = bytes[++at] as number;
        while (value >= byte.zero && value <= byte.nine) {
          if (digits < halfDigits) high = high * 10 + (value - byte.zero);
          else low = low * 10 + (value - byte.zero);
          digits++;
          value = bytes[++at] as number;
        }
        exponent = point - at;
        plain = exponent !== 0;
      }
      if (plain && (value === 0x65 || value === 0x45)) {
        real = true;
        value = bytes[++at] as number;
        const down = value === byte.minus;
        if (down || value === byte.plus) value = bytes[++at] as number;
        const first = at;
        let shift = 0;
        while (value >= byte.zero && value <= byte.nine) {
          shift = shift * 10 + (value - byte.zero);
          value = bytes[++at] as number;
        }
        exponent += down ? -shift : shift;
        plain = at > first;
      }
      let result = Number.NaN;
      if (plain && digits <= maxDigits) {
        if (at >= end && !text.last) {
          this.to = to;
          return this.stop(text, from, behind, run);
        }
        result = nearestFloat64(high, low, digits > halfDigits ? digits - halfDigits : 0, digits, exponent);
        // an integer that is 0 has no sign
        if (negative && (real || result !== 0)) result = -result;
      }
      if (Number.isNaN(result)) {
        this.to = to;
        text.at = from;
        const token = readNumber(text, 'double');
        if (token === undefined) {
          return this.stop(text, from, behind, run);
        }
        result = token.value;
        at = text.at;
      }
      view.setFloat64(to, result, true);
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
