/**
 * What the header fields of one RPC say: read once per distinct header block, since clients send the same one again
 * and again.
 */
import { hopByHopFields } from '../../base/http-fields.ts';
import { markReused, isReused } from '../../base/identity-memo.ts';
import { joinedWith, type Metadata, type Method } from '../../call/index.ts';
import { methodOf } from '../../models/index.ts';

/** How the client speaks: native gRPC, or gRPC-Web in binary or base64. */
export type RpcProtocol = 'grpc' | 'grpc-web' | 'grpc-web-text';

export interface RpcHead {
  readonly method: Method;
  readonly protocol: RpcProtocol;
  /** How the reply must be written; a text request may ask for a binary reply by Accept. */
  readonly replyProtocol: RpcProtocol;
  /** "+proto", "+json", or "" when the client named none. */
  readonly subtype: string;
  /** The content type of a native gRPC answer that names none. */
  readonly contentType: string;
  /** The answer ends its head with x-served-by: a page has no other way to learn who answered. */
  readonly tellsServer: boolean;
  readonly isPosted: boolean;
  /** grpc-timeout as it came; a stream may have it apart from the list. */
  readonly timeout: string | undefined;
  /** The client's metadata for the backend: no pseudo-headers, nothing that belongs to one hop. */
  readonly metadata: Metadata;
  /** grpc-encoding of the request's messages, lower case; "identity" when absent. */
  readonly encoding: string;
  readonly origin: string | undefined;
  readonly requestId: string | undefined;
}

/** Fields that end at this hop, that are answered here, or that the connection to the backend writes itself. */
const hopFields = new Set([
  ...hopByHopFields,
  'host',
  'expect',
  'content-length',
  'content-type',
  'grpc-timeout',
  'x-grpc-web',
  'http2-settings',
]);
/** What a browser adds for HTTP's sake, not as metadata. */
const browserFields = new Set(['accept', 'accept-encoding', 'accept-language', 'origin', 'referer']);

const contentTypePattern = /^application\/(grpc(?:-web(?:-text)?)?)(\+[a-z0-9.-]+)?[ \t]*(?:;|$)/i;

/** The protocol and subtype of a media type, or undefined when it is no gRPC one. Case and parameters do not matter. */
export function rpcContentType(
  value: string | undefined,
): { protocol: RpcProtocol; subtype: string } | undefined {
  const match = value === undefined ? null : contentTypePattern.exec(value);
  if (match === null) return undefined;
  return {
    protocol: (match[1] as string).toLowerCase() as RpcProtocol,
    subtype: (match[2] ?? '').toLowerCase(),
  };
}

/** The content type to answer with or to ask the backend with. */
export function contentTypeOf(protocol: RpcProtocol, subtype: string): string {
  // protobuf-ts and others compare gRPC-Web's type by exact string, and "+proto" is the one that all of them know
  return `application/${protocol}${protocol === 'grpc' ? subtype : subtype || '+proto'}`;
}

function acceptedProtocol(accept: string | undefined, asked: RpcProtocol): RpcProtocol {
  if (asked === 'grpc' || accept === undefined) return asked;
  const first = accept
    .split(',')
    .map((part) => rpcContentType(part.trim()))
    .find((part) => part !== undefined);
  return first === undefined || first.protocol === 'grpc' ? asked : first.protocol;
}

/**
 * Whether the one message of a call goes on inflated, since few servers know its coding: gRPC's own libraries have
 * gzip, and most of them deflate. The door has to look into it in any case.
 */
export function isInflated({ target, streaming }: Method, coding: string): boolean {
  return coding === 'zstd' && target !== undefined && !streaming;
}

/**
 * Reads the fields of an RPC; one that comes twice is a list, which few of them may be. Undefined when the content
 * type is no gRPC one.
 * @param fields header fields without pseudo-headers' checks: `:path` must be among them
 */
function read(fields: Metadata): RpcHead | undefined {
  let path = '';
  let isPosted = false;
  let type: string | undefined;
  let timeout: string | undefined;
  let accept: string | undefined;
  let encoding: string | undefined;
  let origin: string | undefined;
  let requestId: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1] as string;
    switch (fields[i] as string) {
      case ':path':
        path = value;
        break;
      case ':method':
        isPosted = value === 'POST';
        break;
      case 'content-type':
        type = joinedWith(type, value);
        break;
      case 'grpc-timeout':
        timeout = joinedWith(timeout, value);
        break;
      case 'accept':
        accept = joinedWith(accept, value);
        break;
      case 'grpc-encoding':
        encoding = joinedWith(encoding, value);
        break;
      case 'origin':
        origin = joinedWith(origin, value);
        break;
      case 'x-request-id':
        requestId = joinedWith(requestId, value);
        break;
    }
  }
  const content = rpcContentType(type);
  if (content === undefined) return undefined;
  const web = content.protocol !== 'grpc';
  const method = methodOf(path);
  const coding = encoding?.toLowerCase() ?? 'identity';
  const contentType = contentTypeOf('grpc', content.subtype);
  const metadata: string[] = ['content-type', contentType];
  let acceptsEncoding = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.charCodeAt(0) === 58 /* : */ || hopFields.has(name) || (web && browserFields.has(name)))
      continue;
    if (name === 'grpc-accept-encoding') acceptsEncoding = true;
    if (name !== 'grpc-encoding') metadata.push(name, fields[i + 1] as string);
    // codings are the same in any case (RFC 9110 §8.4.1), which few servers know
    else if (!isInflated(method, coding)) metadata.push(name, (fields[i + 1] as string).toLowerCase());
  }
  // The JavaScript parsers cannot read compressed frames, so an upstream must not choose to compress.
  if (web && !acceptsEncoding) metadata.push('grpc-accept-encoding', 'identity');
  return {
    method,
    protocol: content.protocol,
    replyProtocol: acceptedProtocol(accept, content.protocol),
    subtype: content.subtype,
    contentType,
    tellsServer: web,
    isPosted,
    timeout,
    metadata,
    encoding: coding,
    origin,
    requestId,
  };
}

const cache = new WeakMap<Metadata, RpcHead>();

/** As read(), remembered by the identity of the list: the HTTP/2 stack gives equal blocks as the same object. */
export function rpcHead(fields: Metadata): RpcHead | undefined {
  const known = cache.get(fields);
  if (known !== undefined) return known;
  const head = read(fields);
  if (head === undefined || !isReused(fields)) return head;
  cache.set(fields, head);
  markReused(head.metadata);
  return head;
}

/** "/package.Service/Method": a path that can only be meant as an RPC. */
export function looksLikeRpc(path: string): boolean {
  return /^\/[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)+\/[A-Za-z_]\w*$/.test(path);
}
