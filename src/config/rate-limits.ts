/** What can be wrong with rate limits beyond their shape. */
import type { Mistakes } from './mistakes.ts';
import type { Config } from './schema/index.ts';

/** Reports duplicate names of rate limits, and shared limits without a Redis URL. */
export function rateLimitProblems({ rateLimits, sharedLimits, cache }: Config, mistakes: Mistakes): void {
  for (let i = 0; i < rateLimits.length; i++) {
    mistakes.part(() => {
      const name = rateLimits[i]?.name;
      if (rateLimits.findIndex((other) => other.name === name) !== i)
        mistakes.add(`rateLimits[${i}].name`, `there is another limit named ${name ?? ''}`);
    });
    mistakes.part(() => {
      if (rateLimits[i]?.shared === true && (sharedLimits.redisUrl ?? cache.redisUrl) === undefined)
        mistakes.add(`rateLimits[${i}].shared`, 'needs sharedLimits.redisUrl or cache.redisUrl');
    });
  }
}
