/** The rate limits' own door. */
export { type RateLimit, rateLimitFilter } from './filter.ts';
