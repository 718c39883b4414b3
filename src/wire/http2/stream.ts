/** One stream of a connection: its windows, its queued output, and how far each side has come. */
import type { StallTimer } from '../../base/stall-timer.ts';
import type { ClientStream, ServerStream, StreamEvents } from '../api.ts';
import { ErrorCode } from '../constants.ts';
import { type Headers, noHeaders } from '../hpack/index.ts';
import type { Connection } from './connection.ts';

/** What every stream begins with. */
export const emptyQueue: Uint8Array[] = [];

/**
 * State of one HTTP/2 stream (RFC 9113 §5.1) on either side of a connection: flow-control windows, queued DATA,
 * and which sides are closed.
 */
export class Http2Stream implements ServerStream, ClientStream {
  readonly id: number;
  readonly #connection: Connection;
  events: StreamEvents | undefined;
  varying: Headers = noHeaders;
  /** What the peer may still be sent, and what it may still send, in bytes. */
  sendWindow: number;
  receiveWindow: number;
  /** Bytes that were delivered and not credited yet. */
  outstanding = 0;
  /** Credited bytes that the peer has not been told of. */
  unannounced = 0;
  /** DATA bytes that came, against content-length (-1 without one). */
  received = 0;
  contentLength = -1;
  /** As ServerStream has it. */
  headBytes = 0;
  /** Empty, it is the same for all streams: a list of its own comes with the first chunk that has to wait. */
  queue: Uint8Array[] = emptyQueue;
  queuedBytes = 0;
  /** Of queuedBytes: what the account has. */
  countedBytes = 0;
  /** A frame was sent that may have gone to the socket without being copied. */
  byReference = false;
  /** When it was opened (server ends), in ms of the connection's clock. */
  openedMs = 0;
  /** end() was called; undefined before, [] without trailers. */
  ending: Headers | undefined;
  localClosed = false;
  remoteClosed = false;
  /** The message's head came: DATA may follow. */
  headed = false;
  /** respond() was called (server ends). */
  answered = false;
  /** The user wants no more events; what still comes is thrown away. */
  muted = false;
  resetAfterEnd = false;
  removed = false;
  needsDrain = false;
  /** Of queuedBytes; made when somebody looks. */
  standstill: StallTimer | undefined;

  constructor(connection: Connection, id: number, sendWindow: number, receiveWindow: number) {
    this.#connection = connection;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** DATA comes. Gives the error code of the rule that it breaks, if it breaks one. */
  take(length: number, padding: number, end: boolean): number | undefined {
    if (this.remoteClosed) return ErrorCode.STREAM_CLOSED;
    if (!this.headed) return ErrorCode.PROTOCOL_ERROR;
    this.receiveWindow -= length;
    if (this.receiveWindow < 0) return ErrorCode.FLOW_CONTROL_ERROR;
    this.received += length - padding;
    if (this.contentLength === -1) return undefined;
    const fits = end ? this.received === this.contentLength : this.received <= this.contentLength;
    return fits ? undefined : ErrorCode.PROTOCOL_ERROR;
  }

  /** The user is done with so many bytes. Gives how many of them there were. */
  giveBack(bytes: number): number {
    const given = Math.min(bytes, this.outstanding);
    this.outstanding -= given;
    if (!this.remoteClosed) this.unannounced += given;
    return given;
  }

  /** By how much the peer is to be told that its window is wider; 0 while it is less than `least`. */
  announce(least: number): number {
    const increment = this.unannounced;
    if (this.remoteClosed || increment < least) return 0;
    this.receiveWindow += increment;
    this.unannounced = 0;
    return increment;
  }

  get readsOn(): boolean {
    return true;
  }

  respond(headers: Headers, end = false): void {
    if (this.localClosed || this.ending !== undefined || this.answered) return;
    this.answered = true;
    this.#connection.sender.headers(this, headers, undefined, end);
  }

  write(chunk: Uint8Array, lent = false): boolean {
    if (this.localClosed || this.ending !== undefined) return true;
    // it may have to wait for the peer's window
    return this.#connection.sender.data(this, lent ? Uint8Array.prototype.slice.call(chunk) : chunk);
  }

  get holds(): boolean {
    return this.queuedBytes > 0 || this.byReference;
  }

  end(trailers: Headers = noHeaders): void {
    if (this.localClosed || this.ending !== undefined) return;
    this.ending = trailers;
    this.#connection.sender.end(this);
  }

  cut(trailers: Headers): void {
    if (this.localClosed) return;
    this.#connection.sender.drop(this);
    this.ending = trailers;
    this.#connection.sender.end(this);
  }

  reset(code: number): void {
    if (this.removed) return;
    this.muted = true;
    // the answer goes out whole before the peer is told that its request is not needed
    if (code === ErrorCode.NO_ERROR && this.ending !== undefined && !this.localClosed)
      this.resetAfterEnd = true;
    else this.#connection.cancel(this, code);
  }

  credit(bytes: number): void {
    if (bytes > 0) this.#connection.credit(this, bytes);
  }
}
