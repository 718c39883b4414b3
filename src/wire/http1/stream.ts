/** One request of an HTTP/1.1 connection and its answer, in the shape of an HTTP/2 stream. */
import { guard } from '../../base/faults.ts';
import { connectionLost, ownFault, type ServerStream, type StreamEvents } from '../api.ts';
import { ErrorCode } from '../constants.ts';
import { type Headers, noHeaders } from '../hpack/index.ts';
import type { ReadBuffer } from '../socket/index.ts';
import { http1Fields } from './answer-head.ts';
import type { Http1Server } from './server.ts';

/**
 * ServerStream of one HTTP/1.1 request; flow control pauses the socket when more than the connection's
 * `windowBytes` are not credited yet.
 */
export class Http1ServerStream implements ServerStream {
  readonly id = 1;
  readonly varying: Headers = noHeaders;
  events: StreamEvents | undefined;
  readonly #connection: Http1Server;
  #outstanding = 0;
  #chunked = true;
  #headed = false;
  #ended = false;
  #needsDrain = false;
  /** The client keeps the body back until it is told to go on. */
  #waits: boolean;
  requestComplete = false;
  /** The answer is out, or the connection is gone: nothing more is told. */
  over = false;

  constructor(connection: Http1Server, waits: boolean) {
    this.#connection = connection;
    this.#waits = waits;
  }

  get queuedBytes(): number {
    return this.#connection.output.waiting;
  }

  /** Tells a client that waits to go on, unless it has been answered or has lost its patience. */
  goOn(): void {
    if (!this.#waits || this.#headed || this.over) return;
    this.#waits = false;
    this.#connection.output.text(continueHead);
  }

  deliver(data: Buffer, memory: ReadBuffer | undefined): void {
    this.#waits = false;
    this.#outstanding += data.length;
    if (this.#outstanding > this.#connection.windowBytes) this.#connection.socket.pause();
    this.events?.onData(data, memory);
  }

  requestEnded(): void {
    this.requestComplete = true;
    this.#waits = false;
    if (this.over) this.#connection.discarded();
    else this.events?.onEnd([]);
  }

  /** The request cannot be read on. */
  broken(): void {
    this.requestComplete = true;
    const told = this.over;
    if (!this.#headed) this.#answerForUser(400, "the framing of the request's body is broken");
    this.over = true;
    if (!told) guard('stream', () => this.events?.onReset(ErrorCode.PROTOCOL_ERROR, false));
  }

  drained(): void {
    if (!this.#needsDrain || this.over) return;
    this.#needsDrain = false;
    this.events?.onDrain();
  }

  lost(): void {
    this.#tellReset(connectionLost);
  }

  /** Its user has thrown: a client that has no answer yet gets one, and the connection ends. */
  broke(): void {
    const { output, socket } = this.#connection;
    if (this.#headed || this.over) socket.destroy();
    else {
      this.#headed = true;
      this.#answerForUser(500, 'internal error of the gateway');
      output.flush();
      socket.destroySoon();
    }
    this.#tellReset(ownFault);
  }

  #answerForUser(status: number, text: string): void {
    this.#connection.refuse(status, text, this.events?.onAnswered?.(status));
  }

  #tellReset(code: number): void {
    if (this.over) return;
    this.over = true;
    guard('stream', () => this.events?.onReset(code, false));
  }

  respond(fields: Headers, end = false): void {
    if (this.over || this.#headed) return;
    this.#headed = true;
    if (!this.requestComplete) this.#connection.answeredEarly(this.#waits);
    const { text, sized } = http1Fields(fields);
    const { output, closing } = this.#connection;
    this.#chunked = !sized && !end;
    output.text(text);
    if (!sized) output.text(end ? 'content-length: 0\r\n' : 'transfer-encoding: chunked\r\n');
    output.text(closing ? 'connection: close\r\n\r\n' : '\r\n');
    if (end) this.#finish();
  }

  write(chunk: Uint8Array, lent = false): boolean {
    const { output, highWaterBytes } = this.#connection;
    if (this.over || chunk.length === 0) return true;
    if (this.#chunked) output.text(`${chunk.length.toString(16)}\r\n`);
    output.raw(chunk, lent);
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

  cut(): void {
    this.reset(ErrorCode.CANCEL);
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

const continueHead = 'HTTP/1.1 100 Continue\r\n\r\n';
