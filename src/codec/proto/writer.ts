/** Writes protobuf's wire format; large byte fields become chunks of their own, so that they are not copied. */
import { type Chunks, chunksLength } from '../tensor-chunks.ts';
import { wire } from './reader.ts';

/** Byte fields above this stay where they are: below it a copy is cheaper than one more chunk to send. */
const ownChunkBytes = 4096;
/** Most messages are parts of others and short; longer ones grow. In bytes. */
const firstBytes = 64;
const noBytes = Buffer.alloc(0);

/**
 * Builds a protobuf message field by field; ends with chunks() or finish(), after which it must not be used.
 * Byte fields above 4096 bytes are not copied, and must not be changed before they are sent.
 */
export class Writer {
  #chunks: Uint8Array[] = [];
  #buffer = noBytes;
  #at = 0;
  #done = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#done + this.#at;
  }

  #room(size: number): void {
    if (this.#buffer.length - this.#at >= size) return;
    const bigger = Buffer.allocUnsafe(Math.max(firstBytes, this.#buffer.length * 2, this.#at + size));
    this.#buffer.copy(bigger, 0, 0, this.#at);
    this.#buffer = bigger;
  }

  #seal(): void {
    if (this.#at === 0) return;
    this.#chunks.push(this.#buffer.subarray(0, this.#at));
    this.#done += this.#at;
    this.#buffer = noBytes;
    this.#at = 0;
  }

  tag(field: number, type: number): this {
    return this.varint(field * 8 + type);
  }

  /** A non-negative integer below 2^53. */
  varint(value: number): this {
    this.#room(10);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#at++] = rest;
    return this;
  }

  varint64(value: bigint): this {
    this.#room(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#at++] = Number(rest);
    return this;
  }

  /** An int32 field; negative numbers take ten bytes, as the format says. */
  int32(field: number, value: number): this {
    this.tag(field, wire.varint);
    return value < 0 ? this.varint64(BigInt(value)) : this.varint(value);
  }

  int64(field: number, value: bigint): this {
    return this.tag(field, wire.varint).varint64(value);
  }

  bool(field: number, value: boolean): this {
    return this.tag(field, wire.varint).varint(value ? 1 : 0);
  }

  float(field: number, value: number): this {
    this.tag(field, wire.fixed32);
    this.#room(4);
    this.#at = this.#buffer.writeFloatLE(value, this.#at);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'));
  }

  bytes(field: number, value: Uint8Array): this {
    this.tag(field, wire.bytes).varint(value.length);
    return this.raw(value);
  }

  /** A length-delimited field whose bytes come in pieces. */
  pieces(field: number, value: Chunks): this {
    this.tag(field, wire.bytes).varint(chunksLength(value));
    for (const piece of value) this.raw(piece);
    return this;
  }

  double(field: number, value: number): this {
    this.tag(field, wire.fixed64);
    this.#room(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
    return this;
  }

  /** Four bytes, little endian. */
  fixed32(value: number): this {
    this.#room(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
    return this;
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): this {
    if (value.length > ownChunkBytes) {
      this.#seal();
      this.#chunks.push(value);
      this.#done += value.length;
    } else {
      this.#room(value.length);
      this.#buffer.set(value, this.#at);
      this.#at += value.length;
    }
    return this;
  }

  /** An embedded message. */
  message(field: number, inner: Writer): this {
    this.tag(field, wire.bytes).varint(inner.length);
    for (const chunk of inner.chunks()) this.raw(chunk);
    return this;
  }

  /** What was written; the writer must not be used after. */
  chunks(): Uint8Array[] {
    this.#seal();
    return this.#chunks;
  }

  /** What was written, as one array. */
  finish(): Uint8Array {
    const chunks = this.chunks();
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
  }
}
