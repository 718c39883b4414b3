/** The model specs that came last, by their bytes: a client sends the same one with each call, and reading it costs more than comparing. */
import type { FoundSpec } from './model-spec.ts';

/** As many clients take turns with different models before each of them is read anew. */
const maxRecent = 4;
/** A spec up to this size, its length in one byte; in bytes. */
const maxBytes = 127;

const specTag = 0x0a;
/** What follows the spec in nearly every message: field 2, inputs or input. */
const nextTag = 0x12;

export class RecentSpecs {
  readonly #recent: { readonly bytes: Uint8Array; readonly found: FoundSpec }[] = [];
  #next = 0;

  /** What these first bytes of a message say, if they say what some said before and cannot say more. */
  find(bytes: Uint8Array): FoundSpec | undefined {
    for (const { bytes: known, found } of this.#recent) if (beginsWith(bytes, known)) return found;
    return undefined;
  }

  /** Remembers a spec that stands at the very front of a message and has its end in sight. */
  keep(bytes: Uint8Array, found: FoundSpec): void {
    const { start, end } = found;
    if (
      start !== 0 ||
      bytes[0] !== specTag ||
      bytes[end] !== nextTag ||
      bytes[1] !== end - 2 ||
      end - 2 > maxBytes
    )
      return;
    this.#recent[this.#next] = { bytes: Uint8Array.prototype.slice.call(bytes, 0, end + 1), found };
    this.#next = (this.#next + 1) % maxRecent;
  }
}

function beginsWith(bytes: Uint8Array, known: Uint8Array): boolean {
  if (bytes.length < known.length) return false;
  for (let i = known.length - 1; i >= 0; i--) if (bytes[i] !== known[i]) return false;
  return true;
}
