/** A request's body, inflated when it is gzip, and never more of it than the limit. */
import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import { Code, StatusError } from '../../call/index.ts';
import { BodyCollector } from '../../codec/index.ts';

/** Told apart from a backend's RESOURCE_EXHAUSTED: HTTP has a status for a body that is too large. */
export class BodyError extends StatusError {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string, cause?: unknown) {
    super(Code.INVALID_ARGUMENT, message, { cause });
    this.httpStatus = httpStatus;
  }
}

function tooLarge(maxBytes: number): BodyError {
  return new BodyError(413, `request body is larger than the limit of ${maxBytes} bytes`);
}

/** @throws BodyError 413 beyond the limit (of inflated bytes), 415 for a coding that is not read, 400 for broken gzip */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const coding = request.headers['content-encoding'] ?? 'identity';
  const gzip = coding.includes('gzip');
  if (!gzip && coding !== 'identity' && coding !== '') {
    request.resume();
    return Promise.reject(
      new BodyError(415, `content-encoding "${coding.slice(0, 40)}" is not read here: send identity or gzip`),
    );
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes && !gzip)
    return Promise.reject(tooLarge(maxBytes));
  const body = new BodyCollector(maxBytes);
  const source = gzip ? request.pipe(createGunzip()) : request;
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      request.unpipe();
      source.removeAllListeners('data');
      request.pause();
      reject(error);
    };
    source.on('data', (chunk: Buffer) => {
      try {
        body.push(chunk);
      } catch {
        fail(tooLarge(maxBytes));
      }
    });
    source.on('end', () => {
      resolve(body.take());
    });
    source.on('error', (cause) => {
      fail(
        gzip
          ? new BodyError(400, 'request body is no valid gzip', cause)
          : new StatusError(Code.CANCELLED, 'the client closed the connection', { cause }),
      );
    });
    request.on('close', () => {
      if (!request.complete) fail(new StatusError(Code.CANCELLED, 'the client closed the connection'));
    });
  });
}
