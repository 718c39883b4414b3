/** A small client for model servers behind a Tensorgate gateway: typed arrays in, typed arrays out, over gRPC-Web. */
export {
  type Answer,
  connect,
  type Gateway,
  type Inputs,
  type Model,
  type PredictOptions,
} from './client.ts';
export { type CodeName, codeNames, type Detail, RpcError } from './errors.ts';
export { type CallOptions, Transport, type TransportOptions } from './grpc-web.ts';
export type {
  ModelMetadata,
  ModelSpec,
  Outputs,
  Signature,
  TensorInfo,
  VersionStateName,
  VersionStatus,
} from './messages.ts';
export { Writer } from './protobuf.ts';
export { type DType, type Tensor, tensor, type TensorLike, texts } from './tensor.ts';
