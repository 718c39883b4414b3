/** The bodies of HTTP messages to and from a backend: a request's as it is written, and an answer's read to its end. */
import { Readable } from 'node:stream';
import { joinInto } from '../../base/bytes.ts';
import { Code, StatusError } from '../../base/status.ts';
import type { BridgeMemory, RestAnswer } from '../../bridge/index.ts';
import type { HttpReply } from '../../call/index.ts';
import { OutOfBounds, type Chunks, chunksLength } from '../../codec/index.ts';

/** Up to so many bytes are sent in one write; more of them as they are, since to join them would hold them twice. */
const joinedBytes = 65_536;

/** Request body for the HTTP client: one buffer up to 64 KiB, else a stream of the chunks, which are not copied. */
export function bodyOf(pieces: Chunks): Uint8Array | Readable {
  return chunksLength(pieces) <= joinedBytes
    ? Buffer.concat(pieces)
    : Readable.from(pieces, { objectMode: false });
}

/**
 * @throws OutOfBounds or StatusError RESOURCE_EXHAUSTED beyond a limit, UNAVAILABLE when it breaks off, INTERNAL when
 *   it is compressed
 */
export async function wholeAnswer(
  reply: HttpReply,
  maxBytes: number,
  { name: where, isControl, rebuilt }: { name: string; isControl: boolean; rebuilt: BridgeMemory },
): Promise<RestAnswer> {
  const { statusCode, headers, body } = reply;
  // one that is given up ends with an error that nobody else listens to
  body.on('error', () => undefined);
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    body.destroy();
    throw new StatusError(Code.INTERNAL, `backend ${where} compressed its answer without being asked to`, {
      where,
    });
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      rebuilt.hold(chunk.length);
      if (size > maxBytes) {
        if (isControl) throw new OutOfBounds(`more than ${maxBytes} bytes`);
        // the limit is ours: to ask another server for as much would be the same again
        throw new StatusError(
          Code.RESOURCE_EXHAUSTED,
          `the answer of backend ${where} is larger than the limit of ${maxBytes} bytes`,
        );
      }
      joinInto(chunks, chunk);
    }
  } catch (reason) {
    if (reason instanceof StatusError) throw reason;
    throw new StatusError(Code.UNAVAILABLE, `backend ${where} broke off its answer`, {
      where,
      cause: reason,
    });
  }
  const joins = chunks.length > 1;
  // both are there for a moment
  if (joins) rebuilt.hold(size);
  const all = joins ? Buffer.concat(chunks) : (chunks[0] ?? new Uint8Array(0));
  if (joins) rebuilt.hold(-size);
  rebuilt.counts([all]);
  return { status: statusCode, headers, body: all };
}
