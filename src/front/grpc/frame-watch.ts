/** Follows the message boundaries of a gRPC byte stream without touching the bytes. */
import { Code, StatusError } from '../../base/status.ts';
import { prefixBytes } from '../../call/index.ts';

/** PROTOCOL-HTTP2.md, Compressed-Flag; 0 is the other one. */
const compressedFlag = 1;

/**
 * Parser of message prefixes (flag and 4-byte length, gRPC's PROTOCOL-HTTP2.md): counts messages and enforces the
 * limit of `maxMessageBytes` without keeping any bytes.
 */
export class FrameWatch {
  readonly #maxMessageBytes: number;
  /** Bytes of the current prefix that have been seen (0 to 5). */
  #prefix = 0;
  #length = 0;
  #left = 0;
  /** Messages that have begun. */
  messages = 0;
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** True when no message is under way. */
  get atBoundary(): boolean {
    return this.#prefix === 0 && this.#left === 0;
  }

  /** Length of the newest message in bytes, without its prefix. */
  get length(): number {
    return this.#length;
  }

  /**
   * Passes over a chunk.
   * @throws StatusError RESOURCE_EXHAUSTED from the length prefix alone, before the message came; INTERNAL for a flag
   *   that gRPC has not: its highest bit would make gRPC-Web's trailers of a message
   */
  feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      const byte = chunk[at++] as number;
      if (this.#prefix === 0) {
        if (byte > compressedFlag)
          throw new StatusError(Code.INTERNAL, `the flag of a message is ${byte}, neither 0 nor 1`);
        this.#length = 0;
        this.messages++;
      } else this.#length = this.#length * 256 + byte;
      if (++this.#prefix < prefixBytes) continue;
      this.#prefix = 0;
      this.#left = this.#length;
      if (this.#length > this.#maxMessageBytes) {
        throw new StatusError(
          Code.RESOURCE_EXHAUSTED,
          `message is ${this.#length} bytes, the limit is ${this.#maxMessageBytes} bytes`,
        );
      }
    }
  }
}
