/** string: text or {"b64": "..."}, as the entries of TensorProto.string_val that they become. */
import { preview, previewExcerptBytes } from '../preview.ts';
import { expect, invalid, valueFault, ValueFault } from '../limits.ts';
import { Base64Reader, StringReader, stringText } from '../strings.ts';
import { byte, type Text } from '../text.ts';
import type { Excerpt } from '../excerpt.ts';
import { Blocks } from './blocks.ts';
import { type ElementBudget, mismatch, type Run, type Values } from './values.ts';

/** An object that is no {"b64": "..."}. */
export class NotBase64 extends ValueFault {}

/** Tag of TensorProto.string_val: field 8, length-delimited. */
const stringTag = 8 * 8 + 2;

/** Where the reading of a value may have stopped. */
const at = { value: 0, string: 1, open: 2, colon: 3, quote: 4, base64: 5, close: 6 } as const;

/**
 * Reads JSON strings and {"b64": "..."} objects into DT_STRING, encoded as entries of TensorProto.string_val
 * (tensor.proto, field 8). A value has at most `maxBytes` bytes after decoding.
 */
export class StringValues implements Values {
  readonly dtype = 'string';
  readonly #maxBytes: number;
  readonly #budget: ElementBudget;
  readonly #out = new Blocks();
  readonly #head = new Uint8Array(6);
  /** The string under way, when it did not arrive in one piece. */
  readonly #pieces = new Blocks();
  #length = 0;
  #where: number = at.value;
  /** The object that is read, for the message when it is none of base64. */
  #object: Excerpt | undefined;
  #ownExcerpt: Excerpt | undefined;
  readonly #plain: StringReader;
  readonly #base64Text: StringReader;
  readonly #base64: Base64Reader;
  count = 0;

  constructor(maxBytes: number, budget: ElementBudget) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    this.#plain = new StringReader((piece) => {
      this.#take(piece);
    });
    this.#base64 = new Base64Reader((piece) => {
      this.#take(piece);
    });
    this.#base64Text = new StringReader((piece) => {
      this.#base64.push(piece);
    }, this.#base64);
  }

  get midway(): boolean {
    return this.#where !== at.value;
  }

  /** Goes on with an object whose only member seems to be the "b64" whose name and colon have just been read. */
  openBase64(object: Excerpt): void {
    this.#beginBase64(object);
    this.#where = at.quote;
  }

  /** Forgets the value under way. */
  drop(): void {
    this.#where = at.value;
    this.#pieces.take();
  }

  read(text: Text, run: Run): boolean {
    let read = false;
    for (;;) {
      if (!this.#one(text)) return read;
      read = true;
      run.filled++;
      if (!run.many || this.#where !== at.value || text.bytes[text.at] !== byte.comma) return true;
      if (text.bytes[text.at + 1] !== byte.quote) return true;
      // a string that follows at once; when it has not wholly arrived, reading goes on in the middle of it
      text.at++;
    }
  }

  #one(text: Text): boolean {
    for (;;) {
      switch (this.#where) {
        case at.value:
          if (!this.#begin(text)) return false;
          if (this.#where === at.value) return true;
          break;
        case at.string:
          if (!this.#plain.run(text)) return false;
          this.#end(expect.after);
          return true;
        default:
          if (!this.#base64Object(text)) return false;
          if (this.#where === at.value) return true;
      }
    }
  }

  /** At the start of a value: a string that is wholly there is done at once. */
  #begin(text: Text): boolean {
    const type = text.type();
    if (type === undefined) return false;
    this.#length = 0;
    if (type === 'Object') {
      if (this.#ownExcerpt === undefined) this.#ownExcerpt = text.excerpt(text.at, previewExcerptBytes);
      else this.#ownExcerpt.restart(text.base + text.at);
      this.#beginBase64(this.#ownExcerpt);
      text.enter(byte.closeObject);
      return true;
    }
    if (type !== 'String') throw mismatch(text, text.at, this.dtype);
    const from = text.at + 1;
    const to = text.plain(from);
    if (to < text.end && text.bytes[to] === byte.quote) {
      text.at = to + 1;
      this.#length = to - from;
      if (this.#length <= this.#maxBytes) {
        this.#entry();
        this.#out.push(text.bytes.subarray(from, to));
        return true;
      }
      this.#end(expect.after);
    }
    this.#where = at.string;
    return true;
  }

  #beginBase64(object: Excerpt): void {
    this.#length = 0;
    this.#object = object;
    this.#base64.restart();
    this.#where = at.open;
  }

  #base64Object(text: Text): boolean {
    switch (this.#where) {
      case at.open: {
        const first = text.peek();
        if (first < 0 && !text.last) return false;
        if (first === byte.closeObject) {
          text.at++;
          text.open.pop();
          throw this.#notBase64(text, expect.after);
        }
        const name = text.name();
        if (name === undefined) return false;
        this.#where = at.colon;
        if (stringText(text, name) !== 'b64') throw this.#notBase64(text, expect.colon);
        return true;
      }
      case at.colon:
        if (!text.colon()) return false;
        this.#where = at.quote;
        return true;
      case at.quote: {
        const first = text.peek();
        if (first < 0 && !text.last) return false;
        if (first !== byte.quote) throw this.#notBase64(text, expect.value);
        this.#where = at.base64;
        return true;
      }
      case at.base64:
        if (!this.#base64Text.run(text)) return false;
        this.#where = at.close;
        return true;
      default: {
        const first = text.peek();
        if (first < 0 && !text.last) return false;
        if (first !== byte.closeObject) throw this.#notBase64(text, expect.after);
        text.at++;
        text.open.pop();
        this.#base64.end();
        this.#end(expect.after);
        return true;
      }
    }
  }

  #notBase64(text: Text, next: ValueFault['next']): NotBase64 {
    const excerpt = this.#object as Excerpt;
    this.drop();
    return new NotBase64(
      () => invalid(`JSON Value: ${preview(text.textOf(excerpt))} not formatted correctly for base64 data`),
      next,
    );
  }

  #take(piece: Uint8Array): void {
    this.#length += piece.length;
    if (this.#length <= this.#maxBytes) this.#pieces.push(piece);
  }

  /** The string under way is complete. */
  #end(next: ValueFault['next']): void {
    this.#where = at.value;
    if (this.#length > this.#maxBytes)
      throw valueFault(`a string is ${this.#length} bytes, the limit is ${this.#maxBytes} bytes`, next);
    this.#entry();
    this.#out.append(this.#pieces.take());
  }

  /** Tag and length of the entry that is #length bytes long. */
  #entry(): void {
    if (this.#budget.left === 0)
      throw valueFault(`the tensors have more values than the limit of ${this.#budget.limit}`, expect.after);
    this.#budget.left--;
    this.count++;
    const head = this.#head;
    head[0] = stringTag;
    let size = 1;
    let rest = this.#length;
    while (rest > 0x7f) {
      head[size++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    head[size++] = rest;
    this.#out.push(head.subarray(0, size));
  }

  /** Adds a string that was read elsewhere. */
  add(value: readonly Uint8Array[]): void {
    this.#length = 0;
    for (const piece of value) this.#take(piece);
    this.#end(expect.after);
  }

  finish(): Uint8Array[] {
    return this.#out.take();
  }
}
