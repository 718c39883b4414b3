export { meaningOf } from './error-replies.ts';
export { RedisKeys, type RedisKeysDeps, type RedisKeysOptions } from './keys.ts';
