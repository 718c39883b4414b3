/** Numbers of HTTP/2 (RFC 9113) by their names. */
import type { ConnectionLimit } from './limit-names.ts';

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

/** RFC 9113 §7. */
export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export const frameHeaderBytes = 9;
export const defaultWindowBytes = 65_535;
export const defaultFrameBytes = 16_384;
export const maxWindowBytes = 2 ** 31 - 1;
export const maxFrameBytes = 2 ** 24 - 1;
export const maxStreamId = 2 ** 31 - 1;
export const defaultTableBytes = 4096;

/** What a client says first (RFC 9113 §3.4). */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** A violation that ends the connection with GOAWAY. */
export class ConnectionError extends Error {
  readonly code: number;
  /** The limit that was met, when it was one. */
  readonly limit: ConnectionLimit | undefined;

  constructor(code: number, message: string, limit?: ConnectionLimit) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
    this.limit = limit;
  }
}
