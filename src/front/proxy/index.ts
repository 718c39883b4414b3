/** HTTP that passes as it is. */
export { createProxyDoor, type ProxyDeps, type ProxyDoor } from './door.ts';
export type { ProxyOptions, ProxyRoute } from './options.ts';
