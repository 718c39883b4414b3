/**
 * A stretch of the text that may be needed again after the window has moved on: to print it, or to read it once more.
 */
import { Buffer } from 'node:buffer';
import { Blocks } from './values/blocks.ts';

/**
 * Copy of the body's bytes from an offset on, at most `maxBytes` of them; take() extends it as the window
 * moves.
 */
export class Excerpt {
  readonly #maxBytes: number;
  #from: number;
  #until: number;
  #first: Uint8Array | undefined;
  /** What followed in later chunks: these can be of one byte each, and must not cost an object each. */
  #rest: Blocks | undefined;
  /** It grew beyond its limit. */
  cut = false;

  /** @param from offset in the body */
  constructor(from: number, maxBytes: number) {
    this.#from = from;
    this.#until = from;
    this.#maxBytes = maxBytes;
  }

  /** Begins again at another place. */
  restart(from: number): void {
    this.#from = from;
    this.#until = from;
    this.#first = undefined;
    this.#rest = undefined;
    this.cut = false;
  }

  /** Copies what it lacks of the window [0, end) whose first byte stands at `base` of the body. */
  take(window: Uint8Array, base: number, end: number): void {
    const from = this.#until - base;
    if (from < 0 || from >= end) return;
    const size = Math.min(end - from, this.#maxBytes - (this.#until - this.#from));
    this.cut ||= size < end - from;
    if (size === 0) return;
    if (this.#first === undefined) this.#first = window.slice(from, from + size);
    else (this.#rest ??= new Blocks()).push(window.subarray(from, from + size));
    this.#until += size;
  }

  bytes(): Uint8Array {
    const first = this.#first ?? new Uint8Array(0);
    if (this.#rest === undefined) return first;
    const all = Buffer.concat([first, ...this.#rest.take()]);
    this.#first = all;
    this.#rest = undefined;
    return all;
  }

  /** Lets the copies go. */
  drop(): void {
    this.#first = undefined;
    this.#rest = undefined;
    this.cut = true;
  }
}
