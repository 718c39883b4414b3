/**
 * gRPC-Web over fetch (PROTOCOL-WEB.md): frames out, frames in, a status at the end, a deadline and an end on demand.
 */
import { errorOf, httpError, RpcError } from './errors.ts';
import type { Writer } from './protobuf.ts';

export interface CallOptions {
  /** The call ends with DEADLINE_EXCEEDED after this, in ms; the gateway and the model server are told. */
  readonly timeoutMs?: number;
  /** Ends the call with CANCELLED; the model server is told. */
  readonly signal?: AbortSignal;
  /** Metadata of this call, beside the client's own. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TransportOptions extends Pick<CallOptions, 'timeoutMs' | 'headers'> {
  /** "include" sends cookies; the gateway must allow credentials. */
  readonly credentials?: 'omit' | 'same-origin' | 'include';
  /** In the place of the global fetch. */
  readonly fetch?: typeof fetch;
}

/** Called when the answer has begun, and again with the trailers. */
export type OnHeaders = (headers: Headers) => void;

const contentType = 'application/grpc-web+proto';
const prefixBytes = 5;
const trailerFlag = 0x80;
/** The gateway's own default; a length beyond it is taken for nonsense before any memory is spent. */
const maxMessageBytes = 2 ** 30;

export class Transport {
  readonly url: string;
  readonly #options: TransportOptions;

  /** @param url "http://localhost:8000", the gateway's REST and gRPC-Web door */
  constructor(url: string, options: TransportOptions) {
    this.url = url.replace(/\/+$/, '');
    this.#options = options;
  }

  /** One message there, one back. @throws RpcError */
  async unary(
    path: string,
    request: Writer,
    options: CallOptions = {},
    onHeaders?: OnHeaders,
  ): Promise<Uint8Array> {
    let reply: Uint8Array | undefined;
    for await (const message of this.stream(path, request, options, onHeaders)) {
      if (reply !== undefined)
        throw new RpcError('UNIMPLEMENTED', `${path} answered with more than one message`);
      reply = message;
    }
    if (reply === undefined) throw new RpcError('UNIMPLEMENTED', `${path} answered with no message`);
    return reply;
  }

  /**
   * One message there, any number back, each as soon as it is whole. Leaving the loop ends the call.
   * @throws RpcError
   */
  async *stream(
    path: string,
    request: Writer,
    options: CallOptions = {},
    onHeaders?: OnHeaders,
  ): AsyncGenerator<Uint8Array> {
    const limit = new Limit(options.timeoutMs ?? this.#options.timeoutMs, options.signal);
    try {
      const response = await this.#fetch(path, request, options, limit);
      onHeaders?.(response.headers);
      // a status in the headers is final: there is no body then
      if (response.headers.has('grpc-status')) {
        const error = errorOf(response.headers);
        if (error !== undefined) throw error;
      }
      yield* frames(response);
    } catch (reason) {
      throw limit.error ?? this.#errorOf(reason);
    } finally {
      limit.clear();
    }
  }

  async #fetch(path: string, request: Writer, options: CallOptions, limit: Limit): Promise<Response> {
    const { headers, credentials, fetch: send = globalThis.fetch } = this.#options;
    const timeout: Record<string, string> =
      limit.timeoutMs === undefined ? {} : { 'grpc-timeout': timeoutText(limit.timeoutMs) };
    const response = await send(this.url + path, {
      method: 'POST',
      body: frame(request),
      signal: limit.signal,
      headers: { ...headers, ...options.headers, 'content-type': contentType, 'x-grpc-web': '1', ...timeout },
      ...(credentials === undefined ? {} : { credentials }),
    });
    const type = response.headers.get('content-type') ?? '';
    if (response.ok && type.startsWith('application/grpc-web')) return response;
    throw errorOfHttp(response, await response.text());
  }

