/** What is wrong with the address of a Redis; never told with the address, which has a password in it. */
import { parseRedisUrl } from '../base/redis-url.ts';
import type { Mistakes } from './mistakes.ts';
import type { Config } from './schema/index.ts';

/** Reports `cache.redisUrl` and `sharedLimits.redisUrl` that cannot be parsed. */
export function redisProblems(config: Config, mistakes: Mistakes): void {
  for (const section of ['cache', 'sharedLimits'] as const)
    mistakes.part(() => {
      const { redisUrl } = config[section];
      const parsed = redisUrl === undefined ? undefined : parseRedisUrl(redisUrl);
      if (typeof parsed === 'string') mistakes.add(`${section}.redisUrl`, parsed);
    });
}
