/** Reads protobuf's wire format from a message in pieces; large fields come out as views on them. */
import { joined, type Chunks, chunksLength } from '../tensor-chunks.ts';
import { malformed, maxGroupDepth, utf8, wire } from './reader.ts';

/**
 * Cursor over a protobuf message in pieces: next() finds a field, a typed method reads it, skip() discards it.
 * Malformed input makes its methods throw StatusError INVALID_ARGUMENT.
 */
export class PieceReader {
  readonly #pieces: Chunks;
  #index = 0;
  #bytes: Uint8Array;
  #at = 0;
  /** Bytes of the message under way that have not been read. */
  #left: number;
  /** Number and wire type of the field that next() found. */
  field = 0;
  type = 0;

  constructor(pieces: Chunks) {
    this.#pieces = pieces;
    this.#bytes = pieces[0] ?? new Uint8Array(0);
    this.#left = chunksLength(pieces);
  }

  get left(): number {
    return this.#left;
  }

  /** Moves to the next field of the message under way; false at its end. */
  next(): boolean {
    if (this.#left === 0) return false;
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

  #byte(): number {
    if (this.#left === 0) throw malformed('a field is cut short');
    this.#left--;
    while (this.#at === this.#bytes.length) this.#advance();
    return this.#bytes[this.#at++] as number;
  }

  #advance(): void {
    this.#bytes = this.#pieces[++this.#index] as Uint8Array;
    this.#at = 0;
  }

  /** A varint's low 32 bits, unsigned. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed('a varint is longer than 10 bytes');
  }

  /** As Reader has it. */
  #short(what: string): number {
    let value = 0;
    for (let i = 0; i < 5; i++) {
      const byte = this.#byte();
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

  uint64(): bigint {
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
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

  bool(): boolean {
    return this.uint64() !== 0n;
  }

  /** Four bytes, little endian. */
  fixed32(): number {
    return (this.#byte() | (this.#byte() << 8) | (this.#byte() << 16) | (this.#byte() << 24)) >>> 0;
  }

  double(): number {
    return Buffer.from(joined(this.take(8))).readDoubleLE();
  }

  /** Enters a length-delimited field, which is then the message under way; leave() takes what this returns. */
  enter(): number {
    const size = this.length();
    if (size > this.#left) throw malformed('a field is cut short');
    const outer = this.#left - size;
    this.#left = size;
    return outer;
  }

  leave(outer: number): void {
    if (this.#left > 0) this.take(this.#left);
    this.#left = outer;
  }

  /** Views on the next bytes. */
  take(size: number): Uint8Array[] {
    if (size > this.#left) throw malformed('a field is cut short');
    this.#left -= size;
    const views: Uint8Array[] = [];
    for (let rest = size; rest > 0;) {
      const here = this.#bytes.length - this.#at;
      if (here === 0) {
        this.#advance();
        continue;
      }
      const taken = Math.min(here, rest);
      views.push(this.#bytes.subarray(this.#at, this.#at + taken));
      this.#at += taken;
      rest -= taken;
    }
    return views;
  }

  /** Views on a length-delimited field. */
  pieces(): Uint8Array[] {
    return this.take(this.length());
  }

  string(): string {
    return utf8(joined(this.pieces()));
  }

  /** Passes over the field just found. */
  skip(): void {
    if (this.type === wire.varint) this.uint64();
    else if (this.type === wire.fixed64) this.take(8);
    else if (this.type === wire.bytes) this.take(this.length());
    else if (this.type === wire.fixed32) this.take(4);
    else if (this.type === wire.startGroup) this.#skipGroup();
    else throw malformed(`wire type ${this.type}`);
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
