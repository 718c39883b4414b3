/** The typed value fields of TensorProto (float_val, int_val, ...) as the little-endian bytes of tensor_content. */
import { type DType, widthOf } from '../dtype.ts';
import { malformed } from './reader.ts';
import type { Run } from './tensor-decode.ts';

/** Their packed wire bytes are their memory already. */
const fixed: ReadonlySet<DType> = new Set(['float', 'double', 'complex64', 'complex128']);

/** Decodes varints into `out` at `width` bytes each, dropping the bits above (as TensorFlow casts); returns where it stopped. */
function varints(
  source: Uint8Array,
  run: Run,
  out: Uint8Array,
  at: number,
  width: number,
  bool: boolean,
): { readonly from: number; readonly to: number } {
  let from = run.start;
  let to = at;
  while (from < run.end && to < out.length) {
    let low = 0;
    let high = 0;
    let i = 0;
    for (; ; i++) {
      if (i === 10) throw malformed('a varint is longer than 10 bytes');
      if (from >= run.end) throw malformed('a varint is cut short');
      const byte = source[from++] as number;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (i < 9) high |= bits << (7 * i - 32);
      else high |= bits << 31;
      if (byte < 0x80) break;
    }
    if (bool) low = low !== 0 || high !== 0 ? 1 : 0;
    for (let b = 0; b < width; b++) out[to++] = b < 4 ? low >>> (8 * b) : high >>> (8 * (b - 4));
  }
  return { from, to };
}

/** Repeats the last element up to the end: TensorFlow's rule for a typed field that is shorter than the shape. */
function repeatLast(out: Uint8Array, at: number, width: number): void {
  if (at === 0 || at >= out.length) return;
  out.copyWithin(at, at - width, at);
  let filled = width;
  while (at + filled < out.length) {
    out.copyWithin(at + filled, at, Math.min(at + filled, out.length - filled));
    filled *= 2;
  }
}

/**
 * The values of a numeric tensor of `size` bytes; a view when the wire holds just these.
 * @throws StatusError INVALID_ARGUMENT for a run that is no list of such values
 */
export function fillValues(source: Uint8Array, runs: readonly Run[], dtype: DType, size: number): Uint8Array {
  const { bytes, filled } = readValues(source, runs, dtype, size);
  if (filled < size) repeatLast(bytes, filled, widthOf(dtype));
  return bytes;
}

/**
 * As fillValues(), for an API in which a list holds exactly as many values as the shape says.
 * @returns undefined when there are fewer or more
 */
export function exactValues(
  source: Uint8Array,
  runs: readonly Run[],
  dtype: DType,
  size: number,
): Uint8Array | undefined {
  const { bytes, filled, whole } = readValues(source, runs, dtype, size);
  return filled === size && whole ? bytes : undefined;
}

interface Read {
  readonly bytes: Uint8Array;
  /** How much of `bytes` came from the wire. */
  readonly filled: number;
  /** Nothing was left over. */
  readonly whole: boolean;
}

function readValues(source: Uint8Array, runs: readonly Run[], dtype: DType, size: number): Read {
  const width = widthOf(dtype);
  const first = runs[0];
  if (fixed.has(dtype) && runs.length === 1 && first !== undefined && first.end - first.start === size) {
    return { bytes: source.subarray(first.start, first.end), filled: size, whole: true };
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  let whole = true;
  for (const run of runs) {
    if (fixed.has(dtype)) {
      const unit = dtype === 'float' || dtype === 'complex64' ? 4 : 8;
      if ((run.end - run.start) % unit !== 0) throw malformed('a packed field is cut short');
      const taken = Math.min(run.end - run.start, size - at);
      bytes.set(source.subarray(run.start, run.start + taken), at);
      at += taken;
      whole &&= run.start + taken === run.end;
    } else {
      const stopped = varints(source, run, bytes, at, width, dtype === 'bool');
      at = stopped.to;
      whole &&= stopped.from === run.end;
    }
  }
  return { bytes, filled: at - (at % width), whole };
}
