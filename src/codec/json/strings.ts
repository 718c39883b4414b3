/** The contents of JSON strings as bytes: escapes resolved, everything else as it came. */
import { Buffer } from 'node:buffer';
import { expect, valueFault } from './limits.ts';
import { byte, type Span, type Text } from './text.ts';

const simple: Readonly<Record<number, number>> = { 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9 };

/** Writes the bytes that stand for one escape, at `at` in the text, which is complete; gives how many. */
function unescape(text: Text, at: number, out: Uint8Array, to: number): number {
  const kind = text.bytes[at + 1] as number;
  if (kind !== 0x75) {
    out[to] = simple[kind] ?? kind;
    return 1;
  }
  let point = text.hex(at + 2);
  if (point >= 0xd800 && point <= 0xdbff)
    point = 0x10000 + ((point - 0xd800) << 10) + (text.hex(at + 8) - 0xdc00);
  if (point < 0x80) {
    out[to] = point;
    return 1;
  }
  if (point < 0x800) {
    out[to] = 0xc0 | (point >> 6);
    out[to + 1] = 0x80 | (point & 0x3f);
    return 2;
  }
  if (point < 0x10000) {
    out[to] = 0xe0 | (point >> 12);
    out[to + 1] = 0x80 | ((point >> 6) & 0x3f);
    out[to + 2] = 0x80 | (point & 0x3f);
    return 3;
  }
  out[to] = 0xf0 | (point >> 18);
  out[to + 1] = 0x80 | ((point >> 12) & 0x3f);
  out[to + 2] = 0x80 | ((point >> 6) & 0x3f);
  out[to + 3] = 0x80 | (point & 0x3f);
  return 4;
}

/** The bytes of a string that text.string() has passed over; a view on the window when there is no escape in it. */
export function stringBytes(text: Text, { from, to, escaped }: Span): Uint8Array {
  if (!escaped) return text.bytes.subarray(from, to);
  const out = new Uint8Array(to - from);
  let length = 0;
  for (let at = from; at < to;) {
    if (text.bytes[at] === byte.backslash) {
      length += unescape(text, at, out, length);
      at = text.escape(at);
    } else out[length++] = text.bytes[at++] as number;
  }
  return out.subarray(0, length);
}

