/** A stretch of the text that may be needed again after the window has moved on: to print it, or to read it once more. */
import { Buffer } from 'node:buffer';

export class Excerpt {
  readonly #maxBytes: number;
  #from: number;
  #until: number;
  #pieces: Uint8Array[] = [];
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
    this.#pieces = [];
    this.cut = false;
  }

  /** Copies what it lacks of the window [0, end) whose first byte stands at `base` of the body. */
  take(window: Uint8Array, base: number, end: number): void {
    const from = this.#until - base;
    if (from < 0 || from >= end) return;
    const size = Math.min(end - from, this.#maxBytes - (this.#until - this.#from));
    this.cut ||= size < end - from;
    if (size === 0) return;
    this.#pieces.push(window.slice(from, from + size));
    this.#until += size;
  }

  bytes(): Uint8Array {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? new Uint8Array(0);
  }

  /** Lets the copies go. */
  drop(): void {
    this.#pieces = [];
    this.cut = true;
  }
}
