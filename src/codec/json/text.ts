/**
 * JSON text as it arrives: RFC 8259 plus NaN and infinities, with the messages of TensorFlow Serving's parser.
 *
 * A window slides over the chunks of a body. Readers take whole tokens from it; what they cannot finish yet stays, at
 * the front of the window, until the next chunk has been put behind it. Every reading method says so ("more is needed")
 * by -1 or undefined and leaves `at` at the start of its token.
 */
import { Buffer } from 'node:buffer';
import { Excerpt } from './excerpt.ts';
import { kernel } from './kernel/kernel.ts';
import { fatal, maxNameBytes, maxNumberBytes, SyntaxFault } from './limits.ts';

export const byte = {
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openList: 0x5b,
  backslash: 0x5c,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

export type ValueType = 'Null' | 'False' | 'True' | 'Object' | 'Array' | 'String' | 'Number';

/** Where the contents of a string stand in the window; good until more text is put in. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly escaped: boolean;
}

/** What text.number() found. */
export const numberKind = { more: -1, real: 0, integer: 1 } as const;

const words: readonly (readonly [text: string, type: ValueType])[] = [
  ['null', 'Null'],
  ['true', 'True'],
  ['false', 'False'],
  ['NaN', 'Number'],
  ['Infinity', 'Number'],
  ['Inf', 'Number'],
];

/** Read at once: what a socket gives. */
const windowBytes = 65_536;
/** Room for what is left of the chunk before: less than one token. */
const carryBytes = 8192;
/** Bytes behind the text that readers may look at; they are 0, which no token goes on with. */
export const paddingBytes = 16;

/** Decoding is synchronous between two chunks, so one window serves every body: it stays in the processor's cache. */
const window =
  kernel?.text.subarray(0, windowBytes + carryBytes + paddingBytes) ??
  new Uint8Array(windowBytes + carryBytes + paddingBytes);
const windowView = new DataView(window.buffer, window.byteOffset, window.length);

/**
 * Tokenizer over a window of JSON text: either a complete text, or the chunks given to fill(). It checks syntax
 * and nesting (at most `maxDepth` open arrays and objects) as it moves on.
 */
export class Text {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The text stands where the kernel reads. */
  readonly inKernel: boolean;
  readonly maxDepth: number;
  at = 0;
  end = 0;
  /** Offset in the body of the window's first byte. */
  base = 0;
  /** Nothing comes after the window. */
  last = false;
  /** The closing bracket of every list and object that is open. */
  readonly open: number[] = [];
  #carry: Uint8Array | undefined;
  /** The window, for what is quicker in Node's hands. */
  #buffer: Buffer | undefined;
  readonly #excerpts: Excerpt[] = [];

  /** @param whole a complete text; without it, text comes by fill() */
  constructor(maxDepth: number, whole?: Uint8Array) {
    this.maxDepth = maxDepth;
    this.inKernel = whole === undefined && kernel !== undefined;
    if (whole === undefined) {
      this.bytes = window;
      this.view = windowView;
    } else {
      this.bytes = new Uint8Array(whole.length + paddingBytes);
      this.bytes.set(whole);
      this.view = new DataView(this.bytes.buffer);
      this.end = whole.length;
      this.last = true;
    }
  }

  /** Puts the next part of a chunk, from `from` on, behind what is left; gives how far into the chunk that goes. */
  fill(chunk: Uint8Array, from: number): number {
    const carry = this.#carry;
    let { end } = this;
    if (carry !== undefined) {
      // it was set aside because other bodies use the window in between
      this.bytes.set(carry);
      this.#carry = undefined;
    }
    const to = Math.min(chunk.length, from + windowBytes);
    this.bytes.set(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), end);
    end += to - from;
    this.bytes.fill(0, end, end + paddingBytes);
    this.end = end;
    return to;
  }

  /** Lets go of the window, keeping what has not been read. */
  leave(): void {
    for (const excerpt of this.#excerpts) excerpt.take(this.bytes, this.base, this.end);
    const left = this.end - this.at;
    if (left > carryBytes) throw new Error(`a token of ${left} bytes was not read`);
    this.#carry = left === 0 ? undefined : this.bytes.slice(this.at, this.end);
    this.base += this.at;
    this.at = 0;
    this.end = left;
  }

  /** Nothing follows. */
  close(): void {
    this.last = true;
    if (this.#carry !== undefined) this.bytes.set(this.#carry);
    this.#carry = undefined;
    this.bytes.fill(0, this.end, this.end + paddingBytes);
  }

  /** Remembers the text from `at` on, even when the window moves on. */
  excerpt(at: number, maxBytes: number): Excerpt {
    const excerpt = new Excerpt(this.base + at, maxBytes);
    this.#excerpts.push(excerpt);
    return excerpt;
  }

  /** The text of an excerpt so far. */
  textOf(excerpt: Excerpt): Uint8Array {
    excerpt.take(this.bytes, this.base, this.end);
    return excerpt.bytes();
  }

  fault(text: string, at = this.at): SyntaxFault {
    return new SyntaxFault(text, this.base + at);
  }

  /** Skips white space and gives the byte that follows; -1 at the window's end. */
  peek(): number {
    const { bytes, end } = this;
    let { at } = this;
    while (at < end) {
      const value = bytes[at] as number;
      if (value > 0x20 || (value !== 0x20 && value !== 0x0a && value !== 0x0d && value !== 0x09)) {
        this.at = at;
        return value;
      }
      at++;
    }
    this.at = at;
    return -1;
  }

  /** The type of the value at `at`, where no white space stands. @throws SyntaxFault when none does */
  type(): ValueType | undefined {
    const value = this.at < this.end ? (this.bytes[this.at] as number) : -1;
    if (value === byte.quote) return 'String';
    if (value === byte.openList) return 'Array';
    if (value === byte.openObject) return 'Object';
    if (value === byte.minus || (value >= byte.zero && value <= byte.nine)) return 'Number';
    for (const [text, type] of words) {
      const matched = this.#match(text, this.at);
      if (matched === undefined) return undefined;
      if (matched) return type;
    }
    throw this.fault('Invalid value.');
  }

  /** Whether this text stands at `at`; undefined when too little has arrived to say. */
  #match(text: string, at: number): boolean | undefined {
    for (let i = 0; i < text.length; i++) {
      if (at + i >= this.end) return this.last ? false : undefined;
      if (this.bytes[at + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /**
   * Passes over a short string that begins at `at`.
   * @throws SyntaxFault; FatalFault when it is longer than a name may be
   */
  string(): Span | undefined {
    const start = this.at;
    const from = start + 1;
    this.at = from;
    let escaped = false;
    for (;;) {
      const stop = this.plain(this.at);
      if (stop < this.end && this.bytes[stop] === byte.quote) {
        if (stop - from > maxNameBytes) break;
        this.at = stop + 1;
        return { from, to: stop, escaped };
      }
      const next = stop < this.end ? this.escape(stop) : stop;
      if (next === stop || next < 0) {
        this.at = start;
        if (this.last) throw this.fault('Missing a closing quotation mark in string.', start);
        if (this.end - from > maxNameBytes) break;
        return undefined;
      }
      escaped = true;
      this.at = next;
    }
    throw fatal(`a name is longer than the limit of ${maxNameBytes} bytes`);
  }

  /**
   * The first byte from `at` on that is a quote, a backslash or the window's end.
   * @throws SyntaxFault for a control character
   */
  plain(at: number): number {
    const { bytes, end } = this;
    for (let i = at; i < end; i++) {
      const value = bytes[i] as number;
      if (value === byte.quote || value === byte.backslash) return i;
      if (value < 0x20) throw this.fault('Invalid escape character in string.', i);
    }
    return end;
  }

  /** Passes over the escape at `at`; -1 when it is not complete. @throws SyntaxFault */
  escape(at: number): number {
    if (at + 1 >= this.end) return -1;
    const kind = this.bytes[at + 1] as number;
    if (kind !== 0x75 /* u */) {
      if (!'"\\/bfnrt'.includes(String.fromCharCode(kind)))
        throw this.fault('Invalid escape character in string.', at);
      return at + 2;
    }
    const unit = this.hex(at + 2);
    if (unit < 0) return -1;
    if (unit < 0xd800 || unit > 0xdbff) return at + 6;
    const matched = this.#match('\\u', at + 6);
    if (matched === undefined) return -1;
    if (!matched) throw this.fault('The surrogate pair in string is invalid.', at);
    const low = this.hex(at + 8);
    if (low < 0) return -1;
    if (low < 0xdc00 || low > 0xdfff) throw this.fault('The surrogate pair in string is invalid.', at);
    return at + 12;
  }

  /** The first place of a byte from `at` on, or the window's end. */
  find(value: number, at: number): number {
    const { buffer, byteOffset, length } = this.bytes;
    const found = (this.#buffer ??= Buffer.from(buffer, byteOffset, length)).indexOf(value, at);
    return found === -1 || found > this.end ? this.end : found;
  }

  /** Four hex digits; -1 when they have not all arrived. */
  hex(at: number): number {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      if (at + i >= this.end && !this.last) return -1;
      const digit = parseInt(String.fromCharCode(at + i < this.end ? (this.bytes[at + i] as number) : 0), 16);
      if (Number.isNaN(digit)) throw this.fault('Incorrect hex digit after \\u escape in string.', at - 2);
      unit = unit * 16 + digit;
    }
    return unit;
  }

  /** Passes over a number or one of its words; gives one of numberKind. */
  number(): number {
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    if (bytes[at] === byte.minus) at++;
    if (at >= end) return this.#more(start, at, 'Invalid value.');
    const first = bytes[at] as number;
    if (first < byte.zero || first > byte.nine) return this.#numberWord(at);
    at++;
    if (first !== byte.zero) at = this.digits(at);
    let kind: number = numberKind.integer;
    let exponent = false;
    if (at < end && bytes[at] === byte.dot) {
      kind = numberKind.real;
      const from = at + 1;
      at = this.digits(from);
      if (at >= end && !this.last) return this.#more(start, at, '');
      if (at === from) throw this.fault('Miss fraction part in number.', at);
    }
    if (at < end && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
      kind = numberKind.real;
      exponent = true;
      at++;
      if (at < end && (bytes[at] === byte.minus || bytes[at] === byte.plus)) at++;
      const from = at;
      at = this.digits(from);
      if (at >= end && !this.last) return this.#more(start, at, '');
      if (at === from) throw this.fault('Miss exponent in number.', at);
    }
    if (at >= end && !this.last) return this.#more(start, at, '');
    if (at - start > maxNumberBytes) throw tooLongNumber();
    // only with an exponent, or with so many digits, can it be more than a float64 holds
    if ((exponent || at - start > 308) && !Number.isFinite(Number(this.latin1(start, at))))
      throw this.fault('Number too big to be stored in double.', start);
    this.at = at;
    return kind;
  }

  #more(start: number, at: number, text: string): number {
    if (this.last) throw this.fault(text, at);
    if (at - start > maxNumberBytes) throw tooLongNumber();
    return numberKind.more;
  }

  #numberWord(at: number): number {
    for (const word of ['NaN', 'Infinity', 'Inf']) {
      const matched = this.#match(word, at);
      if (matched === undefined) return numberKind.more;
      if (!matched) continue;
      this.at = at + word.length;
      return numberKind.real;
    }
    throw this.fault('Invalid value.', at);
  }

  /** A part of the window as a string of its bytes. */
  latin1(from: number, to: number): string {
    const { buffer, byteOffset } = this.bytes;
    return Buffer.from(buffer, byteOffset + from, to - from).toString('latin1');
  }

  /** The first byte from `at` on that is no digit. */
  digits(at: number): number {
    const { bytes, end } = this;
    let i = at;
    while (i < end && (bytes[i] as number) >= byte.zero && (bytes[i] as number) <= byte.nine) i++;
    return i;
  }

  /** Passes over a word (null, true, false) that type() has found. */
  word(type: ValueType): void {
    this.at += type === 'False' ? 5 : 4;
  }

  /** After a member or element: true for a comma, false for the closing bracket; either is passed over. */
  more(close: number): boolean | undefined {
    const value = this.peek();
    if (value === byte.comma) {
      this.at++;
      return true;
    }
    if (value === close) {
      this.at++;
      this.open.pop();
      return false;
    }
    if (value < 0 && !this.last) return undefined;
    throw this.fault(
      close === byte.closeList
        ? "Missing a comma or ']' after an array element."
        : "Missing a comma or '}' after an object member.",
    );
  }

  /** Enters the list or object that begins at `at`. @throws StatusError beyond the limit of depth */
  enter(close: number): void {
    if (this.open.length >= this.maxDepth) throw tooDeep(this.maxDepth);
    this.open.push(close);
    this.at++;
  }

  /** A member's name. */
  name(): Span | undefined {
    const first = this.peek();
    if (first === byte.quote) return this.string();
    if (first < 0 && !this.last) return undefined;
    throw this.fault('Missing a name for object member.');
  }

  /** The colon after a name; false when it has not arrived. */
  colon(): boolean {
    const value = this.peek();
    if (value === byte.colon) {
      this.at++;
      return true;
    }
    if (value < 0 && !this.last) return false;
    throw this.fault('Missing a colon after a name of object member.');
  }
}

/** Creates the fault for JSON with more than `maxDepth` nested arrays and objects; the caller throws it. */
export function tooDeep(maxDepth: number): Error {
  return fatal(`JSON is nested deeper than the limit of ${maxDepth} levels`);
}

function tooLongNumber(): Error {
  return fatal(`a number is longer than the limit of ${maxNumberBytes} bytes`);
}
