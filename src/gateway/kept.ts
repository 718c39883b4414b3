/** What a reload leaves as it is: state whose settings stay the same is taken over and not made anew. */
import { isDeepStrictEqual } from 'node:util';

interface Item {
  readonly settings: unknown;
  readonly value: unknown;
  readonly end: (graceful: boolean) => void;
}

/** The state of one configuration; the next one's is made from it. */
export class Kept {
  #before: ReadonlyMap<string, Item>;
  readonly #items = new Map<string, Item>();

  constructor(before?: Kept) {
    this.#before = before === undefined ? new Map<string, Item>() : before.#items;
  }

  /**
   * @param what its name, the same in each configuration, and always for the same type
   * @param settings what it was made of: when they differ, it is made anew
   * @param end lets go of it, when no configuration has it any more: gracefully, as long as calls may still use it
   */
  keep<T>(what: string, settings: unknown, make: () => T, end?: (value: T, graceful: boolean) => void): T {
    let item = this.#before.get(what);
    if (item === undefined || !isDeepStrictEqual(item.settings, settings)) {
      const value = make();
      item = {
        settings,
        value,
        end: (graceful) => {
          end?.(value, graceful);
        },
      };
    }
    this.#items.set(what, item);
    return item.value as T;
  }

  /** The configuration is in force: what only the one before had ends. */
  settle(): void {
    this.#endOthers(this.#before, this.#items);
    this.#before = new Map();
  }

  /** The configuration was refused: what was made for it alone ends. */
  undo(): void {
    this.#endOthers(this.#items, this.#before);
  }

  /** The gateway stops: all of it ends, and at once. */
  close(): void {
    for (const { end } of this.#items.values()) end(false);
  }

  #endOthers(some: ReadonlyMap<string, Item>, others: ReadonlyMap<string, Item>): void {
    for (const [what, item] of some) if (others.get(what) !== item) item.end(true);
  }
}
