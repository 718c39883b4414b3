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
  #others: { readonly owner: BufferOwner; readonly bytes: number }[] | undefined;

  constructor(owner: BufferOwner, bytes: number) {
    this.#newest = owner;
    this.#bytes = bytes;
  }

  add(owner: BufferOwner, bytes: number): void {
    if (owner === this.#newest) {
      this.#bytes += bytes;
      return;
    }
    if (this.#newest !== undefined) (this.#others ??= []).push({ owner: this.#newest, bytes: this.#bytes });
    this.#newest = owner;
    this.#bytes = bytes;
  }

  /** Gives all of it back. */
  repay(): void {
    const newest = this.#newest;
    const others = this.#others;
    this.#newest = undefined;
    this.#others = undefined;
    newest?.release(this.#bytes);
    if (others !== undefined) for (const { owner, bytes } of others) owner.release(bytes);
  }
}
