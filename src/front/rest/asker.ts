/** Who asks: what of an HTTP request goes along with the calls that are made for it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Cancellation, type Clock, type Metadata } from '../../call/index.ts';
import type { Asker } from './infer.ts';

/** What a client may send along to the model servers: who it is, its tenant, its trace. */
const forwarded = /^(authorization|traceparent|tracestate|baggage|cache-control|x-.*)$/;
const notForwarded: ReadonlySet<string> = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
]);
const plainMetadata: Metadata = ['content-type', 'application/grpc'];

/** Header names as clients write them, and what they are forwarded as; '' for those that are not. */
const names = new Map<string, string>();
/** Clients choose names, so no more than this many are remembered. */
const maxNames = 1000;

function forwardedName(raw: string): string {
  let name = names.get(raw);
  if (name !== undefined) return name;
  const lower = raw.toLowerCase();
  name = forwarded.test(lower) && !notForwarded.has(lower) ? lower : '';
  if (names.size < maxNames && raw.length <= 64) names.set(raw, name);
  return name;
}

function metadataOf(request: IncomingMessage): Metadata {
  const raw = request.rawHeaders;
  let metadata: string[] | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = forwardedName(raw[i] as string);
    if (name === '') continue;
    metadata ??= [...plainMetadata];
    metadata.push(name, raw[i + 1] as string);
  }
  return metadata ?? plainMetadata;
}

/** @param timeoutMs how long the whole answer may take */
export function askerOf(
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
  clock: Clock,
  timeoutMs: number,
): Asker {
  const cancellation = new Cancellation();
  response.once('close', () => {
    if (!response.writableFinished) cancellation.cancel();
  });
  const { socket } = request;
  return {
    metadata: metadataOf(request),
    cancellation,
    deadline: clock() + timeoutMs,
    id,
    peer: `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`,
  };
}
