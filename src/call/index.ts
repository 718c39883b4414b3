/** The nouns and the verb: a call, its reply, their flows of bytes, deadlines and cancellation. */
export type { BufferOwner } from './buffer-owners.ts';
export { ByModel, isSameModel, type ModelRef } from './by-model.ts';
export {
  type Api,
  attemptOf,
  type Call,
  type FailedAttempt,
  type Filter,
  type Handler,
  type Method,
  newTarget,
  type Protocol,
  type Reply,
  type StreamCall,
  type Target,
  type UnaryCall,
} from './call.ts';
export { Cancellation, type CancelListener } from './cancel.ts';
export { formatTimeout, never, parseTimeout } from './deadline.ts';
export { FirstAnswers } from './first-answers.ts';
export {
  Flow,
  type FlowEndState,
  type FlowReader,
  type FlowReaderState,
  type FlowRetentionState,
} from './flow.ts';
export {
  cutGrpcMessage,
  decodeGrpcMessage,
  encodeGrpcMessage,
  errorOf,
  flowOf,
  messageChunks,
  messageIn,
  messagePrefix,
  prefixBytes,
  replyOf,
  statusOf,
  trailersOf,
  wholeMessage,
  wholeMessageNow,
} from './grpc-message.ts';
export { canBeMetadata, type TakesHeader, takesOfAnswers, takesOfRequests } from './headers.ts';
export type {
  AskedOverHttp,
  HttpAnswerEnd,
  HttpEnd,
  HttpFields,
  HttpHolder,
  HttpLease,
  HttpReply,
  HttpRequest,
  HttpUpstream,
  ListedModel,
  Refused,
} from './http-upstream.ts';
export { Messages } from './message-reader.ts';
export {
  allMetadata,
  getMetadata,
  joinedWith,
  type Metadata,
  noMetadata,
  withoutMetadata,
} from './metadata.ts';
export { type BackendMeter, type CallEnd, type Observer, silentObserver } from './observer.ts';
export type { LimitName } from './limit-name.ts';
export {
  askOwn,
  type OwnAnswer,
  type OwnCall,
  ownCall,
  type OwnLimits,
  unaryReply,
  type UnaryReply,
} from './unary.ts';
