/** Writes an answer: a small one whole, a large one piece by piece at the client's pace. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';

const compress = promisify(gzip);
/** Inference answers are numbers: more effort gains little. */
const gzipOptions = { level: constants.Z_BEST_SPEED };

/** Names and values in turn. */
export type HeaderList = readonly string[];

/** Pieces that are made in one turn of the event loop: under a millisecond's worth. */
const maxTurnBytes = 2 ** 18;

const accepted = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:$|[\s,;]))/;

export function acceptsGzip(request: IncomingMessage): boolean {
  const accept = request.headers['accept-encoding'];
  return accept !== undefined && accepted.test(accept);
}

/**
 * @param pieces of the body; the first has been made without a fault, or this throws before anything is written
 * @param gzipMinBytes compressed from this size on; Infinity when the client does not take it
 */
export async function writeAnswer(
  response: ServerResponse,
  status: number,
  headers: HeaderList,
  pieces: Iterator<Buffer, undefined>,
  gzipMinBytes: number,
): Promise<void> {
  const first = pieces.next().value ?? Buffer.alloc(0);
  const second = pieces.next().value;
  if (second === undefined) {
    if (first.length < gzipMinBytes) writeWhole(response, status, headers, first);
    else writeWhole(response, status, withGzip(headers), await compress(first, gzipOptions));
    return;
  }
  const zipped = gzipMinBytes !== Number.POSITIVE_INFINITY;
  response.writeHead(status, (zipped ? withGzip(headers) : headers) as string[]);
  let to: Writable = response;
  if (zipped) {
    to = createGzip(gzipOptions);
    to.pipe(response);
    // a client that goes away ends the compression too
    response.once('close', () => to.destroy());
  }
  await writePieces(response, to, first, second, pieces);
}

function withGzip(headers: HeaderList): HeaderList {
  return [...headers, 'content-encoding', 'gzip', 'vary', 'accept-encoding'];
}

/** With its length known, an answer is one write: a text that holds bytes is joined to the header. */
export function writeWhole(
  response: ServerResponse,
  status: number,
  headers: HeaderList,
  body: Buffer,
): void {
  response.writeHead(status, [...headers, 'content-length', String(body.length)]);
  if (body.length < 16_384) response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
}

async function writePieces(
  response: ServerResponse,
  to: Writable,
  first: Buffer,
  second: Buffer,
  pieces: Iterator<Buffer, undefined>,
): Promise<void> {
  const closed = once(response, 'close');
  to.write(first);
  let turnBytes = 0;
  for (let piece: Buffer | undefined = second; piece !== undefined; piece = pieces.next().value) {
    if (response.destroyed || to.destroyed) return;
    if (!to.write(piece)) await Promise.race([once(to, 'drain'), closed]);
    turnBytes += piece.length;
    if (turnBytes >= maxTurnBytes) {
      turnBytes = 0;
      await new Promise(setImmediate);
    }
  }
  to.end();
}
