/** What is wrong with the address of a Redis; never told with the address, which has a password in it. */
import type { Problem } from './problem.ts';
import type { Config } from './schema/index.ts';

const form = 'write redis://[user:password@]host:port/db, or rediss:// for TLS';

function mistakeIn(text: string): string | undefined {
  if (!/^rediss?:\/\//.test(text)) return `is no URL of a Redis: ${form}`;
  if (!URL.canParse(text))
    return `is no URL of a Redis: ${form}; in a password / is written %2F, ? %3F, # %23 and % %25`;
  const { username, password, hostname, pathname } = new URL(text);
  if (hostname === '') return `names no host: ${form}`;
  if (!/^\/?[0-9]*$/.test(pathname))
    return `has something else than the number of a database behind its host: ${form}; in a password / is written %2F`;
  try {
    decodeURIComponent(username + password);
  } catch {
    return 'has a % in its user or password that encodes nothing: a % itself is written %25';
  }
  return undefined;
}

export function redisProblems({ cache, sharedLimits }: Config): Problem[] {
  return Object.entries({ cache, sharedLimits }).flatMap(([section, { redisUrl }]) => {
    const mistake = redisUrl === undefined ? undefined : mistakeIn(redisUrl);
    return mistake === undefined ? [] : [{ path: `${section}.redisUrl`, message: mistake }];
  });
}
