/** The room's front door: every filter. */
export { type ArrivalDeps, arrivalFilter, type ArrivalOptions } from './arrival.ts';
export { admitFilter, type AdmitOptions } from './admit.ts';
export {
  type CacheDeps,
  cacheFilter,
  type CacheModelOptions,
  type CacheOptions,
  RedisStore,
  type RedisStoreDeps,
  type RedisStoreOptions,
  type ResponseStore,
  type StoreMiss,
} from './cache/index.ts';
export { type ClientOf, createClientOf } from './client.ts';
export { AttemptBudget, type AttemptBudgetOptions } from './attempt-budget.ts';
export { type DeadlineDeps, deadlineFilter } from './deadline.ts';
export { fleetWideFilter } from './fleet-wide.ts';
export { hedgeFilter, type HedgeDeps, type HedgeOptions } from './hedge/index.ts';
export { LatencyBook } from './latencies/index.ts';
export { mirrorFilter, type MirrorDeps, type MirrorRule } from './mirror.ts';
export { type ObserveDeps, observeFilter } from './observe.ts';
export { createQueue, type Queue, type QueueDeps, type QueueOptions } from './queue/index.ts';
export {
  createRateLimits,
  type RateLimit,
  type RateLimitDeps,
  type RateLimits,
  redisRates,
  type SharedRates,
  type SharedRatesOptions,
  type Takes,
  type Verdict,
} from './rate-limit/index.ts';
export { retryFilter, type RetryDeps, type RetryOptions } from './retry.ts';
export {
  sequenceFilter,
  type SequenceFilterDeps,
  type SequenceFilterOptions,
  Turns,
} from './sequence/index.ts';
export { type StreamsDeps, streamsFilter, type StreamsOptions } from './streams.ts';
