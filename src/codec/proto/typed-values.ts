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
): number {
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
  return to;
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
  const width = widthOf(dtype);
  const first = runs[0];
  if (fixed.has(dtype) && runs.length === 1 && first !== undefined && first.end - first.start === size) {
    return source.subarray(first.start, first.end);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const run of runs) {
    if (at >= size) break;
    if (!fixed.has(dtype)) at = varints(source, run, out, at, width, dtype === 'bool');
    else {
      const unit = dtype === 'float' || dtype === 'complex64' ? 4 : 8;
      if ((run.end - run.start) % unit !== 0) throw malformed('a packed field is cut short');
      const taken = Math.min(run.end - run.start, size - at);
      out.set(source.subarray(run.start, run.start + taken), at);
      at += taken;
    }
  }
  at -= at % width;
  repeatLast(out, at, width);
  return out;
}
