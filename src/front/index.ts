/** The doors: protocol in, Call out. */
export { type AdminServer, type AdminFleet, createAdminServer, exposureOf } from './admin/index.ts';
export { type CorsOptions, createCors } from './cors.ts';
export type { RpcOptions } from './grpc/index.ts';
export {
  createJsonHandler,
  createRestApi,
  createV2Api,
  isV2,
  type RestOptions,
  serveNodeRequest,
} from './json/index.ts';
export {
  checkCertificates,
  createPeerBehind,
  listen,
  type Listener,
  type ListenOptions,
  notAfterOf,
  type OpenStream,
  peerOfFields,
  peerOfRequest,
} from './listener/index.ts';
export { createPassthrough, type ProxyOptions } from './passthrough/index.ts';
export { createRpcHandler } from './rpc-handler.ts';
export type { TimeoutOptions } from './timeout.ts';
