/**
 * The memory of one read from a socket: it goes back at once when all its pieces are done with, and not when the
 * garbage collector comes.
 */

/** Smaller reads are left to the garbage collector, in bytes. */
const minBytes = 4096;

/** A read (docs/states.md). That it was left to the garbage collector shows in nothing: it is `lent` for good. */
export type ReadState = 'being cut' | 'lent' | 'released';

/** Counts as lent while a read is being cut: more than a read has bytes, so that one number says both. */
export const cutMark = 2 ** 24;

interface Transferable extends ArrayBuffer {
  transfer?(length: number): ArrayBuffer;
}

/**
 * Counts the parts of a read that are still in use. V8 does not see the 64 KiB outside of its heap behind the small
 * object, so that hundreds of dead reads would wait for a collection of the young generation. A part that is never
 * released does no harm: the whole read is left to the collector.
 * hot: 0015
 */
export abstract class ReadBuffer {
  /** Bytes that are lent, and cutMark while the read is being cut into pieces. */
  #lent = cutMark;

  /** @param chunk what a socket has just read. Undefined when it is not worth it, or may be a part of other memory */
  static of(chunk: Buffer): ReadBuffer | undefined {
    const { length, buffer } = chunk;
    return length >= minBytes && length === buffer.byteLength
      ? new OwnRead(buffer as Transferable)
      : undefined;
  }

  /** For tests and debuggers; of a read of its own. */
  get state(): ReadState {
    if (this.#lent >= cutMark) return 'being cut';
    return this.#lent > 0 ? 'lent' : 'released';
  }

  /** Nothing is lent. */
  get isBack(): boolean {
    return this.lendsOnly(0);
  }

  protected lendsOnly(bytes: number): boolean {
    return this.#lent === bytes;
  }

  protected lendsLess(bytes: number): boolean {
    return this.#lent < bytes;
  }

  /** Nobody looks at it any more. */
  protected abstract free(): void;

  /** A piece of so many bytes is handed out. */
  lend(bytes: number): void {
    this.#lent += bytes;
  }

  /** Whoever was handed so many bytes does not look at them any more. */
  release(bytes: number): void {
    this.#lent -= bytes;
    if (this.#lent === 0) this.free();
  }

  /** The read is cut up, and who cut it has kept nothing. */
  sliced(): void {
    this.release(cutMark);
  }
}

/** A read in memory of its own. */
class OwnRead extends ReadBuffer {
  readonly #buffer: Transferable;

  constructor(buffer: Transferable) {
    super();
    this.#buffer = buffer;
  }

  protected free(): void {
    // Node 20 cannot do that
    this.#buffer.transfer?.(0);
  }
}
