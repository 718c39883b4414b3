/** What is kept in Redis: the response cache's and the shared rate limits' part of a configuration. */
import type { Config } from '../config/index.ts';
import { ownName } from './names.ts';
import type { RouteOptions } from '../gateway-options.ts';

export function cacheOf({ cache, models }: Config): RouteOptions['cache'] {
  if (cache.redisUrl === undefined) return undefined;
  const rules = { ttlMs: cache.ttlMs, maxEntryBytes: cache.maxEntryBytes };
  const named = Object.entries(models)
    .filter(([, model]) => model.cache?.enabled === true)
    .map(
      ([name, model]) =>
        [
          ownName(name, model),
          {
            ttlMs: model.cache?.ttlMs ?? rules.ttlMs,
            maxEntryBytes: model.cache?.maxEntryBytes ?? rules.maxEntryBytes,
          },
        ] as const,
    );
  const off = Object.entries(models).filter(([, model]) => model.cache?.enabled === false);
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
      models: {
        ...(cache.allModels ? { '*': rules } : {}),
        ...Object.fromEntries(named),
        ...Object.fromEntries(
          off.map(([name, model]) => [ownName(name, model), { ttlMs: 1, maxEntryBytes: 0 }]),
        ),
      },
      maxRequestBytes: cache.maxRequestBytes,
      keyPrefix: cache.keyPrefix,
      // metadata has lower-case names alone
      vary: cache.vary.map((name) => name.toLowerCase()),
    },
  };
}

/** Counting questions under way: a Redis that answers in time never has so many. */
const maxAsks = 1024;

export function sharedLimitsOf({ rateLimits, sharedLimits, cache }: Config): RouteOptions['sharedLimits'] {
  const { redisUrl = cache.redisUrl, ...rest } = sharedLimits;
  return redisUrl === undefined || !rateLimits.some(({ shared }) => shared)
    ? undefined
    : { url: redisUrl, ...rest, maxAsks };
}
