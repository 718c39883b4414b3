/**
 * An answer on its way to the client: each piece at once, no faster than the client reads, and an end that tells the
 * truth.
 */
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { guarded } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import { openAiError } from './errors.ts';

export interface RelayEvents {
  onBytes(count: number): void;
  /** Told once; without an error the client has been sent all of it. */
  onEnd(error: StatusError | undefined): void;
}

export interface RelayOptions {
  /** Which backend, for errors: "backend 127.0.0.1:8000". */
  readonly where: string;
  /** For a client that stops reading. */
  readonly idleTimeoutMs: number;
  /** The answer is a stream of server-sent events in plain text, to which an error can be added as one more. */
  readonly events: boolean;
  /** Why the request was cut, when it was: a better reason than the stream's own. */
  readonly reason: () => StatusError | undefined;
}

/** The head must have been written; the head goes out at once, whenever the first byte of the body comes. */
export function relay(
  body: Readable,
  response: ServerResponse,
  options: RelayOptions,
  events: RelayEvents,
): void {
  const { where, idleTimeoutMs } = options;
  let over = false;
  let stalled: NodeJS.Timeout | undefined;
  const finish = (error?: StatusError): void => {
    if (over) return;
    over = true;
    clearTimeout(stalled);
    events.onEnd(error);
  };
  /** What throws here ends this answer. */
  const alone = <A extends unknown[]>(listener: (...args: A) => void): ((...args: A) => void) =>
    guarded('http', listener, () => {
      body.destroy();
      response.destroy();
    });
  // not flushHeaders(): node encodes the head in UTF-8 there, and in Latin-1, as it decoded it, here
  response.write(Buffer.alloc(0));
  const onStalled = alone(() => {
    finish(new StatusError(Code.CANCELLED, `the client read nothing for ${idleTimeoutMs} ms`));
    body.destroy();
    response.destroy();
  });
  body.on(
    'data',
    alone((chunk: Buffer) => {
      events.onBytes(chunk.length);
      if (response.write(chunk)) return;
      body.pause();
      stalled = setTimeout(onStalled, idleTimeoutMs);
    }),
  );
  response.on(
    'drain',
    alone(() => {
      clearTimeout(stalled);
      body.resume();
    }),
  );
  body.once(
    'end',
    alone(() => {
      response.end(
        alone(() => {
          finish();
        }),
      );
    }),
  );
  body.on(
    'error',
    alone((cause: Error) => {
      if (over) return;
      const error =
        options.reason() ??
        new StatusError(Code.UNAVAILABLE, `${where}: broke off in the middle of its answer`, {
          where,
          cause,
        });
      finish(error);
      breakOff(response, options.events ? error : undefined);
    }),
  );
  response.on('error', () => undefined);
  response.once(
    'close',
    alone(() => {
      if (!response.writableFinished) body.destroy();
      finish(options.reason() ?? new StatusError(Code.CANCELLED, 'the client closed the connection'));
    }),
  );
}

/**
 * Ends an answer that lacks its end, so that no client takes it for whole: an error event where one can be read, and
 * the connection closed without the last chunk.
 */
function breakOff(response: ServerResponse, error: StatusError | undefined): void {
  if (error === undefined || response.destroyed) {
    response.destroy();
    return;
  }
  // an empty line first: it ends the event that may have been under way
  response.write(`\n\ndata: ${JSON.stringify(openAiError(error))}\n\n`, () => response.destroy());
}
