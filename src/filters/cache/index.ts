/** The response cache, in memory and in Redis. */
export { cacheFilter, type CacheModelOptions, type CacheOptions } from './filter.ts';
export { RedisStore, type RedisStoreOptions } from './redis-store.ts';
