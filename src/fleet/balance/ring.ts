/**
 * Consistent hashing: a ring of all members, and a policy that keeps calls of one hash together while nobody is
 * overloaded.
 */
import { leastOutstanding } from './p2c.ts';
import type { Candidate, Picker } from './picker.ts';

/** FNV-1a over UTF-16 code units with murmur3's last mixing step: 32 bits, the same in every gateway. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Places of one member on the ring: shares differ by less than a tenth or so. */
const placesPerMember = 160;

/**
 * Members on a ring. Who is passed over takes no place: the walk goes on to the next, so calls of a hash move only when
 * their own member goes or a new one takes their part. The ring depends on names alone, so all gateways agree.
 */
export class Ring {
  readonly #places: Uint32Array;
  readonly #owners: readonly string[];

  constructor(names: readonly string[]) {
    const places = names.flatMap((name) =>
      Array.from({ length: placesPerMember }, (_, i) => ({ at: hashOf(`${name}#${i}`), name })),
    );
    // by name where two places are the same, whatever the order of the members
    places.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
    this.#places = Uint32Array.from(places, ({ at }) => at);
    this.#owners = places.map(({ name }) => name);
  }

  /** The first member from a hash on that is wanted; undefined when none is. */
  find(hash: number, wanted: (name: string) => boolean): string | undefined {
    const { length } = this.#places;
    let low = 0;
    for (let high = length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    let before: string | undefined;
    for (let step = 0; step < length; step++) {
      const owner = this.#owners[(low + step) % length] as string;
      if (owner !== before && wanted(owner)) return owner;
      before = owner;
    }
    return undefined;
  }
}

/**
 * The ring's choice, unless that one has more than its share of all outstanding work: then the next on the ring
 * (consistent hashing with bounded loads, Mirrokni, Thorup and Zadimoghaddam 2016). Calls without a hash go by two
 * choices.
 * @param boundPercent the most that one may have, in hundredths of its fair share: 125 is a quarter more
 */
export const ringHash =
  (ring: Ring, boundPercent: number) =>
  <C extends Candidate>(candidates: readonly C[]): Picker<C> => {
    const byName = new Map(candidates.map((candidate) => [candidate.name, candidate]));
    const fallback = leastOutstanding(candidates);
    // counting everything for each call would cost more than the rest of the pick on a large fleet
    const recountEvery = Math.ceil(candidates.length / 8);
    let picks = 0;
    let work = 0;
    let weights = 0;
    const count = (): void => {
      work = 0;
      weights = 0;
      for (const { outstanding, weight } of candidates) {
        work += outstanding;
        weights += weight;
      }
    };
    return {
      pick(request) {
        const { hash } = request;
        if (hash === undefined) return fallback.pick(request);
        if (picks++ % recountEvery === 0) count();
        work++;
        const share = ((boundPercent / 100) * work) / weights;
        const found = ring.find(hash, (name) => {
          const candidate = byName.get(name);
          return candidate !== undefined && candidate.outstanding < Math.ceil(share * candidate.weight);
        });
        return (found === undefined ? undefined : byName.get(found)) ?? fallback.pick(request);
      },
    };
  };
