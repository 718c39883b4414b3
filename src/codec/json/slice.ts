/** The piece of a reply that is being written. */
import { Buffer } from 'node:buffer';
import { kernel } from './kernel/kernel.ts';

/** Large enough that a piece is worth a write to a socket, small enough that it takes well under a millisecond. */
export const sliceBytes = 65_536;

/**
 * A JSON text in pieces, each made when it is asked for; the last one is returned. A piece is good until the next one
 * is asked for or control is given up: all replies are written to the same memory.
 */
export type LentChunks = Generator<Buffer, Buffer, undefined>;

/** Encoding is synchronous between two pieces, so one buffer serves every reply. */
const scratch =
  kernel === undefined
    ? Buffer.alloc(sliceBytes)
    : Buffer.from(kernel.slice.buffer, kernel.slice.byteOffset, sliceBytes);
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, sliceBytes);

const quote = 0x22;
const backslash = 0x5c;
const letter: Readonly<Record<number, number>> = {
  [quote]: quote,
  [backslash]: backslash,
  0x08: 0x62,
  0x0c: 0x66,
  0x0a: 0x6e,
  0x0d: 0x72,
  0x09: 0x74,
};
const hexDigits = '0123456789ABCDEF';
const zeroUnicode = [0x5c, 0x75, 0x30, 0x30];
/** The longest that one byte of a string can become. */
export const maxEscapeBytes = 6;

/**
 * Output buffer of `sliceBytes` for JSON text. All slices share one memory: the content must be taken or sent
 * before control is given up.
 */
export class Slice {
  readonly bytes: Buffer = scratch;
  readonly view: DataView = scratchView;
  at = 0;

  /** Room for `size` more bytes. */
  has(size: number): boolean {
    return sliceBytes - this.at >= size;
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** ASCII text. */
  text(value: string): void {
    this.at += this.bytes.write(value, this.at, 'latin1');
  }

  /**
   * Writes the inside of a JSON string, from byte `from` on: only quotes, backslashes and control characters are
   * escaped, as TensorFlow Serving does; other bytes stay as they are.
   * @returns where it stopped for want of room
   */
  escaped(value: Uint8Array, from: number): number {
    const { bytes } = this;
    let { at } = this;
    let i = from;
    for (; i < value.length && at <= sliceBytes - maxEscapeBytes; i++) {
      const unit = value[i] as number;
      if (unit >= 0x20 && unit !== quote && unit !== backslash) {
        bytes[at++] = unit;
        continue;
      }
      const short = letter[unit];
      if (short !== undefined) {
        bytes[at++] = backslash;
        bytes[at++] = short;
        continue;
      }
      for (const each of zeroUnicode) bytes[at++] = each;
      bytes[at++] = hexDigits.charCodeAt(unit >> 4);
      bytes[at++] = hexDigits.charCodeAt(unit & 15);
    }
    this.at = at;
    return i;
  }

  /** What was written, where it stands; the slice is empty after that. */
  lend(): Buffer {
    const piece = this.bytes.subarray(0, this.at);
    this.at = 0;
    return piece;
  }

  /** What was written, for good; the slice is empty after that. */
  take(): Buffer {
    const piece = Buffer.allocUnsafe(this.at);
    this.bytes.copy(piece, 0, 0, this.at);
    this.at = 0;
    return piece;
  }
}

/** The whole text. */
export function wholeText(pieces: LentChunks): Buffer {
  const copies: Buffer[] = [];
  for (;;) {
    const { value, done } = pieces.next();
    copies.push(Buffer.from(value));
    if (done === true) return Buffer.concat(copies);
  }
}
