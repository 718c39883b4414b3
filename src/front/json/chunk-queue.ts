/**
 * Pieces of a body that wait: the first few as they came, behind them tiny ones joined, each of which would cost some
 * hundred bytes beside its own.
 */
import type { ReadBuffer } from '../../wire/index.ts';

/** Of a body, as it came. */
export interface BodyChunk {
  readonly chunk: Buffer;
  /** Who gets its memory back; absent when the chunk is a copy. */
  readonly memory: ReadBuffer | undefined;
}

/** So many wait as they came, whatever their size: a body in a few small pieces is not copied. */
const fewChunks = 16;
/** Smaller ones are joined, in bytes. */
const tinyBytes = 512;
/** To pieces of so many bytes. */
const joinedBytes = 4096;

/** The list is shortened by so many. */
const takenAtOnce = 256;

/**
 * FIFO queue of body chunks. While 16 or more wait, a chunk of up to 512 bytes is copied into a 4 KiB buffer and its
 * read buffer released at once.
 */
export class ChunkQueue {
  /** Those that were taken are gone. */
  #pieces: (BodyChunk | undefined)[] = [];
  #next = 0;
  /** What the newest piece is the beginning of, when it can take more. */
  #room: Buffer | undefined;

  get length(): number {
    return this.#pieces.length - this.#next;
  }

  push(piece: BodyChunk): void {
    const { chunk, memory } = piece;
    if (this.length < fewChunks || chunk.length > tinyBytes) {
      this.#pieces.push(piece);
      this.#room = undefined;
      return;
    }
    const used = this.#room === undefined ? 0 : (this.#pieces.at(-1) as BodyChunk).chunk.length;
    const fits = this.#room !== undefined && used + chunk.length <= joinedBytes;
    const room = fits ? (this.#room as Buffer) : Buffer.allocUnsafeSlow(joinedBytes);
    const at = fits ? used : 0;
    room.set(chunk, at);
    const joined: BodyChunk = { chunk: room.subarray(0, at + chunk.length), memory: undefined };
    if (fits) this.#pieces[this.#pieces.length - 1] = joined;
    else this.#pieces.push(joined);
    this.#room = room;
    memory?.release(chunk.length);
  }

  /** The oldest one. */
  shift(): BodyChunk | undefined {
    const piece = this.#pieces[this.#next];
    if (piece === undefined) return undefined;
    this.#pieces[this.#next++] = undefined;
    if (this.#next === this.#pieces.length) this.clear();
    else if (this.#next === takenAtOnce) {
      this.#pieces = this.#pieces.slice(takenAtOnce);
      this.#next = 0;
    }
    return piece;
  }

  clear(): void {
    this.#pieces = [];
    this.#next = 0;
    this.#room = undefined;
  }
}
