/** gRPC-Web: binary and text, over HTTP/1.1 and HTTP/2. */
export type { CorsHeaders } from './reply-head.ts';
export { serveWeb } from './web-stream.ts';
