/** bool: true and false, one byte each. */
import type { Text } from '../text.ts';
import { type ElementBudget, FixedValues, mismatch, type Run } from './values.ts';

/** Reads JSON true and false into DT_BOOL bytes, 1 and 0; any other value is a type mismatch. */
export class BoolValues extends FixedValues {
  constructor(budget: ElementBudget) {
    super('bool', 1, budget);
  }

  protected override readSlowly(text: Text, run: Run): boolean {
    const type = text.type();
    if (type === undefined) return false;
    if (type !== 'True' && type !== 'False') throw mismatch(text, text.at, this.dtype);
    if (this.to === this.room) this.grow();
    this.view.setUint8(this.to++, type === 'True' ? 1 : 0);
    text.word(type);
    run.filled++;
    return true;
  }
}
