/** Writes an answer: a small one whole, a large one piece by piece at the client's pace. */
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import { detach, guarded } from '../../base/faults.ts';
import type { HeaderList, JsonRequest } from './json-request.ts';

const compress = promisify(gzip);
/** Inference answers are numbers: more effort gains little. */
const gzipOptions = { level: constants.Z_BEST_SPEED };
const gzipFields: HeaderList = ['content-encoding', 'gzip', 'vary', 'accept-encoding'];

/** Pieces that are made in one turn of the event loop: under a millisecond's worth. */
const maxTurnBytes = 2 ** 18;

/** A body in pieces, each made when it is asked for; the last one is returned. */
export interface ChunkedBody {
  readonly pieces: Iterator<Uint8Array, Uint8Array, undefined>;
  /** A piece is good until the next one is asked for or control is given up, and 64 KiB at the most. */
  readonly lent: boolean;
}

/** Pieces that are there. */
export function* inTurn(pieces: readonly Uint8Array[]): Generator<Uint8Array, Uint8Array, undefined> {
  for (const piece of pieces.slice(0, -1)) yield piece;
  return pieces.at(-1) ?? new Uint8Array(0);
}

const accepted = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:$|[\s,;]))/i;

function acceptsGzip({ head: { acceptEncoding } }: JsonRequest): boolean {
  return acceptEncoding !== undefined && accepted.test(acceptEncoding);
}

/**
 * @param body its first piece has been made without a fault, or this throws before anything is written
 * @param gzipMinBytes compressed from this size on, for clients that accept it
 */
export async function writeChunks(
  request: JsonRequest,
  status: number,
  headers: HeaderList,
  body: ChunkedBody,
  gzipMinBytes: number,
): Promise<void> {
  const { value: first, done: whole } = body.pieces.next();
  const zipped = acceptsGzip(request);
  if (whole !== true) {
    request.respond(status, zipped ? [...headers, ...gzipFields] : headers);
    await writeAll(zipped ? new GzipWriter(request) : request, first, body);
  } else if (zipped && first.length >= gzipMinBytes)
    request.send(status, [...headers, ...gzipFields], await compress(new Uint8Array(first), gzipOptions));
  else request.send(status, headers, first, body.lent);
}

type Writer = Pick<JsonRequest, 'over' | 'write' | 'drained' | 'end'>;

async function writeAll(to: Writer, first: Uint8Array, { pieces, lent }: ChunkedBody): Promise<void> {
  let turnBytes = 0;
  let piece: IteratorResult<Uint8Array, Uint8Array> = { value: first, done: false };
  for (;;) {
    const goOn = to.write(piece.value, lent);
    if (piece.done === true) break;
    turnBytes += piece.value.length;
    if (!goOn) await to.drained();
    if (turnBytes >= maxTurnBytes) {
      turnBytes = 0;
      await new Promise(setImmediate);
    }
    if (to.over) return;
    piece = pieces.next();
  }
  to.end();
}

/** Compresses what is written to a request. */
class GzipWriter implements Writer {
  readonly #request: JsonRequest;
  readonly #gzip = createGzip(gzipOptions);
  #drained: (() => void) | undefined;

  constructor(request: JsonRequest) {
    this.#request = request;
    const zip = this.#gzip;
    const abort = (): void => {
      request.abort();
      this.#go();
    };
    const alone = <A extends unknown[]>(listener: (...args: A) => void): ((...args: A) => void) =>
      guarded('stream', listener, abort);
    zip.on('error', abort);
    zip.on(
      'data',
      alone((chunk: Buffer) => {
        if (request.write(chunk)) return;
        zip.pause();
        detach(
          'stream',
          request.drained().then(() => zip.resume()),
          abort,
        );
      }),
    );
    zip.on(
      'end',
      alone(() => {
        request.end();
      }),
    );
    zip.on(
      'drain',
      alone(() => {
        this.#go();
      }),
    );
    // a client that goes away ends the compression too
    request.cancellation.onCancel(() => {
      zip.destroy();
      this.#go();
    });
  }

  get over(): boolean {
    return this.#request.over;
  }

  write(chunk: Uint8Array, lent: boolean): boolean {
    return this.#gzip.write(lent ? new Uint8Array(chunk) : chunk);
  }

  drained(): Promise<void> {
    return this.over ? Promise.resolve() : new Promise((resolve) => (this.#drained = resolve));
  }

  end(): void {
    this.#gzip.end();
  }

  #go(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }
}
