/** What may happen to a call on its way, one filter each. */
export { admitFilter } from './admit.ts';
export { arrivalFilter, type ArrivalOptions } from './arrival.ts';
export { AttemptBudget, type AttemptBudgetOptions } from './attempt-budget.ts';
export {
  cacheFilter,
  type CacheModelOptions,
  type CacheOptions,
  RedisStore,
  type RedisStoreOptions,
} from './cache/index.ts';
export { createClientOf } from './client.ts';
export { deadlineFilter } from './deadline.ts';
export { fleetWideFilter } from './fleet-wide.ts';
export { hedgeFilter, type HedgeOptions } from './hedge/index.ts';
export { LatencyClass, LatencyStats } from './latencies/index.ts';
export { localServices } from './local-services/index.ts';
export { mirrorFilter, type MirrorRule } from './mirror.ts';
export { observeFilter } from './observe.ts';
export { createQueue, type QueueOptions } from './queue/index.ts';
export {
  createRateLimits,
  type RateLimit,
  redisRates,
  type SharedRates,
  type SharedRatesOptions,
  type TokenUsage,
  type Verdict,
} from './rate-limit/index.ts';
export { retryFilter, type RetryOptions } from './retry.ts';
export { sequenceFilter, type SequenceFilterOptions, SequenceLock } from './sequence/index.ts';
export { streamsFilter, type StreamsOptions } from './streams.ts';
