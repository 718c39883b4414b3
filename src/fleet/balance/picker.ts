/** The momentary choice of backends for one model: built when health or ejection changes, only read on a call. */

/** What picking needs to know of a backend. */
export interface Candidate {
  readonly name: string;
  /** Calls sent and not answered yet. */
  readonly inFlight: number;
}

/**
 * Power of two choices: two at random, and of these the one with less outstanding work (Mitzenmacher 2001).
 * @param avoid names that are taken only when there is no other
 */
export function pick<T extends Candidate>(
  candidates: readonly T[],
  random: () => number,
  avoid?: readonly string[],
): T | undefined {
  let choice = candidates;
  if (avoid !== undefined && avoid.length > 0) {
    const others = candidates.filter(({ name }) => !avoid.includes(name));
    if (others.length > 0) choice = others;
  }
  const { length } = choice;
  if (length <= 1) return choice[0];
  const first = Math.floor(random() * length);
  // uniformly one of the others
  const second = (first + 1 + Math.floor(random() * (length - 1))) % length;
  const a = choice[first] as T;
  const b = choice[second] as T;
  return b.inFlight < a.inFlight ? b : a;
}

/** Backends of one model: those where any version is AVAILABLE, and those of each version. */
export interface ModelPicker<T> {
  readonly any: readonly T[];
  readonly versions: ReadonlyMap<bigint, readonly T[]>;
  /** Backends that know the model in whatever state. */
  readonly knowing: readonly T[];
}

/**
 * Leaves out ejected backends, unless more than half are: then the trouble is elsewhere, and spreading it over all is
 * better than heaping it on a few (Envoy's panic threshold). Backends without the model are never among them.
 */
export function withoutEjected<T>(available: readonly T[], isEjected: (backend: T) => boolean): readonly T[] {
  const kept = available.filter((backend) => !isEjected(backend));
  return kept.length * 2 < available.length || kept.length === 0 ? available : kept;
}
