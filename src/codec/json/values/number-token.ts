/**
 * Numbers that the fast readers leave aside: long ones, exponents out of the way, NaN and infinities, and what is no
 * number.
 */
import type { DType } from '../../dtype.ts';
import { toFloat64 } from '../number/exact.ts';
import { numberKind, type Text } from '../text.ts';
import { mismatch } from './values.ts';

export interface NumberToken {
  readonly text: string;
  /** The nearest float64; an integer literal has no -0. */
  readonly value: number;
  readonly integer: boolean;
}

/**
 * Passes over the number at text.at; undefined when it has not wholly arrived.
 * @throws ValueFault for another type, SyntaxFault for what is none
 */
export function readNumber(text: Text, dtype: DType): NumberToken | undefined {
  const from = text.at;
  const type = text.type();
  if (type === undefined) return undefined;
  if (type !== 'Number') throw mismatch(text, from, dtype);
  const kind = text.number();
  if (kind === numberKind.more) return undefined;
  const digits = text.latin1(from, text.at);
  const value = toFloat64(digits);
  const integer = kind === numberKind.integer;
  return { text: digits, value: integer ? value + 0 : value, integer };
}
