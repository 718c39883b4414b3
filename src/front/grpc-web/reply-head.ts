/** The head of a gRPC-Web answer: the gRPC one's fields with the client's content type, and CORS. */
import { markReused, isReused } from '../../base/identity-memo.ts';
import { getMetadata, type Metadata } from '../../call/index.ts';
import { contentTypeOf, rpcContentType, type RpcHead } from '../grpc/index.ts';

export type CorsHeaders = (origin: string | undefined) => readonly (readonly [string, string])[];

interface Known {
  readonly head: RpcHead;
  readonly cors: CorsHeaders;
  readonly out: Metadata;
}

const known = new WeakMap<Metadata, Known>();

/**
 * Remembered by the lists' identity, as one client asks again and again and one backend answers alike.
 * @param fields ":status" first
 */
export function webHead(fields: Metadata, head: RpcHead, cors: CorsHeaders): Metadata {
  const memo = known.get(fields);
  if (memo !== undefined && memo.head === head && memo.cors === cors) return memo.out;
  const out = build(fields, head, cors);
  if (!isReused(fields)) return out;
  known.set(fields, { head, cors, out });
  return markReused(out);
}

function build(fields: Metadata, head: RpcHead, cors: CorsHeaders): Metadata {
  // what the backend named is told, so that a wrong codec is seen by the client and not by its parser
  const named = rpcContentType(getMetadata(fields, 'content-type'))?.subtype;
  const subtype = named === undefined || named === '' ? head.subtype : named;
  const out = [':status', '200', 'content-type', contentTypeOf(head.replyProtocol, subtype)];
  const custom: string[] = [];
  for (let i = 2; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name === 'content-type') continue;
    out.push(name, fields[i + 1] as string);
    custom.push(name);
  }
  for (const [name, value] of cors(head.origin)) {
    const exposes = name === 'access-control-expose-headers';
    out.push(name, exposes ? [...new Set([...value.split(', '), ...custom])].join(', ') : value);
  }
  return out;
}
