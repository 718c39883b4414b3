export { RedisLink, type RedisLinkDeps, type RedisLinkOptions } from './link.ts';
