/**
 * The context of an HTTP request that all calls made for it share (metadata, deadline, cancellation, memory), and the
 * unary call itself.
 */
import {
  type AskedOverHttp,
  type Call,
  type Cancellation,
  flowOf,
  type Handler,
  type Metadata,
  type Method,
  type TakesHeader,
  type Target,
  unaryReply,
  type UnaryReply,
} from '../../call/index.ts';
import type { CallMemory } from '../../memory/index.ts';
import { type TimeoutOptions, unaryTimeout } from '../timeout.ts';

/** What is the same for all calls of one HTTP request. */
export interface RequestContext extends CallMemory {
  readonly metadata: Metadata;
  readonly cancellation: Cancellation;
  /** Of the whole answer, in ms of the clock. */
  readonly deadline: number;
  /** When the request came, in ms of the clock, and its grpc-timeout. */
  readonly beganMs: number;
  readonly timeout: string | undefined;
  readonly id: string;
  readonly peer: string;
  readonly http: AskedOverHttp;
}

/** The same with the deadline that calls of a model have. @param model by the name that clients use */
export function requestContextOf(
  context: RequestContext,
  model: string,
  { byModel }: TimeoutOptions,
): RequestContext {
  const own = byModel?.get(model);
  return own === undefined
    ? context
    : { ...context, deadline: context.beganMs + unaryTimeout(context.timeout, own) };
}

export interface UnaryDeps {
  readonly handler: Handler;
  readonly options: {
    /** Largest reply message of a backend, in bytes. */
    readonly maxReplyBytes: number;
  };
}

/** Sends one message and gives the one that comes back. @throws StatusError, the backend's own included */
export function callUnary(
  deps: UnaryDeps,
  method: Method,
  target: Target | undefined,
  message: readonly Uint8Array[],
  context: RequestContext,
): Promise<UnaryReply> {
  return answerTo(deps, callOf('unary', method, target, message, context), context);
}

/** A call of one message. */
export function callOf(
  kind: Call['kind'],
  method: Method,
  target: Target | undefined,
  message: readonly Uint8Array[],
  context: RequestContext,
): Call {
  return {
    kind,
    method,
    via: 'REST',
    metadata: context.metadata,
    target,
    request: flowOf(message),
    deadline: context.deadline,
    cancellation: context.cancellation,
    avoid: undefined,
    avoidStrictly: undefined,
    failedAt: undefined,
    onPicked: undefined,
    scalarText: undefined,
    zeroVersion: undefined,
    sequence: undefined,
    memory: context,
    http: context.http,
    id: context.id,
    peer: context.peer,
  };
}

/** The one message that a call is answered with. @throws StatusError as unaryReply() does */
export function answerTo(deps: UnaryDeps, call: Call, context: RequestContext): Promise<UnaryReply> {
  return unaryReply(deps.handler, call, deps.options.maxReplyBytes, (bytes) => {
    context.hold(bytes);
  });
}

/** Adds the fields of a backend's answer that clients of REST get. */
export function addAnswerFields(fields: string[], metadata: Metadata, takes: TakesHeader): void {
  for (let i = 0; i < metadata.length; i += 2) {
    const name = metadata[i] as string;
    if (takes(name)) fields.push(name, metadata[i + 1] as string);
  }
}
