/** Walks over JSON text byte by byte: RFC 8259 plus NaN and infinities, with the messages of TensorFlow Serving's parser. */
import { Code, StatusError } from '../../call/index.ts';

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

export const invalid = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

/** A fault of the text itself, told apart from what the text says: TensorFlow Serving reports it first. */
export class SyntaxFault extends StatusError {
  constructor(text: string, offset: number) {
    super(Code.INVALID_ARGUMENT, `JSON Parse error: ${text} at offset: ${offset}`);
  }
}

const words: readonly (readonly [text: string, type: ValueType])[] = [
  ['null', 'Null'],
  ['true', 'True'],
  ['false', 'False'],
  ['NaN', 'Number'],
  ['Infinity', 'Number'],
  ['Inf', 'Number'],
];

export class Scanner {
  readonly bytes: Uint8Array;
  readonly maxDepth: number;
  at: number;

  constructor(bytes: Uint8Array, maxDepth: number) {
    this.bytes = bytes;
    this.maxDepth = maxDepth;
    // a byte order mark is skipped
    this.at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  }

  fault(text: string, at = this.at): SyntaxFault {
    return new SyntaxFault(text, at);
  }

  /** Skips white space and gives the byte that follows; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    for (;;) {
      const value = bytes[this.at];
      if (value === undefined) return -1;
      if (value > 0x20 || (value !== 0x20 && value !== 0x0a && value !== 0x0d && value !== 0x09))
        return value;
      this.at++;
    }
  }

  /** The type of the value that stands here. @throws SyntaxFault when none does */
  type(): ValueType {
    const value = this.peek();
    if (value === byte.quote) return 'String';
    if (value === byte.openList) return 'Array';
    if (value === byte.openObject) return 'Object';
    if (value === byte.minus || (value >= byte.zero && value <= byte.nine)) return 'Number';
    const word = words.find(([text]) => this.startsWith(text));
    if (word === undefined) throw this.fault('Invalid value.');
    return word[1];
  }

  startsWith(text: string, at = this.at): boolean {
    for (let i = 0; i < text.length; i++) if (this.bytes[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Passes over a string; gives where its contents stand and whether there are escapes in it. */
  string(): { from: number; to: number; escaped: boolean } {
    const { bytes } = this;
    const start = this.at;
    const from = start + 1;
    let escaped = false;
    let at = from;
    for (;;) {
      const value = bytes[at];
      if (value === byte.quote) break;
      if (value === undefined) throw this.fault('Missing a closing quotation mark in string.', start);
      if (value < 0x20) throw this.fault('Invalid escape character in string.', at);
      if (value === byte.backslash) {
        escaped = true;
        at = this.#escape(at);
      } else at++;
    }
    this.at = at + 1;
    return { from, to: at, escaped };
  }

  #escape(at: number): number {
    const kind = this.bytes[at + 1];
    if (kind !== 0x75 /* u */) {
      if (kind === undefined || !'"\\/bfnrt'.includes(String.fromCharCode(kind)))
        throw this.fault('Invalid escape character in string.', at);
      return at + 2;
    }
    const unit = this.hex(at + 2);
    if (unit < 0xd800 || unit > 0xdbff) return at + 6;
    if (!this.startsWith('\\u', at + 6)) throw this.fault('The surrogate pair in string is invalid.', at);
    const low = this.hex(at + 8);
    if (low < 0xdc00 || low > 0xdfff) throw this.fault('The surrogate pair in string is invalid.', at);
    return at + 12;
  }

  hex(at: number): number {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = parseInt(String.fromCharCode(this.bytes[at + i] ?? 0), 16);
      if (Number.isNaN(digit)) throw this.fault('Incorrect hex digit after \\u escape in string.', at - 2);
      unit = unit * 16 + digit;
    }
    return unit;
  }

  /** Passes over a number or one of its words; true when it is an integer literal. */
  number(): boolean {
    const { bytes } = this;
    const start = this.at;
    let at = start;
    if (bytes[at] === byte.minus) at++;
    const first = bytes[at];
    if (first === undefined || first < byte.zero || first > byte.nine) {
      for (const word of ['NaN', 'Infinity', 'Inf']) {
        if (!this.startsWith(word, at)) continue;
        this.at = at + word.length;
        return false;
      }
      throw this.fault('Invalid value.', at);
    }
    at++;
    if (first !== byte.zero) at = this.#digits(at);
    let integer = true;
    if (bytes[at] === byte.dot) {
      integer = false;
      const from = at + 1;
      at = this.#digits(from);
      if (at === from) throw this.fault('Miss fraction part in number.', at);
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      integer = false;
      at++;
      if (bytes[at] === byte.minus || bytes[at] === byte.plus) at++;
      const from = at;
      at = this.#digits(from);
      if (at === from) throw this.fault('Miss exponent in number.', at);
    }
    this.at = at;
    return integer;
  }

  #digits(from: number): number {
    const { bytes } = this;
    let at = from;
    for (
      let value = bytes[at];
      value !== undefined && value >= byte.zero && value <= byte.nine;
      value = bytes[++at]
    );
    return at;
  }

  /** Passes over a word (null, true, false) of the given length. */
  word(type: ValueType): void {
    this.at += type === 'False' ? 5 : 4;
  }

  /** After a member or element: true for a comma, false for the closing bracket; either is passed over. */
  more(close: number): boolean {
    const value = this.peek();
    if (value === byte.comma) {
      this.at++;
      return true;
    }
    if (value === close) {
      this.at++;
      return false;
    }
    throw this.fault(
      close === byte.closeList
        ? "Missing a comma or ']' after an array element."
        : "Missing a comma or '}' after an object member.",
    );
  }

  /** Enters a list or an object; false when it is empty, and passed over. */
  enter(close: number): boolean {
    this.at++;
    if (this.peek() !== close) return true;
    this.at++;
    return false;
  }

  /** A member's name with its colon; gives where the name stands. */
  name(): { from: number; to: number; escaped: boolean } {
    if (this.peek() !== byte.quote) throw this.fault('Missing a name for object member.');
    const name = this.string();
    if (this.peek() !== byte.colon) throw this.fault('Missing a colon after a name of object member.');
    this.at++;
    return name;
  }

  /** Passes over any value, checking it on the way. */
  skip(): void {
    /** The closing bracket of each list or object that is open. */
    const open: number[] = [];
    for (;;) {
      const type = this.type();
      if (type === 'String') this.string();
      else if (type === 'Number') this.number();
      else if (type === 'Array' || type === 'Object') {
        const close = type === 'Array' ? byte.closeList : byte.closeObject;
        if (open.length >= this.maxDepth)
          throw invalid(`JSON is nested deeper than the limit of ${this.maxDepth} levels`);
        if (this.enter(close)) {
          open.push(close);
          if (close === byte.closeObject) this.name();
          continue;
        }
      } else this.word(type);
      for (;;) {
        const close = open.at(-1);
        if (close === undefined) return;
        if (this.more(close)) {
          if (close === byte.closeObject) this.name();
          break;
        }
        open.pop();
      }
    }
  }
}
