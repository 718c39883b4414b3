/** JSON values with others in the places of some of their parts. */
import type { Chance } from './chance.ts';

/** Values as JSON has them, where others are expected. */
const strays = [null, 0, -1, 'x', [], {}, [null], true, 1e99, [[]], { name: null }];

export function strayIn(chance: Chance, value: unknown): unknown {
  if (chance.percent(12)) return chance.pick(strays);
  if (Array.isArray(value)) return value.map((each) => strayIn(chance, each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, strayIn(chance, each)]));
}
