/** A request's body, given to its decoder as it arrives; inflated when it is gzip, and never more of it than the limits. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Clock, Code, type Observer, StatusError } from '../../call/index.ts';
import { BodyTooLarge, type JsonBody } from '../../codec/index.ts';
import { Pace, type PaceOptions, paceEveryMs } from '../pace.ts';

/** Told apart from a backend's RESOURCE_EXHAUSTED: HTTP has a status for a body that is too large. */
export class BodyError extends StatusError {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string, cause?: unknown) {
    super(Code.INVALID_ARGUMENT, message, { cause });
    this.httpStatus = httpStatus;
  }
}

export interface BodyLimits {
  /** Of text, after inflation. */
  readonly maxBytes: number;
  /** Text for each byte of gzip, above what any body may be. */
  readonly maxInflateRatio: number;
  readonly pace: PaceOptions;
}

export interface BodyDeps {
  readonly clock: Clock;
  readonly observer: Observer;
}

/** Below this a body may inflate as it likes: empty images do, and it is little. */
const freeInflatedBytes = 2 ** 20;

/**
 * Text that is decoded in one turn of the event loop, all bodies together: half a millisecond's worth. Whatever a
 * socket still has waits for the next turn, so that small requests beside a large body do not.
 */
const maxTurnBytes = 2 ** 18;
/** Smaller chunks may stand in memory that others share. */
const minReleasedBytes = 16_384;
let turnBytes = 0;
let waiting: Readable[] = [];

function nextTurn(): void {
  turnBytes = 0;
  const resumed = waiting;
  waiting = [];
  for (const source of resumed) source.resume();
}

/**
 * Gives back the memory of a chunk that has been decoded, when nobody else can see it. The garbage collector would find
 * it too, but only by marking the whole heap once for every few megabytes that arrive.
 */
function release(chunk: Buffer): void {
  const buffer = chunk.buffer as ArrayBuffer & { transfer?: (length: number) => ArrayBuffer };
  if (buffer.byteLength === chunk.length && chunk.length >= minReleasedBytes) buffer.transfer?.(0);
}

/** Counts what was decoded, and lets a source wait when it was enough for this turn. */
function spend(source: Readable, bytes: number): void {
  if (turnBytes === 0) setImmediate(nextTurn);
  turnBytes += bytes;
  if (turnBytes < maxTurnBytes) return;
  source.pause();
  waiting.push(source);
}

function tooLarge(maxBytes: number): BodyError {
  return new BodyError(413, `request body is larger than the limit of ${maxBytes} bytes`);
}

/** True for gzip, false for plain text. @throws BodyError 415 */
function isGzip(request: IncomingMessage): boolean {
  const coding = request.headers['content-encoding'];
  if (coding === undefined || coding === '' || coding === 'identity') return false;
  if (coding === 'gzip' || coding === 'x-gzip') return true;
  throw new BodyError(
    415,
    `content-encoding "${coding.slice(0, 40)}" is not read here: send identity or gzip`,
  );
}

/**
 * Reads a body to its end.
 * @throws BodyError 408 when it is too slow, 413 beyond a limit, 415 for a coding that is not read, 400 for broken gzip; what the decoder throws
 */
export function readBody<T>(
  request: IncomingMessage,
  body: Pick<JsonBody<T>, 'push' | 'finish'>,
  limits: BodyLimits,
  { clock, observer }: BodyDeps,
): Promise<T> {
  const { maxBytes, maxInflateRatio } = limits;
  return new Promise((resolve, reject) => {
    const gzip = isGzip(request);
    if (!gzip && Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    const gunzip = gzip ? request.pipe(createGunzip()) : undefined;
    const source: Readable = gunzip ?? request;
    let decoded = 0;
    let over = false;
    const pace = new Pace(limits.pace, clock);
    const ticking = setInterval(() => {
      try {
        pace.check(gunzip?.bytesWritten ?? decoded);
      } catch (cause) {
        observer.limited('slow body');
        fail(new BodyError(408, (cause as Error).message, cause));
      }
    }, paceEveryMs).unref();

    function fail(reason: unknown): void {
      if (over) return;
      over = true;
      clearInterval(ticking);
      request.unpipe();
      source.removeListener('data', onData);
      request.pause();
      gunzip?.destroy();
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    }

    function onData(chunk: Buffer): void {
      try {
        decoded += chunk.length;
        if (
          gunzip !== undefined &&
          decoded > freeInflatedBytes &&
          decoded > gunzip.bytesWritten * maxInflateRatio
        )
          throw new BodyError(413, `request body inflates to more than ${maxInflateRatio} times its size`);
        body.push(chunk);
      } catch (reason) {
        fail(reason instanceof BodyTooLarge ? tooLarge(maxBytes) : reason);
        return;
      }
      spend(source, chunk.length);
      // what zlib gives may be a part of what it writes to next
      if (gunzip === undefined) release(chunk);
    }

    source.on('data', onData);
    source.on('end', () => {
      if (over) return;
      clearInterval(ticking);
      try {
        const result = body.finish();
        over = true;
        resolve(result);
      } catch (reason) {
        fail(reason);
      }
    });
    gunzip?.on('error', (cause) => {
      fail(new BodyError(400, 'request body is no valid gzip', cause));
    });
    request.on('close', () => {
      if (!request.complete) fail(new StatusError(Code.CANCELLED, 'the client closed the connection'));
    });
    request.on('error', (cause) => {
      fail(new StatusError(Code.CANCELLED, 'the client closed the connection', { cause }));
    });
  });
}
