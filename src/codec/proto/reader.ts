/** Reads protobuf's wire format field by field, in place, without trusting a length. */
import { Code, StatusError } from '../../base/status.ts';

/** Wire types (protobuf encoding guide). */
export const wire = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Groups inside groups that are skipped at most; proto3 has none, old senders might. */
export const maxGroupDepth = 32;

/**
 * Creates the StatusError INVALID_ARGUMENT for malformed protobuf; the caller throws it.
 * @param what the fault, for the message
 */
export function malformed(what: string): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, `malformed protobuf message: ${what}`);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Cursor over a protobuf message in one array, from `at` up to `end`: next() finds a field, a typed method
 * reads it, skip() discards it. Malformed input makes its methods throw StatusError INVALID_ARGUMENT.
 */
export class Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  #view: DataView | undefined;
  /** Number and wire type of the field that next() found. */
  field = 0;
  type = 0;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.#short('tag');
    this.field = tag >>> 3;
    this.type = tag & 7;
    if (this.field === 0) throw malformed('field number 0');
    return true;
  }

  /**
   * True when the field just found is this one in this wire type; one of another type is skipped like an unknown
   * field.
   */
  is(field: number, type: number): boolean {
    return this.field === field && this.type === type;
  }

  /** A varint's low 32 bits, unsigned. */
  uint32(): number {
    const { bytes, end } = this;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) throw malformed('a varint is cut short');
      const byte = bytes[this.at++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed('a varint is longer than 10 bytes');
  }

  /**
   * A tag or a length. Parsers disagree about those of more than 32 bits or 5 bytes: some cut them, some refuse them.
   */
  #short(what: string): number {
    const { bytes, end } = this;
    let value = 0;
    for (let i = 0; i < 5; i++) {
      if (this.at >= end) throw malformed('a varint is cut short');
      const byte = bytes[this.at++] as number;
      value |= (byte & 0x7f) << (7 * i);
      if (byte >= 0x80) continue;
      if (i === 4 && byte > 0x0f) break;
      return value >>> 0;
    }
    throw malformed(`a ${what} is longer than 32 bits`);
  }

  /** How long the field is that follows. */
  length(): number {
    return this.#short('length');
  }

  int32(): number {
    return this.uint32() | 0;
  }

  bool(): boolean {
    return this.uint64() !== 0n;
  }

  uint64(): bigint {
    const { bytes, end } = this;
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw malformed('a varint is cut short');
      const byte = bytes[this.at++] as number;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (i < 9) high |= bits << (7 * i - 32);
      else high |= bits << 31;
      if (byte < 0x80)
        return high === 0 ? BigInt(low >>> 0) : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    }
    throw malformed('a varint is longer than 10 bytes');
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  #dataView(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength));
  }

  #take(size: number): number {
    const from = this.at;
    if (this.end - from < size) throw malformed('a field is cut short');
    this.at = from + size;
    return from;
  }

  float(): number {
    return this.#dataView().getFloat32(this.#take(4), true);
  }

  double(): number {
    return this.#dataView().getFloat64(this.#take(8), true);
  }

  /** A view on a length-delimited field. */
  slice(): Uint8Array {
    const size = this.length();
    const from = this.#take(size);
    return this.bytes.subarray(from, from + size);
  }

  string(): string {
    return utf8(this.slice());
  }

  /** A reader over a length-delimited field. */
  message(): Reader {
    const size = this.length();
    const from = this.#take(size);
    return new Reader(this.bytes, from, from + size);
  }

  /** Passes over the field just found. */
  skip(): void {
    switch (this.type) {
      case wire.varint:
        this.#skipVarint();
        break;
      case wire.fixed64:
        this.#take(8);
        break;
      case wire.bytes:
        this.#take(this.length());
        break;
      case wire.fixed32:
        this.#take(4);
        break;
      case wire.startGroup:
        this.#skipGroup();
        break;
      default:
        throw malformed(`wire type ${this.type}`);
    }
  }

  #skipVarint(): void {
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw malformed('a varint is cut short');
      if ((this.bytes[this.at++] as number) < 0x80) return;
    }
    throw malformed('a varint is longer than 10 bytes');
  }

  #skipGroup(): void {
    const open = [this.field];
    while (open.length > 0) {
      if (open.length > maxGroupDepth) throw malformed(`groups are nested deeper than ${maxGroupDepth}`);
      if (!this.next()) throw malformed('a group does not end');
      if (this.type === wire.startGroup) open.push(this.field);
      else if (this.type === wire.endGroup) {
        if (open.pop() !== this.field) throw malformed('a group ends with another number');
      } else this.skip();
    }
  }
}

/** The text of a string field. @throws StatusError INVALID_ARGUMENT when it is not UTF-8 */
export function utf8(bytes: Uint8Array): string {
  try {
    return bytes.length < 24 ? (ascii(bytes) ?? decoder.decode(bytes)) : decoder.decode(bytes);
  } catch {
    throw malformed('a string is not UTF-8');
  }
}

/** Short names are ASCII nearly always; String.fromCharCode beats a TextDecoder there. */
function ascii(bytes: Uint8Array): string | undefined {
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Tensors, filters and the like of one message: far more than a model has; each takes some hundred bytes of memory. */
const maxEntries = 65_536;

/** Called before one more is kept. @throws StatusError INVALID_ARGUMENT beyond what a message may have */
export function checkEntries(count: number, what: string): void {
  if (count >= maxEntries) throw malformed(`it has more than ${maxEntries} ${what}`);
}
