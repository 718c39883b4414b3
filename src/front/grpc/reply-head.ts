/**
 * The header lists of replies, the same object for the same metadata, so that the HTTP/2 stack can reuse its
 * encoding.
 */
import { hopByHopFields } from '../../base/http-fields.ts';
import { markReused, isReused } from '../../base/identity-memo.ts';
import { getMetadata, type Metadata } from '../../call/index.ts';

/**
 * Fields of a backend's reply that belong to its own hop; a length is the message's there, and not the one of the
 * stream here.
 */
const hopFields = new Set([...hopByHopFields, 'content-length']);

interface Known {
  readonly contentType: string;
  readonly servedBy: string | undefined;
  readonly fields: Metadata;
}

const heads = new WeakMap<Metadata, Known>();
const trailersOnlyHeads = new WeakMap<Metadata, Known>();

function build(metadata: Metadata, contentType: string, servedBy: string | undefined): Metadata {
  const type = getMetadata(metadata, 'content-type');
  const fields = [
    ':status',
    '200',
    'content-type',
    type?.startsWith('application/grpc') === true ? type : contentType,
  ];
  for (let i = 0; i < metadata.length; i += 2) {
    const name = metadata[i] as string;
    if (name === 'content-type' || name.charCodeAt(0) === 58 /* : */ || hopFields.has(name)) continue;
    fields.push(name, metadata[i + 1] as string);
  }
  if (servedBy !== undefined) fields.push('x-served-by', servedBy);
  return fields;
}

/** One backend's list goes to clients of one kind nearly always, so one head is remembered with it. */
function remembered(
  cache: WeakMap<Metadata, Known>,
  metadata: Metadata,
  contentType: string,
  servedBy: string | undefined,
): Metadata {
  const known = cache.get(metadata);
  if (known !== undefined && known.contentType === contentType && known.servedBy === servedBy)
    return known.fields;
  const fields = build(metadata, contentType, servedBy);
  if (!isReused(metadata)) return fields;
  cache.set(metadata, { contentType, servedBy, fields });
  return markReused(fields);
}

/**
 * The response head for initial metadata.
 * @param contentType for metadata that names none
 * @param servedBy for x-served-by
 */
export function headersOf(metadata: Metadata, contentType: string, servedBy: string | undefined): Metadata {
  return remembered(heads, metadata, contentType, servedBy);
}

/** The single head of an answer without messages: trailers in the place of headers. */
export function trailersOnly(trailers: Metadata, contentType: string): Metadata {
  return remembered(trailersOnlyHeads, trailers, contentType, undefined);
}
