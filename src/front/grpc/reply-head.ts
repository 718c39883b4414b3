/** The header lists of replies, the same object for the same metadata, so that the HTTP/2 stack can reuse its encoding. */
import { getMetadata, type Metadata } from '../../call/index.ts';

/** Fields of a backend's reply that belong to its own hop. */
const hopFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'trailer',
  'content-length',
]);

const heads = new WeakMap<Metadata, Metadata>();
const trailersOnlyHeads = new WeakMap<Metadata, Metadata>();

function build(metadata: Metadata): Metadata {
  const type = getMetadata(metadata, 'content-type');
  const fields = [
    ':status',
    '200',
    'content-type',
    type?.startsWith('application/grpc') === true ? type : 'application/grpc',
  ];
  for (let i = 0; i < metadata.length; i += 2) {
    const name = metadata[i] as string;
    if (name === 'content-type' || name.charCodeAt(0) === 58 /* : */ || hopFields.has(name)) continue;
    fields.push(name, metadata[i + 1] as string);
  }
  return fields;
}

function remembered(cache: WeakMap<Metadata, Metadata>, metadata: Metadata): Metadata {
  let fields = cache.get(metadata);
  if (fields === undefined) cache.set(metadata, (fields = build(metadata)));
  return fields;
}

/** The response head for initial metadata. */
export function headersOf(metadata: Metadata): Metadata {
  return remembered(heads, metadata);
}

/** The single head of an answer without messages: trailers in the place of headers. */
export function trailersOnly(trailers: Metadata): Metadata {
  return remembered(trailersOnlyHeads, trailers);
}
