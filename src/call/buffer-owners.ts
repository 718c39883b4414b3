/** Tracks which socket reads back a flow's chunks, so that each is released once: usually one read. */

export interface BufferOwner {
  /** The holder of these bytes is done with them. @param bytes how many */
  release(bytes: number): void;
}

/**
 * Bytes borrowed from buffer owners, as (owner, byte count) entries. `repay()` releases every entry to its owner once
 * and empties the list; the newest entry is in fields, so that one owner costs no array.
 */
export class BufferOwners {
  #newest: BufferOwner | undefined;
  /** Of the newest. */
  #bytes: number;
  #others: { readonly lender: BufferOwner; readonly bytes: number }[] | undefined;

  constructor(lender: BufferOwner, bytes: number) {
    this.#newest = lender;
    this.#bytes = bytes;
  }

  add(lender: BufferOwner, bytes: number): void {
    if (lender === this.#newest) {
      this.#bytes += bytes;
      return;
    }
    if (this.#newest !== undefined) (this.#others ??= []).push({ lender: this.#newest, bytes: this.#bytes });
    this.#newest = lender;
    this.#bytes = bytes;
  }

  /** Gives all of it back. */
  repay(): void {
    const newest = this.#newest;
    const others = this.#others;
    this.#newest = undefined;
    this.#others = undefined;
    newest?.release(this.#bytes);
    if (others !== undefined) for (const { lender, bytes } of others) lender.release(bytes);
  }
}
