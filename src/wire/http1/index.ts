/** The server end of HTTP/1.1 (RFC 9112). */
export { refusal } from './refusal.ts';
export { Http1Server } from './server.ts';
export { isHostValue, readAbsoluteTarget } from './target.ts';
