/** Unary calls of the gateway's own, and the one message of a reply. */
import type { Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import type { Call, Handler, Method, Protocol, Target } from './call.ts';
import { Cancellation } from './cancel.ts';
import type { Flow } from './flow.ts';
import { errorOf, statusOf, type WholeMessage, wholeMessage, wholeMessageNow } from './grpc-message.ts';
import { getMetadata, type Metadata } from './metadata.ts';

export interface UnaryReply {
  readonly bytes: Uint8Array;
  readonly from: string;
  readonly metadata: Metadata;
}

/**
 * Sends a call and gives the one message that comes back.
 * @param hold told of the bytes that are held for it until it is whole
 * @throws StatusError the backend's own status when it is not OK; INTERNAL for OK without a message, and for a
 *   message that is compressed although nobody asked for that
 */
export async function unaryReply(
  handler: Handler,
  call: Call,
  maxBytes: number,
  hold: (bytes: number) => void,
): Promise<UnaryReply> {
  const reply = await handler(call);
  // a small reply is there as a whole
  const { body } = reply;
  const whole = body.ended ? wholeMessageNow(body, maxBytes, hold) : await wholeMessage(body, maxBytes, hold);
  const trailers = whole?.trailers ?? reply.body.trailers;
  if (statusOf(trailers) !== Code.OK || getMetadata(trailers, 'grpc-status') === undefined)
    throw errorOf(trailers, reply.from);
  if (whole === undefined)
    throw new StatusError(Code.INTERNAL, `backend ${reply.from} said OK without an answer`);
  if (whole.compressed)
    throw new StatusError(
      Code.INTERNAL,
      `backend ${reply.from} compressed its answer without being asked to`,
    );
  return { bytes: whole.bytes, from: reply.from, metadata: reply.metadata };
}

/** What a call has that no client is behind. */
export interface OwnCall {
  readonly method: Method;
  readonly metadata: Metadata;
  readonly target: Target | undefined;
  readonly request: Flow;
  /** Stands in logs where a client's request id does: what the call is for. */
  readonly id: string;
}

/** A unary call of the gateway's own. @param deadline monotonic ms */
export function ownCall(
  { method, metadata, target, request, id }: OwnCall,
  via: Protocol,
  deadline: number,
  cancellation = new Cancellation(),
): Call {
  return {
    kind: 'unary',
    method,
    via,
    metadata,
    target,
    request,
    deadline,
    cancellation,
    id,
    peer: 'gateway',
  };
}

export interface OwnAnswer {
  /** Undefined when no message came. */
  readonly message: WholeMessage | undefined;
  readonly trailers: Metadata;
  readonly from: string;
}

/** How long an own call may take, how large its answer may be, and what its errors say. */
export interface OwnLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** What the call is, in "no answer to WHAT within N ms"; undefined: "no answer within N ms". */
  readonly what?: string;
  /** What the error of an answer that cannot be read becomes. */
  readonly unread?: (reason: unknown) => unknown;
}

/**
 * Sends a call of the gateway's own and waits for its answer, whatever its status, within a time limit of its own:
 * nobody else holds it to its deadline.
 * @throws StatusError DEADLINE_EXCEEDED when it takes too long, and whatever the handler rejects with
 */
export async function askOwn(handler: Handler, asked: OwnCall, limits: OwnLimits): Promise<OwnAnswer> {
  const { clock, timeoutMs, maxBytes, what, unread } = limits;
  const cancellation = new Cancellation();
  const timer = setTimeout(() => {
    const to = what === undefined ? '' : ` to ${what}`;
    cancellation.cancel(new StatusError(Code.DEADLINE_EXCEEDED, `no answer${to} within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    const reply = await handler(ownCall(asked, 'gRPC', clock() + timeoutMs, cancellation));
    const message = await wholeMessage(reply.body, maxBytes).catch((reason: unknown) => {
      throw unread === undefined ? reason : unread(reason);
    });
    return { message, trailers: message?.trailers ?? reply.body.trailers, from: reply.from };
  } finally {
    clearTimeout(timer);
  }
}
