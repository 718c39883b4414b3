/** Builds text as bytes, in slices. */
import { Buffer } from 'node:buffer';

const sliceBytes = 65_536;

export class ByteWriter {
  #slices: Uint8Array[] = [];
  #slice = Buffer.allocUnsafe(sliceBytes);
  #at = 0;

  #room(bytes: number): void {
    if (this.#slice.length - this.#at >= bytes) return;
    if (this.#at > 0) this.#slices.push(this.#slice.subarray(0, this.#at));
    this.#slice = Buffer.allocUnsafe(Math.max(sliceBytes, bytes));
    this.#at = 0;
  }

  /** ASCII text. */
  text(value: string): void {
    this.#room(value.length);
    this.#at += this.#slice.write(value, this.#at, 'latin1');
  }

  byte(value: number): void {
    this.#room(1);
    this.#slice[this.#at++] = value;
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#slice.set(value, this.#at);
    this.#at += value.length;
  }

  /** A JSON string of these bytes: only quotes, backslashes and control characters are escaped, as TensorFlow Serving does. */
  string(value: Uint8Array): void {
    this.byte(0x22);
    let from = 0;
    for (let at = 0; at < value.length; at++) {
      const unit = value[at] as number;
      if (unit >= 0x20 && unit !== 0x22 && unit !== 0x5c) continue;
      if (at > from) this.bytes(value.subarray(from, at));
      this.text(escapes[unit] ?? `\\u00${unit.toString(16).toUpperCase().padStart(2, '0')}`);
      from = at + 1;
    }
    if (from < value.length) this.bytes(from === 0 ? value : value.subarray(from));
    this.byte(0x22);
  }

  finish(): Uint8Array[] {
    if (this.#at > 0) this.#slices.push(this.#slice.subarray(0, this.#at));
    this.#at = 0;
    return this.#slices;
  }
}

const escapes: Readonly<Record<number, string>> = {
  0x22: '\\"',
  0x5c: '\\\\',
  0x08: '\\b',
  0x0c: '\\f',
  0x0a: '\\n',
  0x0d: '\\r',
  0x09: '\\t',
};
