/** Policies that go by turns: round robin, and round robin by weight. */
import type { Policy } from './picker.ts';

/** One after the other, from a place that differs between gateways. */
export const roundRobin: Policy = (candidates) => {
  let next = -1;
  return {
    pick({ random }) {
      if (candidates.length === 0) return undefined;
      next = next < 0 ? Math.floor(random() * candidates.length) : (next + 1) % candidates.length;
      return candidates[next];
    },
  };
};

/** Weights are compared on this scale. */
const scale = 65_535;

/**
 * By turns, each candidate as often as its weight says: the static stride scheduler of gRFC A58. A candidate passes its
 * turn when its weight, summed over the rounds, has not reached the next multiple of the scale. Weights are read when
 * their turn comes, so those that rise while a backend starts need no new picker.
 */
export const weighted: Policy = (candidates) => {
  const { length } = candidates;
  const most = Math.max(...candidates.map(({ weight }) => weight));
  let turn = -1;
  return {
    pick({ random }) {
      if (length === 0) return undefined;
      if (turn < 0) turn = Math.floor(random() * length * 64);
      // the heaviest takes every turn; the bound is for weights that have all fallen since
      for (let tries = 0; tries < 64 * length; tries++, turn++) {
        const index = turn % length;
        const candidate = candidates[index] as (typeof candidates)[number];
        const weight = Math.max(1, Math.min(scale, (candidate.weight / most) * scale));
        const round = Math.floor(turn / length);
        // the index spreads light candidates over the rounds
        if ((weight * round + index * 40_503) % scale < scale - weight) continue;
        turn++;
        return candidate;
      }
      return candidates[turn++ % length];
    },
  };
};
