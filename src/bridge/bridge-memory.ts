/**
 * What one bridged attempt holds: what was made of its messages, and the backend's reply; given back when the attempt
 * is over.
 */
import { type Metadata, noMetadata } from '../call/index.ts';
import { type Chunks, chunksLength } from '../codec/index.ts';
import type { CallMemory } from '../memory/index.ts';

/**
 * Accounts the bytes of one bridged attempt against the call's memory, each buffer once, and keeps the metadata
 * of its newest response.
 */
export class BridgeMemory {
  readonly #memory: CallMemory | undefined;
  /** Of pieces that are counted: others may be views on them. */
  readonly #buffers = new Set<ArrayBufferLike>();
  #bytes = 0;
  /** What came with the backend's newest answer, for the reply that is made of it. */
  metadata: Metadata = noMetadata;
  /** What came behind it, the status OK among them; undefined where nothing can. */
  trailers: Metadata | undefined;

  constructor(memory: CallMemory | undefined) {
    this.#memory = memory;
  }

  /** @throws StatusError when there is no room for so many bytes more; negative: fewer */
  readonly hold = (bytes: number): void => {
    this.#bytes += bytes;
    this.#memory?.hold(bytes);
  };

  /** These are counted already, here or by whoever brought them. */
  counts(pieces: Chunks): void {
    for (const { buffer } of pieces) this.#buffers.add(buffer);
  }

  /** Those of the pieces that are no views on what is counted are held. @throws StatusError as hold() */
  made(pieces: Chunks): void {
    const fresh = pieces.filter(({ buffer }) => !this.#buffers.has(buffer));
    this.counts(fresh);
    this.hold(chunksLength(fresh));
  }

  /** The attempt is over. */
  end(): void {
    this.#buffers.clear();
    this.hold(-this.#bytes);
  }
}
