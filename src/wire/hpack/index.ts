/** HPACK (RFC 7541): field lists to header blocks and back. */
export { type Headers, HpackDecoder, noHeaders } from './decoder.ts';
export { HpackEncoder } from './encoder.ts';
