/** What can be wrong with rate limits beyond their shape. */
import type { Problem } from './problem.ts';
import type { Config } from './schema/index.ts';

export function rateLimitProblems({ rateLimits, sharedLimits, cache }: Config): Problem[] {
  const hasRedis = (sharedLimits.redisUrl ?? cache.redisUrl) !== undefined;
  return rateLimits.flatMap(({ name, shared }, i) => [
    ...(rateLimits.findIndex((other) => other.name === name) === i
      ? []
      : [{ path: `rateLimits[${i}].name`, message: `there is another limit named ${name}` }]),
    ...(!shared || hasRedis
      ? []
      : [{ path: `rateLimits[${i}].shared`, message: 'needs sharedLimits.redisUrl or cache.redisUrl' }]),
  ]);
}
