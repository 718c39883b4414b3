/** gRPC-Web: binary and text, over HTTP/1.1 and HTTP/2. */
export { serveWeb } from './web-stream.ts';
