/**
 * The server end of an HTTP/1.1 connection for streams, one at a time, in the shape of HTTP/2 streams. It takes plain
 * requests that its user claims; at the first request that is not both, the connection goes to another server for good.
 */
import type { Socket } from 'node:net';
import { connectionLost, type ServerStream, type StreamEvents } from './api.ts';
import { ErrorCode } from './constants.ts';
import type { Headers } from './hpack-decoder.ts';
import { type BodyReader, ChunkedBody, SizedBody } from './http1-body.ts';
import { maxHeadBytes, readHttp1Head } from './http1-head.ts';
import { Output } from './output.ts';
import { Patience } from './patience.ts';

export interface Http1ServerOptions {
  /** True for a request that onStream answers. */
  claims(fields: Headers): boolean;
  onStream(stream: ServerStream, fields: Headers): StreamEvents;
  /** The connection is another server's from here on. @param initial bytes that were read and not dealt with */
  onOther(initial: Buffer): void;
  onClose(): void;
  /** A limit refused something. */
  onLimit(name: string): void;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** Request bytes that may be handed on before they are credited. */
  readonly windowBytes: number;
  /** Queued output at which write() says stop. */
  readonly highWaterBytes: number;
}

/** How long, and how much, a client may go on sending after it was answered. */
const lingerMs = 2000;
const maxDiscardedBytes = 1_048_576;

const empty = Buffer.alloc(0);

export class Http1Server {
  readonly socket: Socket;
  readonly output: Output;
  readonly #options: Http1ServerOptions;
  /** Bytes that wait: of an incomplete head, or of requests behind the one under way. */
  #rest: Buffer = empty;
  #stream: Http1ServerStream | undefined;
  #body: BodyReader | undefined;
  #discarded = 0;
  readonly #patience: Patience;
  #headBegan = false;
  #draining = false;
  #over = false;

