/** One unary question to a backend, on behalf of a call that came in another API. */
import { memoizeByIdentity } from '../base/identity-memo.ts';
import { Code, StatusError } from '../base/status.ts';
import {
  allMetadata,
  type Call,
  errorOf,
  Flow,
  flowOf,
  type Handler,
  messageChunks,
  type Metadata,
  type Method,
  noMetadata,
  type Reply,
  statusOf,
  trailersOf,
  withoutMetadata,
} from '../call/index.ts';
import {
  type Chunks,
  controlLimits,
  type InflateLimits,
  inflateMessage,
  joined,
  notTaken,
  OutOfBounds,
} from '../codec/index.ts';
import type { BridgeMemory } from './bridge-memory.ts';

/** Asks a backend; gives the message of its answer. @throws BackendRefusal, StatusError */
export type Ask = (method: Method, message: Uint8Array | Chunks) => Promise<Chunks>;

/** A backend's own error status; the reply as it came, for those who pass it on. */
export class BackendRefusal extends StatusError {
  readonly reply: Reply;

  constructor(reply: Reply) {
    const { code, message } = errorOf(reply.body.trailers, reply.from);
    super(code, message, { where: reply.from, fromBackend: true });
    this.reply = reply;
  }
}

/**
 * The reply that a server's own words are.
 * @throws all others, and answers that are not taken: whoever looks at its models has to know that
 */
export function refusedReply(reason: unknown, from: string): Reply {
  if (reason instanceof BackendRefusal) return reason.reply;
  if (reason instanceof OutOfBounds) throw reason;
  if (reason instanceof StatusError && reason.fromBackend)
    return { metadata: noMetadata, body: Flow.of([], trailersOf(reason)), from };
  throw reason;
}

const requestCoding: ReadonlySet<string> = new Set(['grpc-encoding']);
/** What said how the client's messages are coded, and how it wants to be answered, does not hold for ours. */
const codingFields: ReadonlySet<string> = new Set(['grpc-encoding', 'grpc-accept-encoding', 'content-type']);

// the same list for the same one, so that it is encoded once
const withoutRequestCoding = memoizeByIdentity((metadata) => withoutMetadata(metadata, requestCoding));
/** Of a call, for a message of ours that is not compressed, and an answer that is not. */
export const plainMetadata = memoizeByIdentity((metadata) => [
  'content-type',
  'application/grpc',
  ...withoutMetadata(metadata, codingFields),
]);

const answerCoding: ReadonlySet<string> = new Set(['grpc-accept-encoding']);
const replyCoding: ReadonlySet<string> = new Set(['grpc-encoding']);
const withoutAnswerCoding = memoizeByIdentity((metadata) => withoutMetadata(metadata, answerCoding));

/** What said how the backend's message is coded does not hold for the one that is made of it. */
export const answerMetadata = memoizeByIdentity((metadata) => {
  const kept = withoutMetadata(metadata, codingFields);
  return kept.length === 0 ? noMetadata : kept;
});

/** A message as it was before it was compressed. @param metadata that came with it @throws StatusError */
export async function uncompressed(
  { pieces, compressed }: { pieces: Chunks; compressed: boolean },
  metadata: Metadata,
  limits: InflateLimits,
  rebuilt: BridgeMemory,
): Promise<Chunks> {
  if (!compressed) return pieces;
  const message = joined(pieces);
  const copied = pieces.length === 1 ? 0 : message.length;
  rebuilt.hold(copied);
  const encoding = allMetadata(metadata, 'grpc-encoding') ?? 'identity';
  const inflated = [await inflateMessage(message, encoding, limits, rebuilt.hold)];
  rebuilt.hold(-copied);
  rebuilt.counts(inflated);
  return inflated;
}

/**
 * The one message of a call's request, as views on what arrived.
 * @throws StatusError INVALID_ARGUMENT when there is none
 */
export async function requestOf(call: Call, limits: InflateLimits, rebuilt: BridgeMemory): Promise<Chunks> {
  const message = await messageChunks(call.request, limits.maxMessageBytes);
  if (message === undefined)
    throw new StatusError(Code.INVALID_ARGUMENT, `${call.method.name} takes one request message, none came`);
  rebuilt.counts(message.pieces);
  return uncompressed(message, call.metadata, limits, rebuilt);
}

/** The same call with another request, which is not compressed; the reply may be. */
export function uncompressedCall(call: Call, request: Flow): Call {
  return { ...call, request, metadata: withoutRequestCoding(call.metadata) };
}

/** Their answers are tensors; all others are about models. */
const inferences: ReadonlySet<string> = new Set(['Predict', 'ModelInfer']);

/** Asks on behalf of a call: with its metadata, deadline, cancellation and id. */
export function unaryCaller(call: Call, backend: Handler, limits: InflateLimits, rebuilt: BridgeMemory): Ask {
  const metadata = plainMetadata(call.metadata);
  const control = { ...limits, maxMessageBytes: Math.min(limits.maxMessageBytes, controlLimits.bytes) };
  return async (method, message) => {
    const isInference = inferences.has(method.name);
    const bounds = isInference ? limits : control;
    rebuilt.made(message instanceof Uint8Array ? [message] : message);
    const reply = await backend({ ...call, kind: 'unary', method, metadata, request: flowOf(message) });
    const answer = await messageChunks(reply.body, bounds.maxMessageBytes, rebuilt.hold).catch(
      (reason: unknown) => {
        throw isInference ? reason : notTaken(reason);
      },
    );
    const trailers = answer?.trailers ?? reply.body.trailers;
    if (statusOf(trailers) !== Code.OK) throw new BackendRefusal(reply);
    if (answer === undefined)
      throw new StatusError(Code.INTERNAL, `backend ${reply.from} said OK without an answer`);
    rebuilt.counts(answer.pieces);
    rebuilt.metadata = answerMetadata(reply.metadata);
    rebuilt.trailers = trailers;
    return uncompressed(answer, reply.metadata, bounds, rebuilt);
  };
}

/**
 * Sends a call on, waits for its whole answer, and gives it with another message where it is well.
 * @param change undefined leaves the message as it is @throws StatusError
 */
export async function changedAnswer(
  call: Call,
  next: Handler,
  limits: InflateLimits,
  rebuilt: BridgeMemory,
  change: (message: Uint8Array) => Chunks | undefined,
): Promise<Reply> {
  const reply = await next({ ...call, metadata: withoutAnswerCoding(call.metadata) });
  const answer = await messageChunks(reply.body, limits.maxMessageBytes, rebuilt.hold);
  if (answer === undefined) return { ...reply, body: Flow.of([], reply.body.trailers) };
  const { trailers } = answer;
  const pieces = await uncompressed(answer, reply.metadata, limits, rebuilt);
  const body = statusOf(trailers) === Code.OK ? change(joined(pieces)) : undefined;
  const metadata = withoutMetadata(reply.metadata, replyCoding);
  return { metadata, body: flowOf(body ?? pieces, trailers), from: reply.from };
}
