/** The last so many ids of streams: those that this end reset, and that the peer may not know of yet. */
const maxIds = 256;

/** Set of the 256 stream ids that were added last; the oldest one is dropped. */
export class RecentIds {
  readonly #ids = new Set<number>();

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= maxIds) return;
    const [oldest] = this.#ids;
    this.#ids.delete(oldest as number);
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }
}
