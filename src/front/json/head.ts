/** What an HTTP request's fields say to the doors that answer JSON, read in one pass. */
import { markReused } from '../../base/identity-memo.ts';
import { joinedWith, type Metadata, type TakesHeader } from '../../call/index.ts';
import type { Headers } from '../../wire/index.ts';

export interface HttpHead {
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly url: string;
  readonly requestId: string | undefined;
  readonly origin: string | undefined;
  /** grpc-timeout as it came. */
  readonly timeout: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly acceptEncoding: string | undefined;
  /** The client takes server-sent events, and does not say that it takes JSON as well. */
  readonly wantsEvents: boolean;
  /** Of the body, in bytes; undefined when the client does not say. */
  readonly contentLength: number | undefined;
  /** What goes along with the calls that are made for the request. */
  readonly metadata: Metadata;
}

const plainMetadata: Metadata = markReused(['content-type', 'application/grpc']);

type Role =
  | 'method'
  | 'url'
  | 'requestId'
  | 'origin'
  | 'timeout'
  | 'contentEncoding'
  | 'accept'
  | 'acceptEncoding'
  | 'contentLength';

const known: readonly (readonly [name: string, role: Role])[] = [
  [':method', 'method'],
  [':path', 'url'],
  ['x-request-id', 'requestId'],
  ['origin', 'origin'],
  ['grpc-timeout', 'timeout'],
  ['content-encoding', 'contentEncoding'],
  ['accept', 'accept'],
  ['accept-encoding', 'acceptEncoding'],
  ['content-length', 'contentLength'],
];
const roles = new Map<string, Role>(known);

/** Rejected, as a parameter of a media type has it (RFC 9110 §12.4.2). */
const never = /^q=0(?:\.0*)?$/;

/**
 * Whoever takes both is answered as all others are. In parts: an expression over a field of 64 KiB takes time that
 * its client chooses.
 */
function wantsEvents(accept: string): boolean {
  if (!/event-stream/i.test(accept)) return false;
  let takes = false;
  for (const range of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    if (type === 'application/json') return false;
    if (type === 'text/event-stream') takes ||= !parameters.some((each) => never.test(each));
  }
  return takes;
}

/**
 * @param fields names in lower case, `:method` and `:path` among them
 * @param takes what goes along as metadata
 */
export function httpHead(fields: Headers, takes: TakesHeader): HttpHead {
  let method = '';
  let url = '';
  let requestId: string | undefined;
  let origin: string | undefined;
  let timeout: string | undefined;
  let contentEncoding: string | undefined;
  let accept: string | undefined;
  let acceptEncoding: string | undefined;
  let contentLength: number | undefined;
  let metadata: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    switch (roles.get(name)) {
      case 'method':
        method = value;
        break;
      case 'url':
        url = value;
        break;
      case 'requestId':
        requestId = joinedWith(requestId, value);
        (metadata ??= [...plainMetadata]).push(name, value);
        break;
      case 'origin':
        origin = joinedWith(origin, value);
        break;
      case 'timeout':
        timeout = joinedWith(timeout, value);
        break;
      case 'contentEncoding':
        contentEncoding = joinedWith(contentEncoding, value);
        break;
      case 'accept':
        accept = joinedWith(accept, value);
        if (takes(name)) (metadata ??= [...plainMetadata]).push(name, value);
        break;
      case 'acceptEncoding':
        acceptEncoding = joinedWith(acceptEncoding, value);
        break;
      case 'contentLength':
        contentLength = Number(value);
        break;
      default:
        if (takes(name)) (metadata ??= [...plainMetadata]).push(name, value);
        break;
    }
  }
  return {
    method,
    url,
    requestId,
    origin,
    timeout,
    contentEncoding,
    acceptEncoding,
    wantsEvents: accept !== undefined && wantsEvents(accept),
    contentLength,
    metadata: metadata ?? plainMetadata,
  };
}