/** The name of a member, or a short string's text. */
export function stringText(text: Text, span: Span): string {
  const bytes = stringBytes(text, span);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** A string of any length, taken piece by piece as it arrives. */
export class StringReader {
  readonly #take: (piece: Uint8Array) => void;
  readonly #base64: Base64Reader | undefined;
  readonly #escaped = new Uint8Array(4);
  #start = 0;
  #inside = false;

  /**
   * @param take is given views that are good for the time of the call
   * @param base64 who takes what there is of base64 before others look at it
   */
  constructor(take: (piece: Uint8Array) => void, base64?: Base64Reader) {
    this.#take = take;
    this.#base64 = base64;
  }

  /** False when more text is needed; begins at the opening quote. @throws SyntaxFault */
  run(text: Text): boolean {
    if (!this.#inside) {
      this.#start = text.base + text.at;
      this.#inside = true;
      text.at++;
    }
    if (this.#base64?.take(text) === true && text.end - text.at < groupBytes && !text.last) return false;
    for (;;) {
      const from = text.at;
      const stop = text.plain(from);
      if (stop > from) this.#take(text.bytes.subarray(from, stop));
      text.at = stop;
      if (stop < text.end && text.bytes[stop] === byte.quote) {
        text.at = stop + 1;
        this.#inside = false;
        return true;
      }
      const next = stop < text.end ? text.escape(stop) : -1;
      if (next < 0) {
        if (text.last)
          throw text.fault('Missing a closing quotation mark in string.', this.#start - text.base);
        return false;
      }
      this.#take(this.#escaped.subarray(0, unescape(text, stop, this.#escaped, 0)));
      text.at = next;
    }
  }
}

const digitOf = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++)
  digitOf['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.charCodeAt(i)] = i;
digitOf[0x2d] = 62;
digitOf[0x5f] = 63;
const padding = -2;
const blank = -3;
for (const mark of '=.') digitOf[mark.charCodeAt(0)] = padding;
for (const mark of '\t\n\v\f\r ') digitOf[mark.charCodeAt(0)] = blank;

/** Text that is decoded in one step; a multiple of 4, so that it stands for whole bytes. */
const runBytes = 3072;
/** From this size on the way through a string is the shorter one. */
const minBulkBytes = 256;
/** Digits that stand for whole bytes. */
const groupBytes = 4;

/**
 * base64 as TensorFlow Serving takes it (white space, "." for "=", padding all there or not at all), and kinder: the
 * URL-safe alphabet too. Decodes as the text arrives.
 */
export class Base64Reader {
  readonly #take: (piece: Uint8Array) => void;
  #out: Uint8Array | undefined;
  #bits = 0;
  #digits = 0;
  #padding = 0;
  #bad = false;

  /** @param take is given views on a buffer that is used again */
  constructor(take: (piece: Uint8Array) => void) {
    this.#take = take;
  }

  /** Begins another string. */
  restart(): void {
    this.#bits = 0;
    this.#digits = 0;
    this.#padding = 0;
    this.#bad = false;
  }

  /**
   * Takes whole groups of digits up to where the string or the window ends, if there is nothing else on the way. Before
   * anybody looks for escapes: where all are digits there are none.
   */
  take(text: Text): boolean {
    const { at } = text;
    if (text.end - at < minBulkBytes || this.#bad || this.#digits > 0 || this.#padding > 0) return false;
    const { bytes } = text;
    // most short strings show themselves without a search: by the `"},{"` behind them
    for (let i = at; i < at + minBulkBytes; i += 5)
      if ((digitOf[bytes[i] as number] as number) < 0) return false;
    const stop = text.find(byte.quote, at);
    const padded = stop < text.end && digitOf[bytes[stop - 1] as number] === padding;
    const size = ((stop - at) & ~3) - (padded ? groupBytes : 0);
    if (size < minBulkBytes || !this.#bulk(bytes, at, size)) return false;
    text.at = at + size;
    return true;
  }

  push(text: Uint8Array): void {
    let at = 0;
    while (at < text.length && !this.#bad) {
      const whole = (text.length - at) & ~3;
      if (whole >= minBulkBytes && this.#digits === 0 && this.#padding === 0 && this.#bulk(text, at, whole)) {
        at += whole;
        continue;
      }
      const stop = Math.min(text.length, at + runBytes - this.#digits);
      this.#run(text, at, stop);
      at = stop;
    }
  }

  /** Whole groups go through node's decoder. It passes over what is no digit in silence, but then gives less. */
  #bulk(text: Uint8Array, from: number, size: number): boolean {
    const digits = Buffer.from(text.buffer, text.byteOffset + from, size).toString('latin1');
    const bytes = Buffer.from(digits, 'base64');
    if (bytes.length !== (size / groupBytes) * 3) return false;
    this.#take(bytes);
    return true;
  }

  #run(text: Uint8Array, from: number, to: number): void {
    const out = (this.#out ??= new Uint8Array((runBytes / 4) * 3));
    let bits = this.#bits;
    let digits = this.#digits;
    let length = 0;
    for (let at = from; at < to; at++) {
      const digit = digitOf[text[at] as number] as number;
      if (digit < 0) {
        if (digit === padding) this.#padding++;
        else if (digit !== blank) this.#bad = true;
        continue;
      }
      if (this.#padding > 0) this.#bad = true;
      bits = (bits << 6) | digit;
      if ((++digits & 3) === 0) {
        out[length++] = bits >> 16;
        out[length++] = bits >> 8;
        out[length++] = bits;
        bits = 0;
      }
    }
    this.#bits = bits;
    this.#digits = digits & 3;
    if (length > 0) this.#take(out.subarray(0, length));
  }

  /** Gives the last bytes. @throws ValueFault "Unable to base64 decode" */
  end(): void {
    const rest = this.#digits;
    const count = this.#padding;
    if (this.#bad || rest === 1 || (count > 0 && (rest === 0 || count !== 4 - rest)))
      throw valueFault('Unable to base64 decode', expect.after);
    if (rest === 2) this.#take(Uint8Array.of(this.#bits >> 4));
    if (rest === 3) this.#take(Uint8Array.of(this.#bits >> 10, this.#bits >> 2));
  }
}
