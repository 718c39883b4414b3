/**
 * The backends of a fleet as discovery changes them: new ones come before old ones go, and what stays keeps its
 * state.
 */
import type { BackendAddress } from './backend-address.ts';
import type { Backend } from './backend.ts';
import { Ring } from './balance/ring.ts';

export interface MembersDeps {
  readonly create: (address: BackendAddress) => Backend;
  /** Tells apart what must be made anew when it changes (TLS, settings of connections); weights and zones do not. */
  readonly keyOf: (address: BackendAddress) => string;
  readonly onChange: () => void;
  readonly onGone: (backend: Backend) => void;
}

/** How long the old ones wait for the first look at the new ones, in ms. */
const firstLookMs = 1000;

/**
 * Set of the backends of one fleet. `update()` creates a backend for each new key (`keyOf`), keeps those with a known
 * key, and closes the others gracefully; `onChange` follows each change of `list`.
 */
export class BackendSet {
  readonly #deps: MembersDeps;
  #list: readonly Backend[] = [];
  readonly #keys = new Map<Backend, string>();
  #ring: Ring | undefined;
  #generation = 0;
  #stopped = false;

  constructor(deps: MembersDeps) {
    this.#deps = deps;
  }

  get list(): readonly Backend[] {
    return this.#list;
  }

  /** All members on a ring, whatever their health: every gateway that knows the same members has the same. */
  ring(): Ring {
    return (this.#ring ??= new Ring(this.#list.map(({ name }) => name)));
  }

  /**
   * Takes in a set. Those that are gone stay until the new ones have been seen once, or a second has passed; their
   * calls in flight then finish. A later set overtakes one that waits.
   */
  async update(addresses: readonly BackendAddress[]): Promise<void> {
    const generation = ++this.#generation;
    const { create, keyOf } = this.#deps;
    const kept = new Set<Backend>();
    const added: Backend[] = [];
    const known = new Map([...this.#keys].map(([backend, key]) => [key, backend]));
    for (const address of addresses) {
      const key = keyOf(address);
      let backend = known.get(key);
      if (backend === undefined) {
        backend = create(address);
        this.#keys.set(backend, key);
        added.push(backend);
      } else backend.address = address;
      kept.add(backend);
    }
    this.#become([...this.#list, ...added]);
    if (added.length > 0) await firstLook(added);
    // a later set decides who goes
    if (generation !== this.#generation || this.#stopped) return;
    const gone = this.#list.filter((backend) => !kept.has(backend));
    if (gone.length === 0) return;
    this.#become(this.#list.filter((backend) => kept.has(backend)));
    for (const backend of gone) {
      this.#keys.delete(backend);
      backend.close(true);
      this.#deps.onGone(backend);
    }
  }

  close(graceful: boolean): void {
    this.#stopped = true;
    for (const backend of this.#list) backend.close(graceful);
  }

  #become(list: readonly Backend[]): void {
    this.#list = list;
    this.#ring = undefined;
    this.#deps.onChange();
  }
}

/** The first round of looks at new backends; a dead one does not hold up the rest for longer than a second. */
async function firstLook(backends: readonly Backend[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, firstLookMs);
  });
  await Promise.race([Promise.all(backends.map((backend) => backend.start())), late]);
  clearTimeout(timer);
}
