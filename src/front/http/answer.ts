/** Writes an answer: a small one whole, a large one piece by piece at the client's pace. */
import { Buffer } from 'node:buffer';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import type { HeaderList, HttpExchange } from './exchange.ts';

const compress = promisify(gzip);
/** Inference answers are numbers: more effort gains little. */
const gzipOptions = { level: constants.Z_BEST_SPEED };
const gzipFields: HeaderList = ['content-encoding', 'gzip', 'vary', 'accept-encoding'];

/** Pieces that are made in one turn of the event loop: under a millisecond's worth. */
const maxTurnBytes = 2 ** 18;

/** The pieces of a body; each is made when it is asked for. */
export type Pieces = Iterator<Buffer, undefined>;

const accepted = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:$|[\s,;]))/;

function acceptsGzip({ head: { acceptEncoding } }: HttpExchange): boolean {
  return acceptEncoding !== undefined && accepted.test(acceptEncoding);
}

/**
 * @param pieces the first has been made without a fault, or this throws before anything is written
 * @param gzipMinBytes compressed from this size on, for clients that accept it
 */
export async function writePieces(
  exchange: HttpExchange,
  status: number,
  headers: HeaderList,
  pieces: Pieces,
  gzipMinBytes: number,
): Promise<void> {
  const first = pieces.next().value ?? Buffer.alloc(0);
  const second = pieces.next().value;
  const zipped = acceptsGzip(exchange);
  if (second !== undefined) {
    exchange.respond(status, zipped ? [...headers, ...gzipFields] : headers);
    const writer = zipped ? new GzipWriter(exchange) : exchange;
    await writeAll(writer, first, second, pieces);
  } else if (zipped && first.length >= gzipMinBytes)
    exchange.send(status, [...headers, ...gzipFields], await compress(first, gzipOptions));
  else exchange.send(status, headers, first);
}

type Writer = Pick<HttpExchange, 'over' | 'write' | 'drained' | 'end'>;

async function writeAll(to: Writer, first: Buffer, second: Buffer, pieces: Pieces): Promise<void> {
  let turnBytes = first.length;
  to.write(first);
  for (let piece: Buffer | undefined = second; piece !== undefined; piece = pieces.next().value) {
    if (to.over) return;
    if (!to.write(piece)) await to.drained();
    turnBytes += piece.length;
    if (turnBytes >= maxTurnBytes) {
      turnBytes = 0;
      await new Promise(setImmediate);
    }
  }
  to.end();
}

/** Compresses what is written to an exchange. */
class GzipWriter implements Writer {
  readonly #exchange: HttpExchange;
  readonly #gzip = createGzip(gzipOptions);
  #drained: (() => void) | undefined;

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
    const zip = this.#gzip;
    zip.on('data', (chunk: Buffer) => {
      if (exchange.write(chunk)) return;
      zip.pause();
      void exchange.drained().then(() => zip.resume());
    });
    zip.on('end', () => {
      exchange.end();
    });
    zip.on('drain', () => {
      this.#go();
    });
    // a client that goes away ends the compression too
    exchange.cancellation.onCancel(() => {
      zip.destroy();
      this.#go();
    });
  }

  get over(): boolean {
    return this.#exchange.over;
  }

  write(chunk: Buffer): boolean {
    return this.#gzip.write(chunk);
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
