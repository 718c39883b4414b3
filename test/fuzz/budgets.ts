/** How long the fuzz of the test suite is: the same inputs each time, and no more than a share of two minutes. */

/** Another one is another run: TENSORGATE_FUZZ_SEED=7. Long ones are `npm run fuzz`. */
export const seed = Number(process.env.TENSORGATE_FUZZ_SEED ?? 20_261_130);

/** Inputs, and the time after which a slow machine leaves it at what it has done. */
export const parserBudget = { inputs: 150_000, ms: 25_000 };
export const doorBudget = { inputs: 5000, ms: 15_000 };
export const peerBudget = { inputs: 2000, ms: 10_000 };
