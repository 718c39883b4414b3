/** half and bfloat16: any number, rounded once to the nearest value of the type; kept as 16-bit patterns. */
import { roundText } from '../number/exact.ts';
import { bfloat16Value, halfValue, toBfloat16, toHalf } from '../number/half.ts';
import type { Text } from '../text.ts';
import { readNumber } from './number-token.ts';
import { type ElementBudget, FixedValues, nextInList, nextInNextList, type Run } from './values.ts';

/**
 * Reads JSON numbers into DT_HALF or DT_BFLOAT16, two bytes each, little endian, rounded to nearest from the
 * decimal text.
 */
export class Float16Values extends FixedValues {
  readonly #pattern: (value: number) => number;
  readonly #value: (pattern: number) => number;
  readonly #limit: number;

  constructor(dtype: 'half' | 'bfloat16', budget: ElementBudget) {
    super(dtype, 2, budget);
    const half = dtype === 'half';
    this.#pattern = half ? toHalf : toBfloat16;
    this.#value = half ? halfValue : bfloat16Value;
    this.#limit = half ? 65_536 : 2 ** 128;
  }

  protected override readSlowly(text: Text, run: Run): boolean {
    const { many, inner } = run;
    let { filled } = run;
    let behind = -1;
    for (;;) {
      if (this.to === this.room) this.grow();
      const from = text.at;
      const token = readNumber(text, this.dtype);
      if (token === undefined) {
        return this.stop(text, from, behind, run);
      }
      const round = (value: number): number => this.#value(this.#pattern(value));
      const result = roundText(token.text, token.value, round, this.#limit);
      this.view.setUint16(this.to, this.#pattern(result), true);
      this.to += 2;
      run.filled = ++filled;
      let next = -1;
      if (filled === inner) {
        next = nextInNextList(text.bytes, text.at);
        if (next >= 0) {
          filled = 0;
          run.filled = 0;
          run.lists++;
        }
      } else if (many) next = nextInList(text.bytes, text.at);
      if (next < 0) return true;
      behind = text.at;
      text.at = next;
    }
  }
}
