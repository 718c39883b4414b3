/** A request's body on its way to a backend: as it arrives, no faster than the backend takes it, and never too much. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ProxyError } from './errors.ts';
import { guarded } from '../../faults.ts';

export interface BodyRules {
  readonly maxBodyBytes: number;
  /** Of silence while the backend waits for more. */
  readonly idleTimeoutMs: number;
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

export function tooLarge(maxBodyBytes: number): ProxyError {
  return new ProxyError(413, `request body is larger than the limit of ${maxBodyBytes} bytes`);
}

async function* chunks(request: IncomingMessage, rules: BodyRules): AsyncGenerator<Buffer> {
  const { maxBodyBytes, idleTimeoutMs } = rules;
  const source = request.iterator({ destroyOnReturn: false });
  let total = 0;
  for (;;) {
    const timer = setTimeout(
      guarded('http', () => {
        rules.onFault(new ProxyError(408, `no more of the request body within ${idleTimeoutMs} ms`));
      }),
      idleTimeoutMs,
    );
    let next: IteratorResult<Buffer>;
    try {
      next = (await source.next()) as IteratorResult<Buffer>;
    } finally {
      clearTimeout(timer);
    }
    if (next.done === true) return;
    total += next.value.length;
    if (total > maxBodyBytes) {
      const error = tooLarge(maxBodyBytes);
      rules.onFault(error);
      throw error;
    }
    rules.onBytes(next.value.length);
    yield next.value;
  }
}
