/** Protocols over sockets: the server end and the client end of HTTP/2, and a strict server end of HTTP/1.1. */
export {
  type ClientStream,
  connectionLost,
  ownFault,
  type ServerStream,
  type Stream,
  type StreamEvents,
  type TimeLimits,
} from './api.ts';
export { ErrorCode } from './constants.ts';
export type { Headers } from './hpack/index.ts';
export { Http1Server, isHostValue, readAbsoluteTarget, refusal } from './http1/index.ts';
export {
  defaultClientLimits,
  defaultServerLimits,
  Http2Client,
  type Http2Limits,
  Http2Server,
} from './http2/index.ts';
export { Linger, ReadBuffer } from './socket/index.ts';
