/** Both ends of HTTP/2 (RFC 9113). */
export { Http2Client } from './client.ts';
export { defaultClientLimits, defaultServerLimits, type Http2Limits } from './limits.ts';
export { Http2Server } from './server.ts';
