/**
 * Sees to it that a message that is sent on before it is whole names no other model than the one its call began with.
 */
import { Code, StatusError } from '../../base/status.ts';
import { malformed, wire } from './reader.ts';

/** What a byte that is no part of a value belongs to. */
const atTag = 0;
const atLength = 1;
const atVarint = 2;

/**
 * Reads the tags of a message's own fields, and passes over what they hold: of a large tensor a few bytes are looked
 * at. A receiver merges all pieces of a field, wherever they stand, so a model that is named again at the end would
 * be asked in place of the one for which the call was admitted, routed and counted.
 */
export class TargetWatch {
  readonly #highest: number;
  readonly #names: string;
  /** Bytes of the message that have not been seen. */
  #left: number;
  /** Bytes of the value under way. */
  #skip = 0;
  #at = atTag;
  /** The varint under way: its bytes so far, and what they come to. */
  #count = 0;
  #value = 0;
  #groups = 0;
  /** What the fields that name the model must hold; undefined: none of them may come. */
  readonly #expected: readonly Uint8Array[] | undefined;
  /** Those that came, a bit for each number. */
  #seen = 0;
  /** The one whose value is under way, and how much of it was compared. */
  #named = 0;
  #compared = 0;

  /**
   * @param highest fields 1 to this name the model when they are length-delimited
   * @param names of these fields
   * @param left bytes of the message from here on, or Infinity when finish() will say where it ends; here a field
   *   begins
   * @param expected of a message that names a model of its own: what each of these fields must hold, empty for none
   */
  constructor(highest: number, names: string, left: number, expected?: readonly Uint8Array[]) {
    this.#expected = expected;
    this.#highest = highest;
    this.#names = names;
    this.#left = left;
  }

  /** Looks at a chunk; what is behind the message is not looked at. @throws StatusError INVALID_ARGUMENT */
  feed(chunk: Uint8Array): void {
    const end = Math.min(chunk.length, this.#left);
    this.#left -= end;
    if (this.#skip >= end && this.#named === 0) this.#skip -= end;
    else this.#read(chunk, end);
    if (this.#left === 0 && end > 0) this.finish();
  }

  /** The message ends here. @throws StatusError INVALID_ARGUMENT when it cannot */
  finish(): void {
    if (this.#skip > 0 || this.#count > 0 || this.#at !== atTag || this.#groups > 0)
      throw malformed('a field is cut short');
    this.#expected?.forEach(({ length }, i) => {
      if (length > 0 && (this.#seen & (1 << i)) === 0) throw this.#another();
    });
  }

  #read(chunk: Uint8Array, end: number): void {
    let at = 0;
    while (at < end) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, end - at);
        if (this.#named > 0) this.#compare(chunk.subarray(at, at + taken));
        this.#skip -= taken;
        at += taken;
        continue;
      }
      const byte = chunk[at++] as number;
      if (this.#at === atVarint) {
        if (byte < 0x80) this.#next(atTag);
        else if (++this.#count === 10) throw malformed('a varint is longer than 10 bytes');
        continue;
      }
      this.#value += (byte & 0x7f) * 2 ** (7 * this.#count);
      const more = byte >= 0x80;
      if (++this.#count === 5 && (more || byte > 0x0f))
        throw malformed('a tag or a length is longer than 32 bits');
      if (more) continue;
      if (this.#at === atTag) this.#tag(this.#value);
      else {
        this.#skip = this.#value;
        if (this.#named > 0) this.#begin();
        this.#next(atTag);
      }
    }
  }

  #next(at: number): void {
    this.#at = at;
    this.#count = 0;
    this.#value = 0;
  }

  #tag(tag: number): void {
    const field = tag >>> 3;
    const type = tag & 7;
    if (field === 0) throw malformed('field number 0');
    this.#next(atTag);
    switch (type) {
      case wire.varint:
        this.#at = atVarint;
        break;
      case wire.fixed64:
        this.#skip = 8;
        break;
      case wire.fixed32:
        this.#skip = 4;
        break;
      case wire.bytes:
        if (field <= this.#highest && this.#groups === 0) {
          if (this.#expected === undefined) throw this.#again();
          this.#named = field;
        }
        this.#at = atLength;
        break;
      case wire.startGroup:
        this.#groups++;
        break;
      case wire.endGroup:
        if (this.#groups-- === 0) throw malformed('a group ends that did not begin');
        break;
      default:
        throw malformed(`wire type ${type}`);
    }
  }

  /** The value of a field that names the model begins. */
  #begin(): void {
    const { length } = (this.#expected as readonly Uint8Array[])[this.#named - 1] as Uint8Array;
    if (this.#skip !== length) throw this.#another();
    this.#compared = 0;
    if (length === 0) this.#named = 0;
  }

  #compare(bytes: Uint8Array): void {
    const wanted = (this.#expected as readonly Uint8Array[])[this.#named - 1] as Uint8Array;
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== wanted[this.#compared + i]) throw this.#another();
    this.#compared += bytes.length;
    if (this.#compared < wanted.length) return;
    this.#seen |= 1 << (this.#named - 1);
    this.#named = 0;
  }

  #another(): StatusError {
    const text = `all messages of a stream must have the same ${this.#names}: open a stream for each model`;
    return new StatusError(Code.INVALID_ARGUMENT, text);
  }

  #again(): StatusError {
    return new StatusError(
      Code.INVALID_ARGUMENT,
      `${this.#names} is there again behind other fields of a request that is long: name the model once, at the front`,
    );
  }
}
