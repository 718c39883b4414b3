/**
 * Blocks that sockets read into, one read behind the other, and that are used again when all of their reads have been
 * given back.
 */
import { cutMark, ReadBuffer } from './read-buffer.ts';

/** A block of reads (docs/states.md). */
export type BlockState = 'filling' | 'reusable' | 'closed' | 'idle';

/** In bytes. */
const blockBytes = 131_072;
/** A block with less room than this for the next read is full, in bytes: what Node reads at once of its own. */
const minReadBytes = 65_536;
/** Blocks that wait to be used again: as much as some thirty calls with an image have under way. */
const maxIdle = 160;

/** What nobody may look at any more is overwritten at once, so that whoever does is seen: for tests. */
export const poisonsReads = process.env['TENSORGATE_POISON_READS'] === '1';
const poison = 0xee;

const idle: Buffer[] = [];

/** A new one for each use: who gives back late or twice does not touch what others have in the same memory by then. */
export class ReadBlock extends ReadBuffer {
  /** One byte longer than any read, so that no chunk spans the whole buffer and is taken for one of its own. */
  readonly #buffer = idle.pop() ?? Buffer.allocUnsafeSlow(blockBytes + 1);
  #at = 0;
  #open = true;

  override release(bytes: number): void {
    if (poisonsReads) this.#poison(bytes);
    super.release(bytes);
  }

  /** What is to be given back is looked at before it is. */
  #poison(bytes: number): void {
    const left = bytes + (this.#open ? cutMark : 0);
    if (this.lendsOnly(left)) this.#buffer.fill(poison, 0, this.#at);
    else if (this.lendsLess(left)) throw new Error('more of a read is given back than was lent');
  }

  protected free(): void {
    if (idle.length < maxIdle) idle.push(this.#buffer);
  }

  get blockState(): BlockState {
    if (this.isBack) return this.#open ? 'reusable' : 'idle';
    return this.#open ? 'filling' : 'closed';
  }

  override get isBack(): boolean {
    return this.lendsOnly(this.#open ? cutMark : 0);
  }

  get isFull(): boolean {
    return blockBytes - this.#at < minReadBytes && !this.isBack;
  }

  /** Where the next read goes: to the beginning again when all reads have been given back. */
  get room(): Buffer {
    if (this.isBack) this.#at = 0;
    return this.#buffer.subarray(this.#at, blockBytes);
  }

  /** So many bytes have been read there: who cuts them up says when that is done. */
  take(bytes: number): Buffer {
    const read = this.#buffer.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    this.lend(cutMark);
    return read;
  }

  /** Nothing more is read into it. */
  close(): void {
    this.#open = false;
    this.release(cutMark);
  }
}
