/**
 * NaN and infinities in replies: JSON has no numbers for them, and a browser's JSON.parse refuses what TensorFlow
 * Serving writes.
 */
import type { NumericTensor } from '../tensor.ts';
import type { Slice } from './slice.ts';
import type { WriteRun } from './value-writers.ts';

/** As TensorFlow Serving writes them (NaN, Infinity, -Infinity), as null, or as these words in quotes. */
export type NonFinite = 'literal' | 'null' | 'string';

/** The longest text of one, with what stands before it. */
const roomBytes = 16;

/** A value's kind: finite, or the text of what it is. */
type TextAt = (i: number) => string | undefined;

const textOf = (value: number): string | undefined => (Number.isFinite(value) ? undefined : String(value));

/** Of float16 and bfloat16 by their bits: an exponent of all ones is no finite number. */
function textOfBits(bits: number, exponent: number, fraction: number): string | undefined {
  if ((bits & exponent) !== exponent) return undefined;
  return (bits & fraction) !== 0 ? 'NaN' : bits >= 0x8000 ? '-Infinity' : 'Infinity';
}

/** Undefined for types that have finite values only. */
function textsOf({ dtype, bytes }: NumericTensor): TextAt | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case 'float':
      return (i) => textOf(view.getFloat32(i * 4, true));
    case 'double':
      return (i) => textOf(view.getFloat64(i * 8, true));
    case 'half':
      return (i) => textOfBits(view.getUint16(i * 2, true), 0x7c00, 0x03ff);
    case 'bfloat16':
      return (i) => textOfBits(view.getUint16(i * 2, true), 0x7f80, 0x007f);
    default:
      return undefined;
  }
}

/**
 * Writes these values as `nonFinite` says, and leaves runs of finite ones to `run`.
 * @param separate writes what stands before a value
 */
export function withNonFinite(
  run: WriteRun,
  tensor: NumericTensor,
  nonFinite: NonFinite,
  separate: (slice: Slice, first: number, i: number, inner: number) => void,
): WriteRun {
  const textAt = nonFinite === 'literal' ? undefined : textsOf(tensor);
  if (textAt === undefined) return run;
  return (slice, first, from, end, inner) => {
    let i = from;
    while (i < end) {
      let finiteUntil = i;
      while (finiteUntil < end && textAt(finiteUntil) === undefined) finiteUntil++;
      if (finiteUntil > i) {
        i = run(slice, first, i, finiteUntil, inner);
        if (i < finiteUntil) return i;
        continue;
      }
      if (!slice.has(roomBytes)) return i;
      separate(slice, first, i, inner);
      slice.text(nonFinite === 'null' ? 'null' : `"${textAt(i)}"`);
      i++;
    }
    return end;
  };
}

/** The text of one number, where it is not finite. */
export function nonFiniteText(value: number, nonFinite: NonFinite): string | undefined {
  if (nonFinite === 'literal' || Number.isFinite(value)) return undefined;
  return nonFinite === 'null' ? 'null' : `"${value}"`;
}
