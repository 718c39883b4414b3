/** Redis: one server, a cluster, or servers that Sentinel watches. */
export { meaningOf } from './error-replies.ts';
export { RedisKeys, type RedisKeysOptions } from './keys.ts';
