/** The doors: protocol in, Call out. */
export {
  type AdminDeps,
  type AdminDoor,
  type AdminFleet,
  createAdminDoor,
  exposureOf,
  type PageFile,
} from './admin/index.ts';
export { createPeerBehind, type ForwardedOptions, peerOfFields, peerOfRequest } from './forwarded.ts';
export { type Cors, type CorsOptions, createCors } from './cors.ts';
export type { RpcDeps, RpcOptions } from './grpc/deps.ts';
export type { Resolve } from './grpc/opening.ts';
export { type LocalServicesOptions, localServices } from './grpc/services/index.ts';
export { createHttpDoor, serveNodeRequest } from './http/index.ts';
export { createV2Api, isV2 } from './kserve/index.ts';
export { listen, type Listener, type ListenOptions, type OpenStream } from './listen.ts';
export { type Certificates, checkCertificates, notAfterOf } from './tls.ts';
export { createProxyDoor, type ProxyDoor, type ProxyOptions, type ProxyRoute } from './proxy/index.ts';
export { createRestApi, type RestOptions } from './rest/index.ts';
export { createRpcDoor } from './rpc-door.ts';
export type { TimeoutOptions } from './timeout.ts';
