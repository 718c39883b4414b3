/**
 * The model specs that came last, by their bytes: a client sends the same one with each call, and a server gives it
 * back with each reply.
 */
import { isAt } from '../../../base/bytes.ts';
import type { ModelSpec } from '../named-model.ts';

/** As many models take turns before each of them is read anew. */
const maxRecent = 8;
/** Longer ones are read. In bytes. */
const maxBytes = 128;

/**
 * Cache of the last 8 decoded ModelSpecs of at most 128 bytes, keyed by their encoded bytes; the oldest one is
 * replaced.
 */
export class RecentSpecs {
  readonly #recent: { readonly bytes: Uint8Array; readonly spec: ModelSpec }[] = [];
  #next = 0;

  /** What the bytes from `from` up to `to` said before, if they did. */
  find(bytes: Uint8Array, from: number, to: number): ModelSpec | undefined {
    for (const known of this.#recent) if (isAt(known.bytes, bytes, from, to)) return known.spec;
    return undefined;
  }

  keep(bytes: Uint8Array, from: number, to: number, spec: ModelSpec): void {
    if (to - from > maxBytes) return;
    this.#recent[this.#next] = { bytes: Uint8Array.prototype.slice.call(bytes, from, to), spec };
    this.#next = (this.#next + 1) % maxRecent;
  }
}
