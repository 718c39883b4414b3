/** A request's body on its way to a backend: as it arrives, no faster than the backend takes it, and never too much. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { guarded } from '../../base/faults.ts';
import type { BodyPace } from './body-pace.ts';
import { ProxyError } from './errors.ts';

export interface BodyRules {
  readonly maxBodyBytes: number;
  /** Of silence while the backend waits for more. */
  readonly idleTimeoutMs: number;
  readonly pace: BodyPace;
  onBytes(count: number): void;
  /** The body is at fault: told beside the error, which reaches the HTTP client in words of its own. */
  onFault(error: ProxyError): void;
}

/**
 * A stream for one attempt. What destroys it, a refused connection say, leaves the request as it is: destroying that
 * would close the client's connection before it could be answered.
 */
export function attemptBody(request: IncomingMessage, rules: BodyRules): Readable {
  return Readable.from(chunks(request, rules), { objectMode: false });
}

/** 413 Content Too Large (RFC 9110 §15.5.14). */
export function tooLarge(maxBodyBytes: number): ProxyError {
  return new ProxyError(413, `request body is larger than the limit of ${maxBodyBytes} bytes`);
}

/** 408 Request Timeout (RFC 9110 §15.5.9) for a body below the minimum rate. @param bytes that came in all */
export function tooSlow(bytes: number): ProxyError {
  return new ProxyError(408, `the request body is too slow: only ${bytes} bytes have come`);
}

/** 408 Request Timeout (RFC 9110 §15.5.9) for a body of which nothing came within `idleTimeoutMs`. */
export function silent(idleTimeoutMs: number): ProxyError {
  return new ProxyError(408, `no more of the request body within ${idleTimeoutMs} ms`);
}

async function* chunks(request: IncomingMessage, rules: BodyRules): AsyncGenerator<Buffer> {
  const { maxBodyBytes, idleTimeoutMs, pace } = rules;
  const source = request.iterator({ destroyOnReturn: false });
  let total = 0;
  for (;;) {
    pace.waits();
    const { leftMs } = pace;
    const timer = setTimeout(
      guarded('http', () => {
        rules.onFault(leftMs < idleTimeoutMs ? tooSlow(total) : silent(idleTimeoutMs));
      }),
      Math.min(leftMs, idleTimeoutMs),
    );
    let next: IteratorResult<Buffer>;
    try {
      next = (await source.next()) as IteratorResult<Buffer>;
    } finally {
      clearTimeout(timer);
      pace.rests();
    }
    if (next.done === true) return;
    total += next.value.length;
    if (total > maxBodyBytes) {
      const error = tooLarge(maxBodyBytes);
      rules.onFault(error);
      throw error;
    }
    pace.came(next.value.length);
    rules.onBytes(next.value.length);
    yield next.value;
  }
}
