/** What the workers of a gateway tell each other of the tokens that they took, so that a rate holds for all of them. */
import type { After } from '../../base/clock.ts';

/** Tokens taken, by the limit's name and the key. */
export type TokenUsage = ReadonlyMap<string, ReadonlyMap<string, number>>;

/**
 * Workers tell at most so often, in ms. What two of them let through in between beyond the rate, both are charged
 * afterwards: over seconds the rate is exact.
 */
const tellEveryMs = 50;

/** Gathers what this worker takes; the last call of a silence is told, too. */
export function gatherTakes(
  tell: (takes: TokenUsage) => void,
  after: After,
): (limit: string, key: string) => void {
  let gathered = new Map<string, Map<string, number>>();
  const flush = (): void => {
    const takes = gathered;
    gathered = new Map();
    tell(takes);
  };
  return (limit, key) => {
    if (gathered.size === 0) after(tellEveryMs, flush);
    let keys = gathered.get(limit);
    if (keys === undefined) gathered.set(limit, (keys = new Map<string, number>()));
    keys.set(key, (keys.get(key) ?? 0) + 1);
  };
}
