/** Takes a flow apart: its messages, each when it is whole. */
import { joinInto, uint32At } from '../base/bytes.ts';
import { Code, StatusError } from '../base/status.ts';
import { prefixBytes } from './grpc-message.ts';

/**
 * Splits chunks into length-prefixed messages (gRPC's PROTOCOL-HTTP2.md, Length-Prefixed-Message), and calls `emit`
 * for each complete one, in order.
 */
export class Messages {
  readonly #limit: number;
  readonly #emit: (message: Uint8Array, isCompressed: boolean) => void;
  readonly #takesCompressed: boolean;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** Of the message under way, its prefix included; undefined while that has not come. */
  #wanted: number | undefined;

  /**
   * @param limit of one message, in bytes
   * @param emit gets each message without its prefix
   * @param takesCompressed compressed messages are emitted as they came, and not refused
   */
  constructor(
    limit: number,
    emit: (message: Uint8Array, isCompressed: boolean) => void,
    takesCompressed = false,
  ) {
    this.#limit = limit;
    this.#emit = emit;
    this.#takesCompressed = takesCompressed;
  }

  /** Bytes of a message that is not whole. */
  get held(): number {
    return this.#bytes;
  }

  /**
   * @throws StatusError RESOURCE_EXHAUSTED for a message beyond the limit, INTERNAL for a compressed one, and what
   *   emit() throws
   */
  push(chunk: Uint8Array): void {
    joinInto(this.#chunks, chunk);
    this.#bytes += chunk.length;
    while (this.#bytes >= (this.#wanted ?? prefixBytes)) {
      const all = this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
      const wanted = (this.#wanted ??= this.#lengthIn(all));
      if (all.length < wanted) {
        this.#chunks = [all];
        return;
      }
      this.#wanted = undefined;
      this.#bytes -= wanted;
      this.#chunks = this.#bytes === 0 ? [] : [all.subarray(wanted)];
      this.#emit(all.subarray(prefixBytes, wanted), all[0] !== 0);
    }
  }

  #lengthIn(all: Uint8Array): number {
    const length = uint32At(all, 1);
    if (all[0] !== 0 && !this.#takesCompressed)
      throw new StatusError(Code.INTERNAL, 'a message is compressed without being asked to');
    if (length > this.#limit)
      throw new StatusError(
        Code.RESOURCE_EXHAUSTED,
        `message is larger than the limit of ${this.#limit} bytes`,
      );
    return prefixBytes + length;
  }
}
