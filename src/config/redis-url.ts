/** What is wrong with the address of a Redis; never told with the address, which has a password in it. */
import { parseRedisUrl } from '../redis-url.ts';
import type { Problem } from './problem.ts';
import type { Config } from './schema/index.ts';

export function redisProblems({ cache, sharedLimits }: Config): Problem[] {
  return Object.entries({ cache, sharedLimits }).flatMap(([section, { redisUrl }]) => {
    const parsed = redisUrl === undefined ? undefined : parseRedisUrl(redisUrl);
    return typeof parsed === 'string' ? [{ path: `${section}.redisUrl`, message: parsed }] : [];
  });
}
