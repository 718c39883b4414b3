/** Passes over values, checking them on the way; can stop wherever the text does. */
import { expect, type Expect } from './limits.ts';
import { byte, numberKind, type Text } from './text.ts';

/**
 * Validates and discards one JSON value with all that is nested in it; run() returns false when the window ends
 * first, and continues there when it is called again.
 */
export class Skip {
  #next: Expect = expect.value;
  #floor = 0;
  /** Within a string that began at this offset of the body; -1 outside. */
  #string = -1;

  /**
   * Begins at the place where the text stands.
   * @param next what stands there
   * @param floor the work is done when no more lists and objects than this are open and a value has ended
   */
  start(text: Text, next: Expect = expect.value, floor: number = text.open.length): this {
    this.#next = next;
    this.#floor = floor;
    this.#string = -1;
    return this;
  }

  /** False when more text is needed. @throws SyntaxFault, FatalFault */
  run(text: Text): boolean {
    for (;;) {
      if (this.#string >= 0 && !this.#restOfString(text)) return false;
      const { open } = text;
      if (this.#next === expect.after && open.length <= this.#floor) return true;
      switch (this.#next) {
        case expect.after: {
          const close = open.at(-1) as number;
          const more = text.more(close);
          if (more === undefined) return false;
          if (more) this.#next = close === byte.closeObject ? expect.name : expect.value;
          break;
        }
        case expect.name: {
          const first = text.peek();
          if (first === byte.quote) {
            this.#beginString(text);
            this.#next = expect.colon;
          } else if (first < 0 && !text.last) return false;
          else throw text.fault('Missing a name for object member.');
          break;
        }
        case expect.colon:
          if (!text.colon()) return false;
          this.#next = expect.value;
          break;
        case expect.first: {
          const close = open.at(-1) as number;
          const first = text.peek();
          if (first < 0 && !text.last) return false;
          if (first === close) {
            text.at++;
            open.pop();
            this.#next = expect.after;
          } else this.#next = close === byte.closeObject ? expect.name : expect.value;
          break;
        }
        default:
          if (!this.#value(text)) return false;
      }
    }
  }

  #value(text: Text): boolean {
    if (text.peek() < 0 && !text.last) return false;
    const type = text.type();
    if (type === undefined) return false;
    this.#next = expect.after;
    if (type === 'String') this.#beginString(text);
    else if (type === 'Array' || type === 'Object') {
      text.enter(type === 'Array' ? byte.closeList : byte.closeObject);
      this.#next = expect.first;
    } else if (type === 'Number') {
      if (text.number() === numberKind.more) {
        this.#next = expect.value;
        return false;
      }
    } else text.word(type);
    return true;
  }

  #beginString(text: Text): void {
    this.#string = text.base + text.at;
    text.at++;
  }

  #restOfString(text: Text): boolean {
    for (;;) {
      const stop = text.plain(text.at);
      text.at = stop;
      if (stop < text.end && text.bytes[stop] === byte.quote) {
        text.at = stop + 1;
        this.#string = -1;
        return true;
      }
      const next = stop < text.end ? text.escape(stop) : -1;
      if (next < 0) {
        if (text.last)
          throw text.fault('Missing a closing quotation mark in string.', this.#string - text.base);
        return false;
      }
      text.at = next;
    }
  }
}
