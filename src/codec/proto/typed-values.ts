/** The typed value fields of TensorProto (float_val, int_val, ...) as the little-endian bytes of tensor_content. */
import { type DType, widthOf } from '../dtype.ts';
import { malformed, type Reader, wire } from './reader.ts';

/** Their packed wire bytes are their memory already. */
const fixed: ReadonlySet<DType> = new Set(['float', 'double', 'complex64', 'complex128']);

/**
 * Decodes varints into `out` at `width` bytes each, dropping the bits above (as TensorFlow casts); returns where it
 * stopped.
 */
function varints(
  source: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  width: number,
  bool: boolean,
): { readonly from: number; readonly to: number } {
  let from = start;
  let to = at;
  while (from < end && to < out.length) {
    let low = 0;
    let high = 0;
    let i = 0;
    for (; ; i++) {
      if (i === 10) throw malformed('a varint is longer than 10 bytes');
      if (from >= end) throw malformed('a varint is cut short');
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
 * Gathers the values of a numeric tensor of `size` bytes from the stretches of a repeated field: packed runs and single
 * values, in any mixture. Nothing is kept for a stretch, so a million single values cost no more than a packed run.
 */
export class TypedValues {
  /** The wire type of a single value; in any other but a packed run it is an unknown field. */
  readonly wireType: number;
  readonly #dtype: DType;
  readonly #width: number;
  /** Bytes of one number on the wire, of those that are not varints. */
  readonly #unit: number;
  readonly #size: number;
  /** A view on the wire while that holds just the values; a buffer of our own from the second stretch on. */
  #bytes: Uint8Array | undefined;
  #own = false;
  /** How much came from the wire. */
  #filled = 0;
  #leftOver = false;

  constructor(dtype: DType, size: number) {
    this.#dtype = dtype;
    this.#width = widthOf(dtype);
    this.#unit = dtype === 'float' || dtype === 'complex64' ? 4 : 8;
    this.#size = size;
    this.wireType = !fixed.has(dtype) ? wire.varint : this.#unit === 4 ? wire.fixed32 : wire.fixed64;
  }

  /** Takes the values in [start, end). @throws StatusError INVALID_ARGUMENT for what is no list of such values */
  add(source: Uint8Array, start: number, end: number): void {
    if (!fixed.has(this.#dtype)) {
      const out = this.#buffer();
      const { from, to } = varints(
        source,
        start,
        end,
        out,
        this.#filled,
        this.#width,
        this.#dtype === 'bool',
      );
      this.#filled = to;
      this.#leftOver ||= from < end;
      return;
    }
    if ((end - start) % this.#unit !== 0) throw malformed('a packed field is cut short');
    if (this.#bytes === undefined && end - start === this.#size) {
      this.#bytes = source.subarray(start, end);
      this.#filled = this.#size;
      return;
    }
    const taken = Math.min(end - start, this.#size - this.#filled);
    this.#leftOver ||= taken < end - start;
    if (taken === 0) return;
    this.#buffer().set(source.subarray(start, start + taken), this.#filled);
    this.#filled += taken;
  }

  #buffer(): Uint8Array {
    if (!this.#own) {
      const view = this.#bytes;
      this.#bytes = new Uint8Array(this.#size);
      if (view !== undefined) this.#bytes.set(view);
      this.#own = true;
    }
    return this.#bytes as Uint8Array;
  }

  /** TensorFlow's rule: what is missing is the last value again, what is too much is dropped. */
  repeated(): Uint8Array {
    const bytes = this.#bytes ?? this.#buffer();
    const whole = this.#filled - (this.#filled % this.#width);
    // half of a complex number is none
    if (whole < this.#filled) bytes.fill(0, whole, this.#filled);
    if (whole < this.#size) repeatLast(bytes, whole, this.#width);
    return bytes;
  }

  /** For an API in which a list holds as many values as the shape says; undefined when there are fewer or more. */
  exact(): Uint8Array | undefined {
    const bytes = this.#bytes ?? this.#buffer();
    return this.#filled === this.#size && !this.#leftOver ? bytes : undefined;
  }
}

/** Takes all values of one field of a message: packed runs and single values. */
export function addValues(reader: Reader, field: number, values: TypedValues): void {
  while (reader.next()) {
    const from = reader.at;
    if (reader.is(field, wire.bytes)) {
      const packed = reader.message();
      values.add(reader.bytes, packed.at, packed.end);
      continue;
    }
    reader.skip();
    if (reader.is(field, values.wireType)) values.add(reader.bytes, from, reader.at);
  }
}
