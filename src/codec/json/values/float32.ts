/** float: any number, integer or real, rounded once to the nearest float32. */
import { textToFloat32 } from '../number/exact.ts';
import {
  fewDigits,
  fourDigits,
  fourZeros,
  leadingDigits,
  notDigits,
  shortPowers,
} from '../number/four-digits.ts';
import { nearestFloat32 } from '../number/parse.ts';
import { byte, type Text } from '../text.ts';
import { readNumber } from './number-token.ts';
import { type ElementBudget, FixedValues, nextInList, nextInNextList, type Run } from './values.ts';

/** Digits that nearestFloat32 takes. */
const maxDigits = 24;

/**
 * Reads JSON numbers into DT_FLOAT, four bytes each, little endian, rounded to nearest from the decimal text.
 */
export class Float32Values extends FixedValues {
  constructor(budget: ElementBudget) {
    super('float', 4, budget);
  }

  protected override readSlowly(text: Text, run: Run): boolean {
    const { many, inner } = run;
    let { filled } = run;
    const { bytes, view: words, end } = text;
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
      let significand = value - byte.zero;
      let digits = 0;
      let exponent = 0;
      let real = false;
      let plain = significand >= 0 && significand <= 9;
      if (plain) {
        if (significand === 0) value = bytes[++at] as number;
        else {
          const first = at;
          significand = 0;
          let word = (words.getInt32(at, true) - fourZeros) | 0;
          let marks = notDigits(word);
          while (marks === 0) {
            significand = significand * 10_000 + fourDigits(word);
            at += 4;
            word = (words.getInt32(at, true) - fourZeros) | 0;
            marks = notDigits(word);
          }
          const count = leadingDigits(marks);
          if (count > 0) {
            significand = significand * (shortPowers[count] as number) + fewDigits(word, count);
            at += count;
          }
          digits = at - first;
          value = bytes[at] as number;
        }
        if (value === byte.dot) {
          real = true;
          const point = ++at;
          let word = (words.getInt32(at, true) - fourZeros) | 0;
          let marks = notDigits(word);
          while (marks === 0) {
            const next = (words.getInt32(at + 4, true) - fourZeros) | 0;
            marks = notDigits(next);
            if (marks !== 0) {
              significand = significand * 1e4 + fourDigits(word);
              at += 4;
              word = next;
              break;
            }
            significand = significand * 1e8 + (Math.imul(fourDigits(word), 10_000) + fourDigits(next));
            at += 8;
            word = (words.getInt32(at, true) - fourZeros) | 0;
            marks = notDigits(word);
          }
          const count = leadingDigits(marks);
          if (count > 0) {
            significand = significand * (shortPowers[count] as number) + fewDigits(word, count);
            at += count;
          }
          value = bytes[at] as number;
          exponent = point - at;
          digits -= exponent;
          plain = exponent !== 0;
        }
        if (value === 0x65 || value === 0x45) {
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
          plain &&= at > first;
        }
      }
      let result = Number.NaN;
      if (plain && digits <= maxDigits) {
        if (at >= end && !text.last) {
          this.to = to;
          return this.stop(text, from, behind, run);
        }
        result = nearestFloat32(significand, exponent);
        // an integer that is 0 has no sign
        if (negative && (real || result !== 0)) result = -result;
      }
      if (Number.isNaN(result)) {
        this.to = to;
        text.at = from;
        const token = readNumber(text, 'float');
        if (token === undefined) {
          return this.stop(text, from, behind, run);
        }
        result = textToFloat32(token.text, token.value);
        at = text.at;
      }
      view.setFloat32(to, result, true);
      to += 4;
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
