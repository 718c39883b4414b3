/** Names for what is behind a version number: a version that was loaded anew may be another model. */

/** A server that has new versions again and again must not fill the memory; far above what is loaded anywhere. */
const maxRemembered = 100_000;

function bound(remembered: Set<string> | Map<string, string>): void {
  if (remembered.size <= maxRemembered) return;
  for (const oldest of remembered.keys()) {
    remembered.delete(oldest);
    return;
  }
}

/**
 * Names of the loads of a model version: "0" at first, and a new random one whenever a backend makes the version
 * AVAILABLE again. Names and versions seen are bounded to 100,000 each, the oldest dropped first.
 */
export class LoadGenerations {
  readonly #random: () => number;
  /** Pairs of backend, model and version that were AVAILABLE before. */
  readonly #seen = new Set<string>();
  readonly #names = new Map<string, string>();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A version became AVAILABLE at a backend: the second time, it was loaded again. */
  loaded(backend: string, model: string, version: bigint): void {
    const key = `${backend}\0${model}\0${version}`;
    if (!this.#seen.has(key)) {
      this.#seen.add(key);
      bound(this.#seen);
    } else {
      this.#names.set(`${model}\0${version}`, Math.floor(this.#random() * 2 ** 48).toString(36));
      bound(this.#names);
    }
  }

  /** The same for all gateways until one of them sees a reload. */
  of(model: string, version: bigint): string {
    return this.#names.get(`${model}\0${version}`) ?? '0';
  }
}
