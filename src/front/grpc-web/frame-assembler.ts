/** Holds back each message of a reply until it is complete, so that a trailer frame can always follow. */
import { joinInto } from '../../base/bytes.ts';
import { prefixBytes } from '../../call/index.ts';

/**
 * Splits a gRPC byte stream at message boundaries (length prefix of PROTOCOL-HTTP2.md): `emit` gets each message when
 * its last byte has come, and `held` is the number of bytes that wait.
 */
export class FrameAssembler {
  readonly #emit: (parts: Uint8Array[]) => void;
  #parts: Uint8Array[] = [];
  /** The prefix's bytes so far, when it came in pieces. */
  #prefix: number[] = [];
  /** Bytes of the current message that are still to come, once its prefix is complete. */
  #left = 0;
  /** Bytes that are held back. */
  held = 0;

  /** @param emit gets the parts of one or more complete messages, prefixes included */
  constructor(emit: (parts: Uint8Array[]) => void) {
    this.#emit = emit;
  }

  /** True inside a message. */
  get cut(): boolean {
    return this.#parts.length > 0;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        this.#prefix.push(chunk[at++] as number);
        if (this.#prefix.length < prefixBytes) continue;
        const [, a, b, c, d] = this.#prefix as [number, number, number, number, number];
        this.#prefix = [];
        this.#left = a * 0x1000000 + b * 0x10000 + c * 0x100 + d;
      } else {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      }
      if (this.#left > 0) continue;
      this.#parts.push(chunk.subarray(from, at));
      from = at;
      const parts = this.#parts;
      this.drop();
      this.#emit(parts);
    }
    if (from === chunk.length) return;
    joinInto(this.#parts, from === 0 ? chunk : chunk.subarray(from));
    this.held += chunk.length - from;
  }

  /** Nobody wants the rest of the message. */
  drop(): void {
    this.#parts = [];
    this.held = 0;
  }
}
