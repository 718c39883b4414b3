/** Where the body of an HTTP/1.1 request ends: by its length, or by its chunks (RFC 9112 §6, §7.1). */
import { fieldLine } from './field.ts';

/**
 * A chunk's size, and extensions that nobody here knows (RFC 9112 §7.1.1): names with tokens or quoted strings. The
 * grammar has blanks before the semicolon ("bad white space"); llhttp refuses them, and so does this: readers have
 * disagreed about them.
 */
const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = String.raw`"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"`;
const sizeLine = new RegExp(`^([0-9A-Fa-f]{1,8})(?:;${token}(?:=(?:${token}|${quoted}))?)*$`);
/** Of extensions, and of trailer fields, in one body: both are read over. */
const maxIgnoredBytes = 4096;

export interface BodyReader {
  /** The whole body has come. */
  readonly done: boolean;
  /** What has not come yet, as far as that is known. */
  readonly leftBytes: number;
  /**
   * Takes bytes from `at` on; data goes to `onData`.
   * @returns where it stopped: at the end of `bytes`, or behind the body. -1: the framing is broken
   */
  read(bytes: Buffer, at: number, onData: (data: Buffer) => void): number;
}

/** Reads a body of `content-length` bytes (RFC 9112 §6.2). */
export class SizedBody implements BodyReader {
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  get leftBytes(): number {
    return this.#left;
  }

  read(bytes: Buffer, at: number, onData: (data: Buffer) => void): number {
    const taken = Math.min(this.#left, bytes.length - at);
    this.#left -= taken;
    if (taken > 0) onData(bytes.subarray(at, at + taken));
    return at + taken;
  }
}

/**
 * Reads a body in the chunked transfer coding (RFC 9112 §7.1); chunk extensions and trailer fields are
 * discarded, 4096 bytes of them at most.
 */
export class ChunkedBody implements BodyReader {
  done = false;
  readonly leftBytes = 0;
  /** "data": inside a chunk; "end": before the line end behind it; "size" and "trailer": inside a line. */
  #in: 'size' | 'data' | 'end' | 'trailer' = 'size';
  #left = 0;
  #line = '';
  #ignoredBytes = 0;

  read(bytes: Buffer, from: number, onData: (data: Buffer) => void): number {
    let at = from;
    while (at < bytes.length && !this.done) {
      if (this.#in === 'data') {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        const data = bytes.subarray(at, at + taken);
        at += taken;
        if (this.#left === 0) this.#in = 'end';
        onData(data);
        continue;
      }
      const end = bytes.indexOf(10, at);
      const upTo = end === -1 ? bytes.length : end + 1;
      if (this.#line.length + upTo - at > maxIgnoredBytes) return -1;
      this.#line += bytes.toString('latin1', at, upTo);
      at = upTo;
      if (end !== -1 && !this.#endLine()) return -1;
    }
    return at;
  }

  /** False when the line is not what must be there. */
  #endLine(): boolean {
    if (!this.#line.endsWith('\r\n')) return false;
    const line = this.#line.slice(0, -2);
    this.#line = '';
    switch (this.#in) {
      case 'size': {
        const match = sizeLine.exec(line);
        if (match === null) return false;
        const digits = match[1] as string;
        this.#left = Number.parseInt(digits, 16);
        this.#in = this.#left === 0 ? 'trailer' : 'data';
        return this.#ignore(line.length - digits.length);
      }
      case 'end':
        this.#in = 'size';
        return line === '';
      default:
        if (line === '') this.done = true;
        return (this.done || fieldLine.test(line)) && this.#ignore(line.length + 2);
    }
  }

  /** False when it is too much. */
  #ignore(bytes: number): boolean {
    this.#ignoredBytes += bytes;
    return this.#ignoredBytes <= maxIgnoredBytes;
  }
}
