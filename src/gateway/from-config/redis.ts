/** What is kept in Redis: the response cache's and the shared rate limits' part of a configuration. */
import { ByModel } from '../../call/index.ts';
import type { Config } from '../../config/index.ts';
import type { CacheModelOptions } from '../../filters/index.ts';
import type { DataPlaneOptions } from '../options.ts';
import { concerned } from './names.ts';

const uncached: CacheModelOptions = { ttlMs: 1, maxEntryBytes: 0 };

/** Maps the `cache` section and the models' own cache settings; undefined without `cache.redisUrl`. */
export function cacheOf(config: Config): DataPlaneOptions['cache'] {
  const { cache, models } = config;
  if (cache.redisUrl === undefined) return undefined;
  const rules: CacheModelOptions = { ttlMs: cache.ttlMs, maxEntryBytes: cache.maxEntryBytes };
  const named = Object.entries(models).flatMap(([name, { cache: own }]) => {
    if (own === undefined) return [];
    const { ttlMs = rules.ttlMs, maxEntryBytes = rules.maxEntryBytes } = own;
    const wanted = own.enabled ? { ttlMs, maxEntryBytes } : uncached;
    return concerned(config, name).map((ref) => [ref, wanted] as const);
  });
  // one name that says no is enough
  named.sort(([, a], [, b]) => Number(a === uncached) - Number(b === uncached));
  return {
    store: {
      url: cache.redisUrl,
      timeoutMs: cache.timeoutMs,
      connectTimeoutMs: cache.connectTimeoutMs,
      breakerMs: cache.breakerMs,
      // lookups and writes under way: enough for a busy gateway, and a bound when Redis is slow
      maxGets: 512,
      maxSets: 64,
      maxSetBytes: 8 * 2 ** 20,
    },
    filter: {
      models: new ByModel(named),
      others: cache.allModels ? rules : undefined,
      defaultFleet: config.defaultFleet,
      maxRequestBytes: cache.maxRequestBytes,
      keyPrefix: cache.keyPrefix,
      // metadata has lower-case names alone
      vary: cache.vary.map((name) => name.toLowerCase()),
    },
  };
}

/** Counting questions under way: a Redis that answers in time never has so many. */
const maxAsks = 1024;

/**
 * Maps the `sharedLimits` section; undefined when no rate limit is shared, or there is no Redis URL
 * (`cache.redisUrl` is the default).
 */
export function sharedLimitsOf({
  rateLimits,
  sharedLimits,
  cache,
}: Config): DataPlaneOptions['sharedLimits'] {
  const { redisUrl = cache.redisUrl, ...rest } = sharedLimits;
  return redisUrl === undefined || !rateLimits.some(({ shared }) => shared)
    ? undefined
    : { url: redisUrl, ...rest, maxAsks };
}
