/**
 * Triton's statistics of several servers as those of one: counts and times are added by model and version, of
 * "last_inference" the latest counts.
 */
import { type ExactJson, type ExactObject, isList, isObject } from '../../codec/index.ts';

/**
 * What tells the entries of a list apart. Members that are newer than this table are added up as well, their lists
 * kept as the first has them.
 */
const keys: Readonly<Record<string, readonly string[]>> = {
  model_stats: ['name', 'version'],
  batch_stats: ['batch_size'],
  memory_usage: ['type', 'id'],
};
/** Points in time. */
const latest: ReadonlySet<string> = new Set(['last_inference']);

/** What names an entry; empty where it lacks that. */
const textIn = (entry: ExactJson, name: string): string => {
  const value = isObject(entry) ? entry[name] : undefined;
  return typeof value === 'string' || typeof value === 'bigint' ? String(value) : '';
};
const keyOf = (entry: ExactJson, names: readonly string[]): string =>
  names.map((name) => textIn(entry, name)).join('\0');

function sumOfLists(
  one: readonly ExactJson[],
  other: readonly ExactJson[],
  names: readonly string[],
): readonly ExactJson[] {
  const entries = new Map(one.map((entry) => [keyOf(entry, names), entry]));
  for (const entry of other) {
    const key = keyOf(entry, names);
    const before = entries.get(key);
    entries.set(key, before === undefined ? entry : sumOf(before, entry, '', names));
  }
  return [...entries.values()];
}

/** @param kept members of these objects that are no amounts */
function sumOf(one: ExactJson, other: ExactJson, name: string, kept: readonly string[] = []): ExactJson {
  if (typeof one === 'bigint' && typeof other === 'bigint') {
    if (latest.has(name)) return one > other ? one : other;
    return one + other;
  }
  if (typeof one === 'number' || typeof other === 'number') return Number(one) + Number(other);
  if (isObject(one) && isObject(other)) {
    const members = new Map(Object.entries(one));
    for (const [member, value] of Object.entries(other)) {
      const before = members.get(member);
      if (before === undefined || before === null) members.set(member, value);
      else if (!kept.includes(member)) members.set(member, sumOf(before, value, member));
    }
    return Object.fromEntries(members);
  }
  const names = keys[name];
  return names !== undefined && isList(one) && isList(other) ? sumOfLists(one, other, names) : one;
}

/** @param one undefined for none yet */
export function sumOfStatistics(one: ExactObject | undefined, other: ExactObject): ExactObject {
  return one === undefined ? other : (sumOf(one, other, '') as ExactObject);
}

/** Integers by their size, texts by their letters. */
function compare(one: string, other: string): number {
  if (one === other) return 0;
  const areIntegers = /^\d+$/.test(one) && /^\d+$/.test(other);
  return (areIntegers ? BigInt(one) < BigInt(other) : one < other) ? -1 : 1;
}

/** In an order that does not depend on who answered first: Triton's own. */
export function sortedStatistics(statistics: ExactObject): ExactObject {
  const sorted = (list: ExactJson, name: string): ExactJson => {
    const names = keys[name];
    if (names === undefined || !isList(list)) return list;
    const each = list.map((entry) =>
      isObject(entry)
        ? Object.fromEntries(Object.entries(entry).map(([member, value]) => [member, sorted(value, member)]))
        : entry,
    );
    return each.sort((a, b) => {
      for (const key of names) {
        const order = compare(textIn(a, key), textIn(b, key));
        if (order !== 0) return order;
      }
      return 0;
    });
  };
  return Object.fromEntries(Object.entries(statistics).map(([name, value]) => [name, sorted(value, name)]));
}

/**
 * By the names that clients ask by; models that nobody can ask for are left out.
 * @param namesOf for a server's own name
 */
export function renamedStatistics(
  statistics: ExactObject,
  namesOf: (own: string) => readonly string[],
): ExactObject {
  const { model_stats: models } = statistics;
  if (!isList(models)) return statistics;
  return {
    ...statistics,
    model_stats: models.flatMap((entry) => {
      if (!isObject(entry) || typeof entry.name !== 'string') return [];
      return namesOf(entry.name).map((name) => ({ ...entry, name }));
    }),
  };
}
