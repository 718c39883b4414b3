/** Bytes that grow without being copied: blocks, each as large as all before it up to a bound. */
import { Buffer } from 'node:buffer';

const firstBytes = 1024;
const maxBlockBytes = 2 ** 20;
/** Pieces from this size on are not copied. */
const ownPieceBytes = 65_536;
const noBytes = Buffer.alloc(0);

/**
 * The size of the block that follows this many bytes: as much again. A multiple of 16, so that no value stands on
 * two.
 */
export function nextBlockBytes(total: number): number {
  return Math.max(firstBytes, Math.min(maxBlockBytes, total - (total % 16)));
}

/**
 * Byte buffer that grows by appending blocks of 1 KiB to 1 MiB, so that nothing is reallocated; take() returns
 * them.
 */
export class Blocks {
  #full: Uint8Array[] = [];
  #block = noBytes;
  /** What of the block is taken: [from, to). */
  #from = 0;
  #to = 0;
  /** Bytes in all. */
  length = 0;

  /** Appends a copy. */
  push(bytes: Uint8Array): void {
    this.length += bytes.length;
    let from = 0;
    while (from < bytes.length) {
      const room = this.#block.length - this.#to;
      if (room === 0) {
        this.#seal();
        this.#block = Buffer.allocUnsafe(nextBlockBytes(this.length - bytes.length + from));
        this.#from = 0;
        this.#to = 0;
        continue;
      }
      const part = from === 0 && bytes.length <= room ? bytes : bytes.subarray(from, from + room);
      this.#block.set(part, this.#to);
      this.#to += part.length;
      from += part.length;
    }
  }

  /** Appends pieces, large ones without copying: they must not be changed after. */
  append(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.length < ownPieceBytes) {
        this.push(piece);
        continue;
      }
      this.#seal();
      this.#full.push(piece);
      this.length += piece.length;
    }
  }

  #seal(): void {
    if (this.#to > this.#from) this.#full.push(this.#block.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  /** The bytes so far in order, and none after that. */
  take(): Uint8Array[] {
    this.#seal();
    const pieces = this.#full;
    this.#full = [];
    this.length = 0;
    return pieces;
  }
}
