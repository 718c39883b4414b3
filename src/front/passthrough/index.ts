/** HTTP that passes as it is. */
export type { ProxyOptions } from './options.ts';
export { createPassthrough } from './passthrough.ts';
