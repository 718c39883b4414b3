/** The room's front door: every filter. */
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
export { type ObserveDeps, observeFilter } from './observe.ts';
