/** Reads a backend's response head into metadata, and says what is wrong with one that is no gRPC. */
import { hopByHopFields } from '../../base/http-fields.ts';
import { markReused, isReused, memoizeByIdentity } from '../../base/identity-memo.ts';
import { Code } from '../../base/status.ts';
import { getMetadata, type Metadata } from '../../call/index.ts';
import type { Headers } from '../../wire/index.ts';
import { codeOfHttpStatus } from './http-status.ts';
import { normalTrailers } from './reply-trailers.ts';

/** What a response head says. */
export type Head =
  | { readonly metadata: Metadata; readonly trailers: Metadata }
  | { readonly error: { code: Code; message: string } };

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

function readHead(fields: Headers, end: boolean): Head {
  const status = Number(getMetadata(fields, ':status'));
  const type = getMetadata(fields, 'content-type');
  const hasGrpcStatus = getMetadata(fields, 'grpc-status') !== undefined;
  if (status !== 200 && !(end && hasGrpcStatus)) {
    return {
      error: {
        code: codeOfHttpStatus(status),
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
