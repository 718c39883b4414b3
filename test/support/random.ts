/** Random numbers that are the same in every run (mulberry32: small, and the same everywhere). */

/** Uniform in [0, 1). */
export type Random = () => number;

function seededBits(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

export function seeded(seed: number): Random {
  const bits = seededBits(seed);
  return () => bits() / 2 ** 32;
}

/** Whole numbers from 0 to below, which is not among them. */
export type RandomBelow = (below: number) => number;

export function seededBelow(seed: number): RandomBelow {
  const bits = seededBits(seed);
  return (below) => bits() % below;
}
