/**
 * A request at node:http in the shape of a stream, so that what our own HTTP/1.1 end leaves to it is served the same
 * way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { guard, guarded } from '../../base/faults.ts';
import { noMetadata } from '../../call/index.ts';
import { ErrorCode, type Headers, ownFault, type ServerStream, type StreamEvents } from '../../wire/index.ts';

/** Request bytes that may be handed on before they are credited; the HTTP/2 stream window's usual size. */
const windowBytes = 256 * 1024;
/** How often those who watch the pace of a body look, in ms. */
const tickMs = 250;
/** How long a client may go on sending after it was answered, in ms. */
const lingerMs = 2000;

class NodeStream implements ServerStream {
  readonly id = 1;
  readonly varying: Headers = noMetadata;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #outstanding = 0;
  #headed = false;
  #over = false;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
  }

  /** What waits for the answers before it on the connection does not wait for the client. */
  get queuedBytes(): number {
    return this.#response.socket ? this.#response.writableLength : 0;
  }

  /** Hands on what arrives; called once. */
  attach(events: StreamEvents): void {
    const request = this.#request;
    const response = this.#response;
    const tellReset = (code: number): void => {
      if (this.#over) return;
      this.#over = true;
      guard('stream', () => {
        events.onReset(code, false);
      });
    };
    /** What the stream's user throws ends the stream. */
    const alone = <A extends unknown[]>(listener: (...args: A) => void): ((...args: A) => void) =>
      guarded('stream', listener, () => {
        this.#fail(events);
        tellReset(ownFault);
      });
    request.on(
      'data',
      alone((chunk: Buffer) => {
        this.#outstanding += chunk.length;
        if (this.#outstanding > windowBytes) request.pause();
        events.onData(chunk);
      }),
    );
    const ticking = setInterval(
      alone(() => events.onTick?.()),
      tickMs,
    ).unref();
    request.on(
      'end',
      alone(() => {
        clearInterval(ticking);
        events.onEnd([]);
      }),
    );
    request.on('error', () => undefined);
    response.on(
      'drain',
      alone(() => {
        events.onDrain();
      }),
    );
    response.on('close', () => {
      clearInterval(ticking);
      tellReset(ErrorCode.CANCEL);
    });
    response.on('error', () => undefined);
  }

  respond(headers: Headers, end = false): void {
    if (this.#headed || this.#over) return;
    this.#headed = true;
    this.#response.writeHead(Number(headers[1]), writable(headers.slice(2)));
    if (end) this.end();
    // a streaming client must see that the call is on before the first message; with a message at hand it costs nothing
    else
      process.nextTick(() => {
        if (!this.#over) this.#response.flushHeaders();
      });
  }

  #fail(events: StreamEvents): void {
    const response = this.#response;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const id = events.onAnswered?.(500);
    const told = id === undefined ? {} : { 'x-request-id': id };
    response.writeHead(500, { connection: 'close', 'content-length': 0, ...told }).end();
  }

  write(chunk: Uint8Array, lent = false): boolean {
    return this.#over || this.#response.write(lent ? new Uint8Array(chunk) : chunk);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#response.end();
  }

  cut(): void {
    this.reset(ErrorCode.CANCEL);
  }

  reset(code: number): void {
    // NO_ERROR after the answer: HTTP/1.1 has no way to say "send no more" but to close
    if (code === 0) {
      this.#discardRest();
      return;
    }
    this.#over = true;
    this.#response.destroy();
  }

  /** Lets the rest of the request come for a while: cutting the connection at once would lose the answer on its way. */
  #discardRest(): void {
    const request = this.#request;
    request.resume();
    const timer = setTimeout(() => request.socket.destroySoon(), lingerMs).unref();
    request.once('close', () => {
      clearTimeout(timer);
    });
  }

  credit(bytes: number): void {
    this.#outstanding -= bytes;
    if (this.#outstanding <= windowBytes && this.#request.isPaused()) this.#request.resume();
  }
}

/** What RFC 9110 §5.5 does not allow in a value; node:http throws for it. */
const invalidValue = /[^\t\x20-\x7e\x80-\xff]/;

/** Without fields that HTTP/1.1 has no way to say: a backend may have sent them, and HTTP/2 may have let them pass. */
function writable(fields: string[]): string[] {
  if (!fields.some((text) => invalidValue.test(text))) return fields;
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1] as string;
    if (!invalidValue.test(value)) kept.push(fields[i] as string, value);
  }
  return kept;
}

/** The header fields of an HTTP/1.1 request as an HTTP/2 field list. */
function fieldsOf(request: IncomingMessage): string[] {
  const fields = [':method', request.method ?? 'GET', ':path', request.url ?? '/'];
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) fields.push((raw[i] as string).toLowerCase(), raw[i + 1] as string);
  return fields;
}

/** @param open undefined when the request is not for it @returns whether it was */
export function serveNodeRequest(
  request: IncomingMessage,
  response: ServerResponse,
  peer: string,
  open: (stream: ServerStream, fields: Headers, peer: string) => StreamEvents | undefined,
): boolean {
  const stream = new NodeStream(request, response);
  const events = open(stream, fieldsOf(request), peer);
  if (events !== undefined) stream.attach(events);
  return events !== undefined;
}
