/** Writes the values of one tensor, as many as there is room for. */
import { Buffer } from 'node:buffer';
import type { DType } from '../dtype.ts';
import type { NumericTensor, StringTensor, Tensor } from '../tensor.ts';
import { kernel } from './kernel/kernel.ts';
import { type NonFinite, withNonFinite } from './non-finite.ts';
import { writeInt64, writeInteger, writeUint64 } from './number/digits.ts';
import { maxFloatBytes, writeFloat32, writeFloat64 } from './number/format-float.ts';
import { bfloat16Value, halfValue } from './number/half.ts';
import { maxEscapeBytes, type Slice, sliceBytes } from './slice.ts';

/**
 * Writes values from `from` on, of lists of `inner` values that begin at `first`: a comma between two values, "],["
 * between two lists.
 * @returns the first value that was not written; less than `end` when the slice is full
 */
export type WriteRun = (slice: Slice, first: number, from: number, end: number, inner: number) => number;

const comma = 0x2c;
/** No value but a string is longer, with what stands before it. */
const maxValueBytes = maxFloatBytes + 3;

/** Values before `from` in the same list; 0 before the first of all. */
function filledAt(first: number, from: number, inner: number): number {
  return from === first ? 0 : ((from - first - 1) % inner) + 1;
}

/** Writes what stands before a value; gives where it ends. */
function separate(bytes: Uint8Array, at: number, filled: number, inner: number): number {
  if (filled === 0) return at;
  if (filled !== inner) {
    bytes[at] = comma;
    return at + 1;
  }
  bytes[at] = 0x5d;
  bytes[at + 1] = comma;
  bytes[at + 2] = 0x5b;
  return at + 3;
}

function separateIn(slice: Slice, first: number, i: number, inner: number): void {
  slice.at = separate(slice.bytes, slice.at, filledAt(first, i, inner), inner);
}

/** Writes one value at `at` of `out`; gives where it ends. */
type WriteValue = (out: Slice, at: number, i: number) => number;

/** A loop of its own for each type, so that what it calls stays the same. */
function runOf(write: WriteValue): WriteRun {
  return (slice, first, from, end, inner) => {
    const { bytes } = slice;
    let { at } = slice;
    let filled = filledAt(first, from, inner);
    let i = from;
    for (; i < end && at <= sliceBytes - maxValueBytes; i++) {
      at = separate(bytes, at, filled, inner);
      filled = filled === inner ? 1 : filled + 1;
      at = write(slice, at, i);
    }
    slice.at = at;
    return i;
  };
}

/** Values that are worth a call of the kernel, and the most that are handed to it at once. */
const minKernelValues = 8;
const maxKernelValues = 4096;
/** Room that the kernel needs for a value; more than the slow way does, which so always gets on. */
const kernelRoomBytes = 40;

/**
 * Values that are float32 or become one.
 * @param fill puts `count` of them into the kernel's memory
 * @param slowly writes those that the kernel leaves alone
 */
function float32Run(fill: (from: number, count: number) => void, slowly: WriteRun): WriteRun {
  if (kernel === undefined) return slowly;
  const { sliceAt, reached, writeFloat } = kernel;
  return (slice, first, from, end, inner) => {
    if (end - from < minKernelValues) return slowly(slice, first, from, end, inner);
    let i = from;
    while (i < end) {
      const start = i;
      const stop = Math.min(end, start + maxKernelValues);
      fill(start, stop - start);
      while (i < stop) {
        if (slice.at > sliceBytes - kernelRoomBytes) return i;
        const to = writeFloat(sliceAt + slice.at, i - start, stop - start, inner, filledAt(first, i, inner));
        slice.at = to - sliceAt;
        i = start + reached.getInt32(0, true);
        if (i < stop && slice.at <= sliceBytes - kernelRoomBytes) i = slowly(slice, first, i, i + 1, inner);
      }
    }
    return i;
  };
}

function floatRun(bytes: Uint8Array, view: DataView): WriteRun {
  return float32Run(
    (from, count) => {
      kernel?.values.set(bytes.subarray(from * 4, (from + count) * 4));
    },
    runOf((out, at, i) => writeFloat32(out, at, view.getFloat32(i * 4, true), view.getInt32(i * 4, true))),
  );
}

const widened = new DataView(new ArrayBuffer(4));

/** Values of float16 or bfloat16 as the float32 that they are. */
function narrowFloatRun(view: DataView, valueOf: (bits: number) => number): WriteRun {
  return float32Run(
    (from, count) => {
      if (kernel === undefined) return;
      const { buffer, byteOffset, byteLength } = kernel.values;
      const wide = new DataView(buffer, byteOffset, byteLength);
      for (let i = 0; i < count; i++)
        wide.setFloat32(i * 4, valueOf(view.getUint16((from + i) * 2, true)), true);
    },
    runOf((out, at, i) => {
      const value = valueOf(view.getUint16(i * 2, true));
      widened.setFloat32(0, value);
      return writeFloat32(out, at, value, widened.getInt32(0));
    }),
  );
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
      return floatRun(bytes, view);
    case 'double':
      return runOf((out, at, i) => writeFloat64(out, at, view.getFloat64(i * 8, true)));
    case 'half':
      return narrowFloatRun(view, halfValue);
    case 'bfloat16':
      return narrowFloatRun(view, bfloat16Value);
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
  return (slice, first, from, end, inner) => {
    for (let i = from; i < end; i++) {
      if (!slice.has(4 + maxEscapeBytes)) return i;
      if (within < 0) {
        slice.at = separate(slice.bytes, slice.at, filledAt(first, i, inner), inner);
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
  return (slice, first, from, end, inner) => {
    for (let i = from; i < end; i++) {
      const value = values[i] as Uint8Array;
      if (within < 0) {
        if (!slice.has(16)) return i;
        slice.at = separate(slice.bytes, slice.at, filledAt(first, i, inner), inner);
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
export function runFor(name: string, tensor: Tensor, nonFinite: NonFinite = 'literal'): WriteRun | undefined {
  if (tensor.dtype !== 'string') {
    const run = numericRun(tensor);
    return run && withNonFinite(run, tensor, nonFinite, separateIn);
  }
  return name.endsWith('_bytes') ? base64Run(tensor) : stringRun(tensor);
}

/** Types that TensorFlow Serving's REST API refuses to write. */
export const extraOutputs: ReadonlySet<DType> = new Set(['half', 'bfloat16', 'uint16']);
