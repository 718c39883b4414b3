/** The response cache's door. */
export { type CacheDeps, cacheFilter, type CacheModelOptions, type CacheOptions } from './filter.ts';
export { RedisStore, type RedisStoreDeps, type RedisStoreOptions } from './redis-store.ts';
export type { ResponseStore, StoreMiss } from './store.ts';
