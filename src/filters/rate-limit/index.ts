/** The rate limits' own door. */
export { createRateLimits, type RateLimit, type RateLimitDeps, type RateLimits } from './filter.ts';
export { redisRates, type SharedRates, type SharedRatesOptions, type Verdict } from './shared-rates.ts';
export type { Takes } from './takes.ts';
