/** Reads a backend's response head and trailers into metadata, and says what is wrong with those that are no gRPC. */
import { hopByHopFields } from '../../base/http-fields.ts';
import { markReused, isReused, memoizeByIdentity } from '../../base/identity-memo.ts';
import { Code, StatusError } from '../../base/status.ts';
import { cutGrpcMessage, getMetadata, type Metadata } from '../../call/index.ts';
import { connectionLost, ErrorCode, type Headers, ownFault } from '../../wire/index.ts';

/** What a response head says. */
export type Head =
  | { readonly metadata: Metadata; readonly trailers: Metadata }
  | { readonly error: { code: Code; message: string } };

/** http-grpc-status-mapping.md: for answers that carry no grpc-status. */
const byHttpStatus: Readonly<Record<number, Code>> = {
  400: Code.INTERNAL,
  401: Code.UNAUTHENTICATED,
  403: Code.PERMISSION_DENIED,
  404: Code.UNIMPLEMENTED,
  429: Code.UNAVAILABLE,
  502: Code.UNAVAILABLE,
  503: Code.UNAVAILABLE,
  504: Code.UNAVAILABLE,
};

/** Fields that end at this hop, and those that the gateway says of itself. */
const hopFields: ReadonlySet<string> = new Set([...hopByHopFields, 'content-length', 'date', 'server']);
/** A head that is not the end has no say in how the call ends. */
const headHopFields: ReadonlySet<string> = new Set([...hopFields, 'grpc-status', 'grpc-message']);

function withoutPseudo(fields: Headers, hops: ReadonlySet<string>): Metadata {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.charCodeAt(0) !== 58 /* : */ && !hops.has(name)) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/**
 * As gRPC clients read them: a missing or unreadable status is UNKNOWN, of several the last one counts ("03" is 3),
 * and a message with status 0 says nothing. One status goes on, so that nobody behind reads another one.
 */
function normalTrailers(fields: Metadata): Metadata {
  let said: string | undefined;
  let count = 0;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'grpc-status') continue;
    said = fields[i + 1];
    count++;
  }
  const status =
    said !== undefined && /^[0-9]{1,4}$/.test(said) ? String(Number(said)) : String(Code.UNKNOWN);
  const message = getMetadata(fields, 'grpc-message');
  const silent = status === '0' && message !== undefined;
  const cut = message === undefined ? undefined : cutGrpcMessage(message);
  if (count === 1 && status === said && !silent && cut === message) return fields;
  if (said === undefined)
    return [...fields, 'grpc-status', status, 'grpc-message', 'the backend ended the call without a status'];
  const kept = ['grpc-status', status];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name === 'grpc-status' || (silent && name === 'grpc-message')) continue;
    kept.push(
      name,
      name === 'grpc-message' ? cutGrpcMessage(fields[i + 1] as string) : (fields[i + 1] as string),
    );
  }
  return kept;
}

function readHead(fields: Headers, end: boolean): Head {
  const status = Number(getMetadata(fields, ':status'));
  const type = getMetadata(fields, 'content-type');
  const hasGrpcStatus = getMetadata(fields, 'grpc-status') !== undefined;
  if (status !== 200 && !(end && hasGrpcStatus)) {
    return {
      error: {
        code: byHttpStatus[status] ?? Code.UNKNOWN,
        message: `the backend answered with HTTP status ${status}`,
      },
    };
  }
  if (type !== undefined && !/^application\/grpc($|[+; ])/i.test(type)) {
    return {
      error: { code: Code.UNKNOWN, message: `the backend answered with content-type ${type.slice(0, 100)}` },
    };
  }
  const metadata = withoutPseudo(fields, end ? hopFields : headHopFields);
  return end
    ? { metadata: [], trailers: normalTrailers(metadata.filter((_, i) => !isType(metadata, i))) }
    : { metadata, trailers: [] };
}

/** Both halves of a content-type field. */
const isType = (fields: Metadata, i: number): boolean => fields[i - (i % 2)] === 'content-type';

/** A list made of one that recurs does so, too. */
function madeOf(fields: Headers, made: Head): Head {
  if (isReused(fields) && !('error' in made)) {
    markReused(made.metadata);
    markReused(made.trailers);
  }
  return made;
}

const headWithMore = memoizeByIdentity((fields) => madeOf(fields, readHead(fields, false)));
const headAlone = memoizeByIdentity((fields) => madeOf(fields, readHead(fields, true)));

/** @param end there is nothing behind it: a trailers-only answer */
export function headOf(fields: Headers, end: boolean): Head {
  return end ? headAlone(fields) : headWithMore(fields);
}

export const trailersFrom: (fields: Headers) => Metadata = memoizeByIdentity(normalTrailers);

/**
 * An answer that breaks HTTP/2's rules. Another attempt would bring the same, here or elsewhere, if the request is
 * what brings it.
 * @param fault to stand behind "answered with"
 */
export function malformedAnswer(where: string, fault: string): StatusError {
  return new StatusError(Code.INTERNAL, `backend ${where} answered with ${fault}`, { where });
}

/**
 * RST_STREAM codes as gRPC statuses (PROTOCOL-HTTP2.md).
 * @param connection told apart from others, when it was lost
 */
export function resetError(
  code: number,
  where: string,
  notProcessed: boolean,
  connection: object,
): StatusError {
  const unstarted = notProcessed ? 'not-started' : undefined;
  const details = { where, disposition: unstarted } as const;
  switch (code) {
    case ownFault:
      return new StatusError(Code.INTERNAL, 'internal error of the gateway', details);
    case connectionLost:
      return new StatusError(Code.UNAVAILABLE, `backend ${where}: the connection was lost`, {
        where,
        disposition: unstarted ?? 'connection-lost',
        lostConnection: connection,
      });
    case ErrorCode.REFUSED_STREAM:
      return new StatusError(Code.UNAVAILABLE, `backend ${where} refused the stream`, details);
    case ErrorCode.CANCEL:
      return new StatusError(Code.CANCELLED, `backend ${where} cancelled the call`, details);
    case ErrorCode.ENHANCE_YOUR_CALM:
      return new StatusError(Code.RESOURCE_EXHAUSTED, `backend ${where} asks for fewer calls`, details);
    case ErrorCode.INADEQUATE_SECURITY:
      return new StatusError(Code.PERMISSION_DENIED, `backend ${where} asks for better security`, details);
    default:
      return new StatusError(Code.INTERNAL, `backend ${where} reset the stream with HTTP/2 error ${code}`, {
        where,
        disposition: unstarted ?? 'stream-reset',
      });
  }
}
