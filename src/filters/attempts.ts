/**
 * What retries and hedges share: which calls may be sent twice, how an attempt failed, and how attempts are counted.
 */
import { Code, type StatusError } from '../base/status.ts';
import { type Call, errorOf, getMetadata, type Metadata, type Reply, statusOf } from '../call/index.ts';

/** Why an attempt failed, if another one may be made. */
export interface Failure {
  readonly error: StatusError;
  readonly backend: string;
  /** The backend's wish, in ms (gRFC A6); negative: do not try again. */
  readonly pushbackMs: number | undefined;
}

const attemptsField = 'grpc-previous-rpc-attempts';

/** A call that was sent before says so (gRFC A6). @param previous attempts made so far */
export function withAttempts(metadata: Metadata, previous: number): Metadata {
  if (previous === 0) return metadata;
  const kept: string[] = [];
  for (let i = 0; i < metadata.length; i += 2) {
    if (metadata[i] !== attemptsField) kept.push(metadata[i] as string, metadata[i + 1] as string);
  }
  kept.push(attemptsField, String(previous));
  return kept;
}

/**
 * Servers that are full and say so with RESOURCE_EXHAUSTED, which else speaks of the request (too large) or of the
 * client (its quota): their words, in lower case. Batch queues of TensorFlow Serving and Triton say UNAVAILABLE.
 */
const busyTexts: readonly string[] = ['queue', 'too many', 'concurren', 'overload', 'busy', 'try again'];

/** The server is overloaded, shutting down, or (OpenVINO Model Server) still loading: another one may take the call. */
function isTransientRefusal(reply: Reply): boolean {
  const { trailers } = reply.body;
  const code = statusOf(trailers);
  if (code === Code.UNAVAILABLE) return true;
  if (code !== Code.RESOURCE_EXHAUSTED) return false;
  if (getMetadata(trailers, 'grpc-retry-pushback-ms') !== undefined) return true;
  const text = (getMetadata(trailers, 'grpc-message') ?? '').toLowerCase();
  return busyTexts.some((word) => text.includes(word));
}

/** The failure that an answer is, when it says so before any message. */
export function failureOf(reply: Reply): Failure | undefined {
  const { body, from } = reply;
  if (!body.ended || body.bytes > 0 || !isTransientRefusal(reply)) return undefined;
  const pushback = getMetadata(body.trailers, 'grpc-retry-pushback-ms');
  const pushbackMs =
    pushback === undefined ? undefined : /^[0-9]{1,6}$/.test(pushback) ? Number(pushback) : -1;
  return { error: errorOf(body.trailers, from), backend: from, pushbackMs };
}

/** Doing it twice does no harm. */
export function isRetrySafe(call: Call): boolean {
  return call.method.idempotent && call.sequence === undefined;
}
