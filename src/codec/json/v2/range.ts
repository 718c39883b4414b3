/** Numbers of a V2 request that no float of their datatype holds: as an infinity they would be answered, and wrong. */
import type { DType } from '../../dtype.ts';
import type { Chunks } from '../../tensor-chunks.ts';
import { invalid } from '../limits.ts';
import type { Text } from '../text.ts';

interface FloatType {
  readonly v2: string;
  readonly width: number;
  /** The least number that is rounded to infinity: half a unit beyond the greatest finite one (IEEE 754 §4.3.1). */
  readonly bound: number;
  /**
   * Of the bytes that hold sign, exponent and the first of the mantissa: those but the sign, as an infinity has them.
   */
  readonly exponent: number;
}

/** A double that is too large is no JSON number to the parser. */
const floats: Readonly<Partial<Record<DType, FloatType>>> = {
  half: { v2: 'FP16', width: 2, bound: 65_520, exponent: 0x7c00 },
  bfloat16: { v2: 'BF16', width: 2, bound: 2 ** 128 - 2 ** 119, exponent: 0x7f80 },
  float: { v2: 'FP32', width: 4, bound: 2 ** 128 - 2 ** 103, exponent: 0x7f80 },
};

/** Whether a value may be infinite; one that is not a number looks alike, and is rare. */
function mayBeInfinite({ width, exponent }: FloatType, pieces: Chunks): boolean {
  for (const piece of pieces)
    for (let at = width - 2; at + 1 < piece.length; at += width)
      if ((((piece[at + 1] as number) << 8) | (piece[at] as number)) % 0x8000 === exponent) return true;
  return false;
}

const number = /-?[0-9][0-9.eE+-]*/g;

/**
 * @param from where the values began that stand before `text.at`; NaN and Infinity may be among them
 * @throws StatusError INVALID_ARGUMENT for the first number that is beyond the type
 */
export function checkRange(name: string, dtype: DType, pieces: Chunks, text: Text, from: number): void {
  const type = floats[dtype];
  if (type === undefined || !mayBeInfinite(type, pieces)) return;
  const values = Buffer.from(text.bytes.buffer, text.bytes.byteOffset + from, text.at - from);
  for (const [digits] of values.toString('latin1').matchAll(number))
    if (Math.abs(Number(digits)) >= type.bound)
      throw invalid(`tensor ${name} has ${digits.slice(0, 40)}, which is beyond ${type.v2}`);
}
