/** Serves what is no RPC on an HTTP/2 stream: the HTTP/1.1 server behind an in-process pipe answers it. */
import { type ClientRequest, type IncomingMessage, request as httpRequest, type Server } from 'node:http';
import { Duplex } from 'node:stream';
import { connectionFields } from '../../base/http-fields.ts';
import { guarded } from '../../base/faults.ts';
import { StatusError } from '../../base/status.ts';
import { allMetadata, getMetadata, type Refused } from '../../call/index.ts';
import { MemoryKind, MemoryReservation, type MemoryAccount } from '../../memory/index.ts';
import { ErrorCode, type Headers, type ServerStream, type StreamEvents } from '../../wire/index.ts';
import { answerStream } from './early-answer.ts';

/** One end of a pipe within the process, with the backpressure of streams. */
class PipeEnd extends Duplex {
  peer: PipeEnd | undefined;
  #resume: (() => void) | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;

  constructor(address: string) {
    super();
    const colon = address.lastIndexOf(':');
    this.remoteAddress = address.slice(0, colon);
    this.remotePort = Number(address.slice(colon + 1));
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    const peer = this.peer as PipeEnd;
    if (chunk.length === 0) callback();
    else if (peer.push(chunk)) callback();
    else peer.#resume = callback;
  }

  override _final(callback: () => void): void {
    this.peer?.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const peer = this.peer;
    this.peer = undefined;
    if (peer !== undefined && !peer.destroyed) process.nextTick(() => peer.destroy());
    callback(error);
  }

  /** node:http asks its sockets for these. */
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
}

/**
 * Fields that HTTP/2 forbids, and TE, which the bridge's own hop has no use for; the others are judged by whoever
 * serves the request.
 */
const hopFields = new Set([...connectionFields, 'te']);

function openRequest(server: Server, fields: Headers, end: boolean, peer: string): ClientRequest {
  const client = new PipeEnd(peer);
  const serverEnd = new PipeEnd(peer);
  client.peer = serverEnd;
  serverEnd.peer = client;
  server.emit('connection', serverEnd);
  let method = 'GET';
  let path = '/';
  let sized = false;
  const headers: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    sized ||= name === 'content-length';
    if (name === ':method') method = value;
    else if (name === ':path') path = value;
    else if (name === ':authority') headers.push('host', value);
    // the authority is what counts, and one Host is all that HTTP/1.1 allows
    else if (name === 'host' && fields.includes(':authority')) continue;
    else if (name.charCodeAt(0) !== 58 /* : */ && !hopFields.has(name)) headers.push(name, value);
  }
  // of DELETE, GET and their like node does not expect a body, and would write it without a frame
  if (!end && !sized) headers.push('transfer-encoding', 'chunked');
  // node adds no host of its own to a list of headers
  if (!fields.includes(':authority') && !fields.includes('host')) headers.push('host', 'localhost');
  return httpRequest({ createConnection: () => client, method, path, headers } as never);
}

function headOf(response: IncomingMessage): string[] {
  const fields = [':status', String(response.statusCode ?? 502)];
  const raw = response.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (!hopFields.has(name)) fields.push(name, raw[i + 1] as string);
  }
  return fields;
}

export interface BridgeDeps {
  readonly server: Server;
  readonly memory: MemoryAccount;
  readonly refused: Refused;
}

/** @param end the request has no body */
export function bridge(
  { server, memory, refused }: BridgeDeps,
  stream: ServerStream,
  fields: Headers,
  end: boolean,
  peer: string,
): StreamEvents {
  /** @returns the answer's x-request-id */
  function told(status: number, message: string): string {
    const [method, path] = [getMetadata(fields, ':method'), getMetadata(fields, ':path')];
    return refused({ status, message, peer, method, path, id: allMetadata(fields, 'x-request-id') });
  }
  let request: ClientRequest;
  try {
    request = openRequest(server, [...fields, ...stream.varying], end, peer);
  } catch (error) {
    // HTTP/1.1 has no way to say it: a control character in a value, or trailers announced without a body
    const text = `Malformed request: ${(error as Error).message}`;
    return answerStream(stream, { status: 400, headers: [], text: `${text}\n`, id: told(400, text) });
  }
  /** Of the body: what the server has not read. */
  const held = new MemoryReservation(memory, MemoryKind.requests, { stalledMs: () => 0, evict: refuse });
  let response: IncomingMessage | undefined;
  let over = false;
  const alone = <A extends unknown[]>(listener: (...args: A) => void): ((...args: A) => void) =>
    guarded('stream', listener, fail);
  request.on(
    'response',
    alone((incoming: IncomingMessage) => {
      response = incoming;
      incoming.on('error', fail);
      stream.respond(headOf(incoming));
      incoming.on(
        'data',
        alone((chunk: Buffer) => {
          if (!stream.write(chunk)) incoming.pause();
        }),
      );
      incoming.on(
        'end',
        alone(() => {
          isOver();
          stream.end();
        }),
      );
    }),
  );
  request.on('error', fail);
  request.on(
    'drain',
    alone(() => {
      const { bytes } = held;
      held.add(-bytes);
      stream.credit(bytes);
    }),
  );
  if (end) request.end();

  function isOver(): void {
    over = true;
    held.end();
  }

  function fail(): void {
    if (over) return;
    isOver();
    stream.reset(ErrorCode.INTERNAL_ERROR);
  }

  /** There is no room for its body. */
  function refuse({ message, retryAfterMs = 1000 }: StatusError): void {
    if (over) return;
    if (response !== undefined) {
      request.destroy();
      fail();
      return;
    }
    isOver();
    const text = Buffer.from(`${message}\n`);
    const retryAfter = String(Math.ceil(retryAfterMs / 1000));
    const type = 'text/plain; charset=utf-8';
    const id = told(429, message);
    stream.respond([':status', '429', 'retry-after', retryAfter, 'content-type', type, 'x-request-id', id]);
    stream.write(text);
    stream.end();
    stream.reset(ErrorCode.NO_ERROR);
    request.destroy();
  }

  function hold(bytes: number): void {
    try {
      held.hold(bytes);
    } catch (reason) {
      refuse(StatusError.from(reason));
    }
  }

  if (memory.lacksRoomFor(stream)) refuse(memory.refusal());
  return {
    onData(chunk) {
      if (over || request.write(chunk)) stream.credit(chunk.length);
      else hold(chunk.length);
    },
    onEnd() {
      request.end();
    },
    onReset() {
      isOver();
      request.destroy(new Error('the client reset the stream'));
    },
    onDrain() {
      response?.resume();
    },
  };
}
