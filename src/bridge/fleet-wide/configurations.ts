/** A model's configuration at several servers: what most have, and what is different at the others. */
import {
  type ExactJson,
  exactJsonText,
  type ExactObject,
  isList,
  isObject,
  mapMembers,
} from '../../codec/index.ts';

/** Places that are named for one backend. */
const maxPlaces = 8;
/** Configurations that are told apart; what else there is counts as different without its places. */
const maxKinds = 16;

/**
 * What a server says, in one form: members in the order of their names, and without those that say no more than their
 * absence (servers of several releases write the defaults of different members). An empty object stays where it is no
 * map: for protobuf it is not the same as none.
 */
function plain(value: ExactJson, member = ''): ExactJson | undefined {
  if (value === null || value === '' || value === false || value === 0n || value === 0) return undefined;
  // in a list, place counts
  if (isList(value)) return value.length === 0 ? undefined : value.map((each) => plain(each) ?? each);
  if (!isObject(value)) return value;
  const members = Object.entries(value)
    .map(([name, each]) => [name, plain(each, name)] as const)
    .filter((member): member is readonly [string, ExactJson] => member[1] !== undefined);
  if (members.length === 0 && mapMembers.has(member)) return undefined;
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const isSame = (one: ExactJson | undefined, other: ExactJson | undefined): boolean =>
  one === undefined || other === undefined ? one === other : exactJsonText(one) === exactJsonText(other);

/** Where two of them differ: "instance_group[0].count". */
function placesIn(
  one: ExactJson | undefined,
  other: ExactJson | undefined,
  at: string,
  places: string[],
): string[] {
  if (places.length > maxPlaces || isSame(one, other)) return places;
  if (isObject(one) && isObject(other)) {
    for (const name of new Set([...Object.keys(one), ...Object.keys(other)]))
      placesIn(one[name], other[name], at === '' ? name : `${at}.${name}`, places);
  } else if (isList(one) && isList(other) && one.length === other.length)
    one.forEach((each, i) => placesIn(each, other[i], `${at}[${i}]`, places));
  else places.push(at);
  return places;
}

interface Kind<T> {
  readonly plain: ExactJson;
  /** What one backend answered, as it came. */
  readonly answer: T;
  /** The first of its backends. */
  place: number;
  readonly backends: { readonly name: string; readonly place: number }[];
}

/**
 * Groups backends by equal model configuration, compared as canonical JSON; at most 16 different ones
 * are kept.
 */
export class Configurations<T> {
  readonly #kinds = new Map<string, Kind<T>>();
  readonly #others: string[] = [];

  /** @returns whether the answer is kept */
  add(config: ExactObject, { name, place, answer }: { name: string; place: number; answer: T }): boolean {
    const form = plain(config) ?? {};
    const text = exactJsonText(form);
    const kind = this.#kinds.get(text);
    if (kind !== undefined) {
      kind.place = Math.min(kind.place, place);
      kind.backends.push({ name, place });
      return false;
    }
    if (this.#kinds.size >= maxKinds) {
      this.#others.push(name);
      return false;
    }
    this.#kinds.set(text, { plain: form, answer, place, backends: [{ name, place }] });
    return true;
  }

  /** What most have; of as many, what the first of all backends has. */
  get most(): { readonly answer: T; readonly backends: readonly string[] } | undefined {
    const most = this.#ordered()[0];
    return most && { answer: most.answer, backends: namesOf(most) };
  }

  /** "b:8000: max_batch_size, input[0].dims": of each backend that has another one, where. */
  differences(): readonly string[] {
    const [most, ...others] = this.#ordered();
    if (most === undefined) return [];
    const told = others.map((kind) => {
      const places = placesIn(most.plain, kind.plain, '', []);
      const more = places.length > maxPlaces ? ', and more' : '';
      return `${namesOf(kind).join(' and ')}: ${places.slice(0, maxPlaces).join(', ')}${more}`;
    });
    return this.#others.length === 0 ? told : [...told, `${this.#others.join(' and ')}: other members`];
  }

  #ordered(): readonly Kind<T>[] {
    return [...this.#kinds.values()].sort(
      (a, b) => b.backends.length - a.backends.length || a.place - b.place,
    );
  }
}

function namesOf<T>({ backends }: Kind<T>): readonly string[] {
  return [...backends].sort((a, b) => a.place - b.place).map(({ name }) => name);
}
