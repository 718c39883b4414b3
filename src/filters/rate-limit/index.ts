/** Rates of calls by client and by model, shared through Redis where that is wanted. */
export { createRateLimits, type RateLimit } from './filter.ts';
export { redisRates, type SharedRates, type SharedRatesOptions, type Verdict } from './shared-rates.ts';
export type { TokenUsage } from './token-usage.ts';
