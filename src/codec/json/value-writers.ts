/** Writes the values of one tensor, as many as there is room for. */
import { Buffer } from 'node:buffer';
import { writeInt64, writeInteger, writeUint64 } from '../number/digits.ts';
import { maxFloatBytes, writeFloat32, writeFloat64 } from '../number/format-float.ts';
import { bfloat16Value, halfValue } from '../number/half.ts';
import type { DType } from '../dtype.ts';
import type { NumericTensor, StringTensor, Tensor } from '../tensor.ts';
import { maxEscapeBytes, type Slice, sliceBytes } from './slice.ts';

/**
 * Writes values from `from` on, with a comma before each but the one at `first`.
 * @returns the first value that was not written; less than `end` when the slice is full
 */
export type WriteRun = (slice: Slice, first: number, from: number, end: number) => number;

const comma = 0x2c;
/** No value but a string is longer, with its comma. */
const maxValueBytes = maxFloatBytes + 1;

/** Writes one value at `at` of `out`; gives where it ends. */
type WriteValue = (out: Slice, at: number, i: number) => number;

/** A loop of its own for each type, so that what it calls stays the same. */
function runOf(write: WriteValue): WriteRun {
  return (slice, first, from, end) => {
    const { bytes } = slice;
    let { at } = slice;
    let i = from;
    for (; i < end && at <= sliceBytes - maxValueBytes; i++) {
      if (i > first) bytes[at++] = comma;
      at = write(slice, at, i);
    }
    slice.at = at;
    return i;
  };
}

function float32Run(view: DataView): WriteRun {
  return (slice, first, from, end) => {
    const { bytes } = slice;
    let { at } = slice;
    let i = from;
    for (; i < end && at <= sliceBytes - maxValueBytes; i++) {
      if (i > first) bytes[at++] = comma;
      at = writeFloat32(slice, at, view.getFloat32(i * 4, true), view.getInt32(i * 4, true));
    }
    slice.at = at;
    return i;
  };
}

const widened = new DataView(new ArrayBuffer(4));

/** A float16 or bfloat16 as the float32 that it is. */
function writeNarrowFloat(out: Slice, at: number, value: number): number {
  widened.setFloat32(0, value);
  return writeFloat32(out, at, value, widened.getInt32(0));
}

function writeBool({ bytes }: Slice, at: number, value: boolean): number {
  const text = value ? 'true' : 'false';
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function numericRun(tensor: NumericTensor): WriteRun | undefined {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (tensor.dtype) {
    case 'float':
      return float32Run(view);
    case 'double':
      return runOf((out, at, i) => writeFloat64(out, at, view.getFloat64(i * 8, true)));
    case 'half':
      return runOf((out, at, i) => writeNarrowFloat(out, at, halfValue(view.getUint16(i * 2, true))));
    case 'bfloat16':
      return runOf((out, at, i) => writeNarrowFloat(out, at, bfloat16Value(view.getUint16(i * 2, true))));
    case 'int8':
      return runOf((out, at, i) => writeInteger(out, at, view.getInt8(i)));
    case 'uint8':
      return runOf((out, at, i) => writeInteger(out, at, view.getUint8(i)));
    case 'int16':
      return runOf((out, at, i) => writeInteger(out, at, view.getInt16(i * 2, true)));
    case 'uint16':
      return runOf((out, at, i) => writeInteger(out, at, view.getUint16(i * 2, true)));
    case 'int32':
      return runOf((out, at, i) => writeInteger(out, at, view.getInt32(i * 4, true)));
    case 'uint32':
      return runOf((out, at, i) => writeInteger(out, at, view.getUint32(i * 4, true)));
    case 'int64':
      return runOf((out, at, i) =>
        writeInt64(out, at, view.getUint32(i * 8 + 4, true), view.getUint32(i * 8, true)),
      );
    case 'uint64':
      return runOf((out, at, i) =>
        writeUint64(out, at, view.getUint32(i * 8 + 4, true), view.getUint32(i * 8, true)),
      );
    case 'bool':
      return runOf((out, at, i) => writeBool(out, at, view.getUint8(i) !== 0));
    default:
      return undefined;
  }
}

/** Strings may be longer than a slice: what is left of one waits for the next. */
function stringRun({ values }: StringTensor): WriteRun {
  /** How far the string under way is written; -1 before its quote. */
  let within = -1;
  return (slice, first, from, end) => {
    for (let i = from; i < end; i++) {
      if (!slice.has(2 + maxEscapeBytes)) return i;
      if (within < 0) {
        if (i > first) slice.byte(comma);
        slice.byte(0x22);
        within = 0;
      }
      const value = values[i] as Uint8Array;
      within = slice.escaped(value, within);
      if (within < value.length || !slice.has(1)) return i;
      slice.byte(0x22);
      within = -1;
    }
    return end;
  };
}

/** Bytes that are made base64 at once: a multiple of 3, so that only the last piece is padded. */
const base64Bytes = 24_576;

function base64Run({ values }: StringTensor): WriteRun {
  let within = -1;
  return (slice, first, from, end) => {
    for (let i = from; i < end; i++) {
      const value = values[i] as Uint8Array;
      if (within < 0) {
        if (!slice.has(16)) return i;
        if (i > first) slice.byte(comma);
        slice.text('{"b64":"');
        within = 0;
      }
      while (within < value.length) {
        const piece = value.subarray(within, within + base64Bytes);
        if (!slice.has(Math.ceil(piece.length / 3) * 4)) return i;
        slice.text(Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64'));
        within += piece.length;
      }
      if (!slice.has(2)) return i;
      slice.text('"}');
      within = -1;
    }
    return end;
  };
}

/**
 * What writes the values of an output; undefined for a type that JSON has no values for.
 * TensorFlow Serving's rule: strings are base64 when the output's name ends in _bytes.
 */
export function runFor(name: string, tensor: Tensor): WriteRun | undefined {
  if (tensor.dtype !== 'string') return numericRun(tensor);
  return name.endsWith('_bytes') ? base64Run(tensor) : stringRun(tensor);
}

/** Types that TensorFlow Serving's REST API refuses to write. */
export const extraOutputs: ReadonlySet<DType> = new Set(['half', 'bfloat16', 'uint16']);
