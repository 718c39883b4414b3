/** The room's front door: what every other room may use of it. */
export { Cancellation } from './cancel.ts';
export type {
  Api,
  Call,
  Filter,
  Handler,
  Interface,
  Method,
  Reply,
  Sequence,
  StreamCall,
  Target,
  UnaryCall,
} from './call.ts';
export {
  after,
  type After,
  afterInput,
  type Clock,
  formatTimeout,
  monotonic,
  never,
  parseTimeout,
} from './deadline.ts';
export { Flow, type FlowReader } from './flow.ts';
export type {
  HttpEnd,
  HttpFields,
  HttpLease,
  HttpReply,
  HttpRequest,
  HttpUpstream,
  ListedModel,
} from './http.ts';
export { Held, heldNames, type Holder, largeBytes, MemoryAccount, type MemoryDeps } from './memory.ts';
export {
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
  type WholeMessage,
} from './message.ts';
export { joinInto } from '../bytes.ts';
export { type Log, silentLog } from './log.ts';
export { getMetadata, type Metadata, noMetadata, withoutMetadata } from './metadata.ts';
export { type CallEnd, type Observer, silentObserver } from './observer.ts';
export { Code, codeName, StatusError } from './status.ts';
