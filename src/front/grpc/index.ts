/** RPCs of gRPC and gRPC-Web as calls. */
export type { RpcDeps, RpcOptions } from './deps.ts';
export { contentTypeOf, looksLikeRpc, rpcContentType, type RpcHead, rpcHead } from './head.ts';
export { GrpcServerCall } from './server-call.ts';
