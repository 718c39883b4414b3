/** HTTP/2 over sockets: a server end and a client end; knows no gRPC and no model. */
export {
  type ClientStream,
  connectionLost,
  ownFault,
  type ServerStream,
  type Stream,
  type StreamEvents,
  type TimeLimits,
} from './api.ts';
export { Http2Client, type Http2ClientOptions } from './client.ts';
export { ErrorCode } from './constants.ts';
export type { Headers } from './hpack-decoder.ts';
export { defaultClientLimits, defaultServerLimits, type Http2Limits } from './limits.ts';
export { refusal } from './http1-refusal.ts';
export { Http1Server, type Http1ServerOptions } from './http1-server.ts';
export { isHostValue, readAbsoluteTarget } from './http1-target.ts';
export { Linger } from './linger.ts';
export { ReadMemory } from './read-memory.ts';
export { Standstill } from './standstill.ts';
export { Http2Server, type Http2ServerOptions } from './server.ts';