  #errorOf(reason: unknown): RpcError {
    if (reason instanceof RpcError) return reason;
    // fetch says no more than "failed", whatever the cause
    if (reason instanceof TypeError)
      return new RpcError(
        'UNAVAILABLE',
        `no answer from ${this.url}: nothing listens there, the connection broke, or its CORS rules do not allow this page`,
        { cause: reason },
      );
    return new RpcError('INTERNAL', reason instanceof Error ? reason.message : String(reason), {
      cause: reason,
    });
  }
}

function errorOfHttp(response: Response, text: string): RpcError {
  if (response.headers.has('grpc-status'))
    return errorOf(response.headers) ?? httpError(response.status, text);
  return response.ok
    ? new RpcError('UNKNOWN', 'the answer is not gRPC-Web')
    : httpError(response.status, text);
}

/** At most eight digits (PROTOCOL-HTTP2.md); milliseconds for a day, seconds beyond. */
function timeoutText(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  return ms < 1e8 ? `${ms}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`;
}

/** The message with its prefix, in one buffer. */
function frame({ parts, length }: Writer): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(prefixBytes + length);
  new DataView(bytes.buffer).setUint32(1, length);
  let at = prefixBytes;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The messages of a reply; at its end its status. @throws RpcError when that is not OK */
async function* frames(response: Response): AsyncGenerator<Uint8Array> {
  const body = new Chunks(response);
  try {
    for (;;) {
      const prefix = await body.take(prefixBytes);
      if (prefix === undefined) throw new RpcError('UNAVAILABLE', 'the reply broke off before its status');
      const view = new DataView(prefix.buffer, prefix.byteOffset);
      const length = view.getUint32(1);
      if (length > maxMessageBytes)
        throw new RpcError(
          'RESOURCE_EXHAUSTED',
          `a message of ${length} bytes is over the limit of ${maxMessageBytes}`,
        );
      const payload = await body.take(length);
      if (payload === undefined) throw new RpcError('UNAVAILABLE', 'the reply broke off inside a message');
      const flags = view.getUint8(0);
      if (flags === trailerFlag) {
        const error = errorOf(trailersOf(payload));
        if (error !== undefined) throw error;
        return;
      }
      if (flags !== 0) throw new RpcError('INTERNAL', `the reply has a frame with the flags ${flags}`);
      yield payload;
    }
  } finally {
    body.cancel();
  }
}

/** A block of header lines as Headers; a repeated name is joined. */
function trailersOf(block: Uint8Array): Headers {
  const trailers = new Headers();
  for (const line of new TextDecoder().decode(block).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) trailers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return trailers;
}

/** A response's body, taken in pieces of given lengths; each byte is copied once. */
class Chunks {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor({ body }: Response) {
    this.#reader = body?.getReader();
  }

  /** So many bytes; undefined when the body ends before. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const taken = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#chunk.length === 0) {
        const next = await this.#reader?.read();
        if (next?.value === undefined) return undefined;
        this.#chunk = next.value;
      }
      const piece = this.#chunk.subarray(0, length - filled);
      taken.set(piece, filled);
      filled += piece.length;
      this.#chunk = this.#chunk.subarray(piece.length);
    }
    return taken;
  }

  cancel(): void {
    this.#reader?.cancel().catch(() => undefined);
  }
}

/** What can end a call from this side: its time, or its caller. */
class Limit {
  readonly timeoutMs: number | undefined;
  error: RpcError | undefined;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(timeoutMs: number | undefined, outer: AbortSignal | undefined) {
    this.timeoutMs = timeoutMs;
    this.#outer = outer;
    if (outer?.aborted === true) this.#cancel();
    outer?.addEventListener('abort', this.#cancel);
    if (timeoutMs !== undefined)
      this.#timer = setTimeout(() => {
        this.#end(new RpcError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`));
      }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#cancel);
  }

  readonly #cancel = (): void => {
    this.#end(new RpcError('CANCELLED', 'the caller ended the call', { cause: this.#outer?.reason }));
  };

  #end(error: RpcError): void {
    this.error ??= error;
    this.#controller.abort(error);
  }
}