  constructor(socket: Socket, options: Http1ServerOptions) {
    this.socket = socket;
    this.#options = options;
    this.output = new Output(socket, () => {
      this.#stream?.drained();
    });
    this.#patience = new Patience(() => {
      this.#outOfPatience();
    });
    socket.on('data', this.#onData);
    socket.on('close', this.#onClose);
    this.#patience.expectWithin(options.headersTimeoutMs);
  }

  /** @param initial what was read from the socket already */
  begin(initial: Buffer): void {
    if (initial.length > 0) this.#onData(initial);
  }

  /** No request follows the one under way. */
  shutdown(): void {
    this.#draining = true;
    if (this.#stream === undefined) this.#finish();
  }

  /** Called every so often, for those who watch the pace of a request. */
  tick(): void {
    const stream = this.#stream;
    if (stream !== undefined && !stream.requestComplete && !stream.over) stream.events?.onTick?.();
  }

  get closing(): boolean {
    return this.#draining;
  }

  get windowBytes(): number {
    return this.#options.windowBytes;
  }

  get highWaterBytes(): number {
    return this.#options.highWaterBytes;
  }

  // --- input ---

  readonly #onData = (chunk: Buffer): void => {
    if (this.#stream === undefined) {
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#head();
    } else if (this.#body === undefined) {
      // a client that pipelines waits; what it sends on the way stays in the kernel
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      this.socket.pause();
    } else this.#readBody(chunk);
  };

  /** Begins the next request if its head is there. */
  #head(): void {
    const rest = this.#rest;
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1 && rest.length < maxHeadBytes) {
      // from the first byte of a head on, however the others come
      if (!this.#headBegan) this.#patience.expectWithin(this.#options.headersTimeoutMs);
      this.#headBegan = true;
      return;
    }
    this.#headBegan = false;
    const head =
      end === -1 || end > maxHeadBytes ? undefined : readHttp1Head(rest.toString('latin1', 0, end));
    if (head === undefined || this.#draining || !this.#options.claims(head.fields)) {
      this.#handOver();
      return;
    }
    this.#patience.rest();
    this.#rest = empty;
    this.#discarded = 0;
    const stream = new Http1ServerStream(this);
    this.#stream = stream;
    this.#body = head.bodyBytes === -1 ? new ChunkedBody() : new SizedBody(head.bodyBytes);
    stream.events = this.#options.onStream(stream, head.fields);
    this.#readBody(rest.subarray(end + 4));
  }

  #readBody(bytes: Buffer): void {
    const body = this.#body as BodyReader;
    const at = body.read(bytes, 0, this.#deliver);
    if (at === -1) {
      this.#body = undefined;
      this.#draining = true;
      this.#stream?.broken();
      this.#finish();
      return;
    }
    if (!body.done || this.#body === undefined) return;
    this.#body = undefined;
    this.#rest = bytes.subarray(at);
    this.#stream?.requestEnded();
  }

  readonly #deliver = (data: Buffer): void => {
    const stream = this.#stream as Http1ServerStream;
    if (!stream.over) stream.deliver(data);
    else if ((this.#discarded += data.length) > maxDiscardedBytes) this.destroy();
  };

  #handOver(): void {
    const { socket } = this;
    this.#patience.end();
    this.#over = true;
    this.output.detach();
    socket.off('data', this.#onData);
    socket.off('close', this.#onClose);
    this.#options.onOther(this.#rest);
  }

  // --- the end of a request, and of the connection ---

  /** The stream has answered; the next request's turn comes when the rest of this one is here. */
  answered(stream: Http1ServerStream): void {
    if (stream.requestComplete) this.#next();
    else {
      this.socket.resume();
      this.#patience.expectWithin(lingerMs);
    }
  }

  #next(): void {
    this.#stream = undefined;
    if (this.#draining) {
      this.#finish();
      return;
    }
    this.#patience.expectWithin(this.#options.keepAliveTimeoutMs);
    this.socket.resume();
    // in a turn of its own, so that a long pipeline does not hold up the others
    if (this.#rest.length > 0)
      setImmediate(() => {
        if (!this.#over && this.#stream === undefined) this.#head();
      });
  }

  /** The rest of a request that was answered early has come. */
  discarded(): void {
    this.#next();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #finish(): void {
    this.output.flush();
    this.socket.end();
    this.#patience.expectWithin(lingerMs);
  }

  #outOfPatience(): void {
    if (!this.#headBegan) {
      this.socket.destroy();
      return;
    }
    this.#headBegan = false;
    this.#options.onLimit('slow headers');
    this.output.text(requestTimeout);
    this.#draining = true;
    this.#finish();
  }

  readonly #onClose = (): void => {
    this.#over = true;
    this.#patience.end();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.lost();
    this.#options.onClose();
  };
}

class Http1ServerStream implements ServerStream {
  readonly id = 1;
  events: StreamEvents | undefined;
  readonly #connection: Http1Server;
  #outstanding = 0;
  #chunked = true;
  #headed = false;
  #ended = false;
  #needsDrain = false;
  requestComplete = false;
  /** The answer is out, or the connection is gone: nothing more is told. */
  over = false;

  constructor(connection: Http1Server) {
    this.#connection = connection;
  }

  get queuedBytes(): number {
    return this.#connection.output.waiting;
  }

  deliver(data: Buffer): void {
    this.#outstanding += data.length;
    if (this.#outstanding > this.#connection.windowBytes) this.#connection.socket.pause();
    this.events?.onData(data);
  }

  requestEnded(): void {
    this.requestComplete = true;
    if (this.over) this.#connection.discarded();
    else this.events?.onEnd([]);
  }

  /** The request cannot be read on. */
  broken(): void {
    this.requestComplete = true;
    const told = this.over;
    if (!this.#headed) this.#connection.output.text(badRequest);
    this.over = true;
    if (!told) this.events?.onReset(ErrorCode.PROTOCOL_ERROR, false);
  }

  drained(): void {
    if (!this.#needsDrain || this.over) return;
    this.#needsDrain = false;
    this.events?.onDrain();
  }

  lost(): void {
    if (this.over) return;
    this.over = true;
    this.events?.onReset(connectionLost, false);
  }

  respond(fields: Headers, end = false): void {
    if (this.over) return;
    this.#headed = true;
    const { text, sized } = http1Fields(fields);
    const { output, closing } = this.#connection;
    this.#chunked = !sized && !end;
    output.text(text);
    if (!sized) output.text(end ? 'content-length: 0\r\n' : 'transfer-encoding: chunked\r\n');
    output.text(closing ? 'connection: close\r\n\r\n' : '\r\n');
    if (end) this.#finish();
  }

  write(chunk: Uint8Array): boolean {
    const { output, highWaterBytes } = this.#connection;
    if (this.over || chunk.length === 0) return true;
    if (this.#chunked) output.text(`${chunk.length.toString(16)}\r\n`);
    output.raw(chunk);
    if (this.#chunked) output.text('\r\n');
    if (output.waiting < highWaterBytes) return true;
    this.#needsDrain = true;
    return false;
  }

  end(): void {
    if (this.over || this.#ended) return;
    if (this.#chunked) this.#connection.output.text('0\r\n\r\n');
    this.#finish();
  }

  #finish(): void {
    this.#ended = true;
    this.over = true;
    this.#connection.answered(this);
  }

  reset(code: number): void {
    // after an answer: HTTP/1.1 cannot say "send no more", so the rest is read over
    if (this.over && (code === ErrorCode.NO_ERROR || this.#ended)) return;
    this.over = true;
    this.#connection.destroy();
  }

  credit(bytes: number): void {
    this.#outstanding -= bytes;
    const { socket, windowBytes } = this.#connection;
    if (!this.requestComplete && this.#outstanding <= windowBytes && socket.isPaused()) socket.resume();
  }
}

const requestTimeout = 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
const badRequest = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

interface Http1Fields {
  /** Status line and fields. */
  readonly text: string;
  /** They say how long the body is, or that there is none. */
  readonly sized: boolean;
}

const known = new WeakMap<Headers, Http1Fields>();

function http1Fields(fields: Headers): Http1Fields {
  let head = known.get(fields);
  if (head === undefined) known.set(fields, (head = writeFields(fields)));
  return head;
}

function writeFields(fields: Headers): Http1Fields {
  const status = fields[1] as string;
  let text = statusLines.get(status) ?? `HTTP/1.1 ${status} \r\n`;
  let sized = status === '204';
  for (let i = 2; i < fields.length; i += 2) {
    const name = fields[i] as string;
    sized ||= name === 'content-length';
    text += `${name}: ${fields[i + 1] as string}\r\n`;
  }
  return { text, sized };
}

const statusLines: ReadonlyMap<string, string> = new Map(
  Object.entries({
    200: 'OK',
    204: 'No Content',
    405: 'Method Not Allowed',
    415: 'Unsupported Media Type',
  }).map(([status, reason]) => [status, `HTTP/1.1 ${status} ${reason}\r\n`]),
);
