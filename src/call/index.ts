/** The room's front door: what every other room may use of it. */
export { addressOf, ipOf, networkOf, v4Bytes, v6Bytes } from './addresses.ts';
export { ByModel, isSameModel, type ModelRef } from './by-model.ts';
export { Cancellation, type CancelListener } from './cancel.ts';
export {
  type Api,
  attemptOf,
  type Call,
  type FailedAttempt,
  type Filter,
  type Handler,
  type Interface,
  type Method,
  newTarget,
  type Reply,
  type Sequence,
  type StreamCall,
  type Target,
  type UnaryCall,
} from './call.ts';
export { after, afterInput } from './alarms.ts';
export { canBeMetadata, type TakesHeader, takesOfAnswers, takesOfRequests } from './headers.ts';
export type { CallMemory } from './call-memory.ts';
export type { After, Clock } from './clock.ts';
export { formatTimeout, never, parseTimeout } from './deadline.ts';
export { FirstAnswers } from './first-answers.ts';
export { Flow, type FlowReader } from './flow.ts';
export { Holding, type HoldingOwner } from './holding.ts';
export type { Lender } from './lenders.ts';
export type {
  AskedOverHttp,
  DoorEnd,
  HttpEnd,
  HttpFields,
  HttpHolder,
  HttpLease,
  HttpReply,
  HttpRequest,
  HttpUpstream,
  ListedModel,
  Refusal,
  Refused,
} from './http.ts';
export {
  type CopyHolder,
  Held,
  heldNames,
  type Holder,
  largeBytes,
  MemoryAccount,
  type MemoryDeps,
} from './memory.ts';
export {
  cutGrpcMessage,
  decodeGrpcMessage,
  encodeGrpcMessage,
  errorOf,
  flowOf,
  messageIn,
  messagePieces,
  type MessagePieces,
  messagePrefix,
  prefixBytes,
  replyOf,
  statusOf,
  trailersOf,
  wholeMessage,
  wholeMessageNow,
  type WholeMessage,
} from './message.ts';
export { Messages } from './messages.ts';
export { isAt, joinInto, uint32At } from '../bytes.ts';
export { recur, recurs, remembered } from '../recurring.ts';
export { type Log, silentLog } from './log.ts';
export {
  allMetadata,
  getMetadata,
  joinedWith,
  type Metadata,
  noMetadata,
  withoutMetadata,
} from './metadata.ts';
export { type BackendMeter, type CallEnd, type Observer, silentObserver } from './observer.ts';
export { hideSecrets, hideSecretsOf, isSecretName, learnSecret, learnSecretsOf } from './secrets.ts';
export { Code, codeName, type StatusDetails, StatusError } from './status.ts';
export { monotonic } from './turn-clock.ts';
