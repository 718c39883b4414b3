/**
 * The server end of an HTTP/1.1 connection for streams, one at a time, in the shape of HTTP/2 streams. It takes plain
 * requests that its user wants; at the first request that is not both, the connection goes to another server for good.
 */
import type { ConnectionLimit } from '../limit-names.ts';
import type { Socket } from 'node:net';
import { fault, guard, guarded } from '../../base/faults.ts';
import { StallTimer } from '../../base/stall-timer.ts';
import type { OnRefused, ServerStream, StreamEvents, TimeLimits, WaitingOutput } from '../api.ts';
import type { Headers } from '../hpack/index.ts';
import {
  IdleTimer,
  Linger,
  lingerMs,
  type OnWaiting,
  Output,
  type ReadBuffer,
  takeReads,
} from '../socket/index.ts';
import { type BodyReader, ChunkedBody, SizedBody } from './body.ts';
import { refusal } from './refusal.ts';
import { readHttp1Head } from './request-head.ts';
import { Http1ServerStream } from './stream.ts';

export interface Http1ServerOptions {
  /** Undefined, with the stream untouched, for a request that is not for this server. */
  onStream(stream: ServerStream, fields: Headers): StreamEvents | undefined;
  /** The connection is another server's from here on. @param initial bytes that were read and not dealt with */
  onOther(initial: Buffer): void;
  onClose(): void;
  /** A limit refused something. */
  onLimit(name: ConnectionLimit): void;
  readonly onRefused?: OnRefused | undefined;
  /** As in ConnectionOptions. */
  readonly onWaiting?: OnWaiting | undefined;
  /**
   * Told in the same way of bytes that came and are not read yet: of a head, or of requests behind the one under way.
   */
  readonly onKept?: OnWaiting | undefined;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** Bytes of a head with the blank line that ends it, and its fields; beyond: 431. */
  readonly maxHeadBytes: number;
  readonly maxHeadFields: number;
  /** Request bytes that may be handed on before they are credited. */
  readonly windowBytes: number;
  /** Queued output at which write() says stop. */
  readonly highWaterBytes: number;
}

/** How much of a request may come after its answer if the connection shall live. */
const maxDiscardedBytes = 1_048_576;
/**
 * Bytes that may be read behind a request under way. More stay in the kernel, where nobody sees whether the client
 * has gone behind them; clients are told not to pipeline behind a POST (RFC 9112 §9.3.2).
 */
const maxPipelinedBytes = 65_536;

const empty = Buffer.alloc(0);

/**
 * Server side of one HTTP/1.1 connection (RFC 9112): parses requests, handles one at a time, and keeps
 * pipelined ones until the response before them has been sent.
 */
export class Http1Server {
  readonly socket: Socket;
  readonly output: Output;
  readonly #options: Http1ServerOptions;
  /** Bytes that wait: of an incomplete head, or of requests behind the one under way. */
  #rest: Buffer = empty;
  /** Of #rest: what the account has. */
  #kept = 0;
  #stream: Http1ServerStream | undefined;
  #body: BodyReader | undefined;
  /** Of the read whose body data are being delivered. */
  #memory: ReadBuffer | undefined;
  #discarded = 0;
  readonly #patience: IdleTimer;
  readonly #stopReading: () => void;
  readonly #unread = new StallTimer();
  readonly #unheard = new StallTimer();
  #headBegan = false;
  /** The next request waits until the answers before it have left. */
  #holdsBack = false;
  #draining = false;
  /** The answer to the next request is the last one. */
  #nextIsLast = false;
  #over = false;
  /**
   * Set once our side has ended: what still comes is read, so that it does not become a reset that overtakes the
   * answer.
   */
  #linger: Linger | undefined;
  /** What #rest grows in. */
  #room: Buffer = empty;

  constructor(socket: Socket, options: Http1ServerOptions) {
    this.socket = socket;
    this.#options = options;
    this.output = new Output(socket, options.onWaiting, () => {
      if (this.#stream !== undefined) this.#stream.drained();
      else if (this.#holdsBack) this.#goOn();
    });
    this.#patience = new IdleTimer(
      this.#guarded(() => {
        this.#outOfPatience();
      }),
    );
    this.#stopReading = takeReads(socket, this.#onRead, true);
    socket.on('close', this.#onClose);
    socket.on('end', this.#onEnd);
    this.#patience.expectWithin(options.headersTimeoutMs);
  }

  /** @param initial what was read from the socket already */
  begin(initial: Buffer): void {
    if (initial.length > 0) this.#onRead(initial);
  }

  /**
   * The answer to the request under way, or else to the next one, says that it is the last. A client that is told so
   * goes elsewhere between two requests; one whose idle connection is closed may just be sending another.
   */
  announceEnd(): void {
    this.#nextIsLast = true;
    if (this.#stream !== undefined) this.#draining = true;
  }

  /** No request follows the one that is under way, or whose head has begun to come. */
  shutdown(): void {
    this.announceEnd();
    if (this.#stream === undefined && !this.#headBegan) this.#finish();
  }

  /** Called every so often, for those who watch the pace of a request. @param nowMs monotonic */
  tick(nowMs: number, limits: Pick<TimeLimits, 'writeMs'>): void {
    const stream = this.#stream;
    if (this.#unheard.ms(this.socket.bytesRead, nowMs) > limits.writeMs && this.#overflows) {
      this.#options.onLimit('pipelined');
      this.destroy();
      return;
    }
    if (stream === undefined || stream.requestComplete || stream.over) return;
    try {
      stream.events?.onTick?.();
    } catch (reason) {
      this.#broke(reason);
    }
  }

  // --- faults: a connection has one request at a time, and ends with it ---

  #broke(reason: unknown): void {
    fault('stream', reason);
    guard('connection', () => {
      const stream = this.#stream;
      if (stream === undefined) this.socket.destroy();
      else stream.broke();
    });
  }

  #guarded(listener: () => void): () => void {
    return () => {
      try {
        listener();
      } catch (reason) {
        this.#broke(reason);
      }
    };
  }

  /** As Http2Server's. */
  waiting(): WaitingOutput[] {
    const { output } = this;
    if (this.#over || (!output.blocked && this.#kept === 0)) return [];
    const stalledMs = (nowMs: number): number =>
      output.blocked ? this.#unread.ms(output.waiting, nowMs) : 0;
    return [
      {
        bytes: output.waiting + this.#kept,
        stalledMs,
        cut: () => {
          this.destroy();
        },
      },
    ];
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

  readonly #onRead = (chunk: Buffer, memory?: ReadBuffer): void => {
    try {
      this.#take(chunk, memory);
    } catch (reason) {
      this.#broke(reason);
    }
  };

  #take(chunk: Buffer, memory: ReadBuffer | undefined): void {
    if (this.#linger !== undefined) {
      memory?.sliced();
      this.#patience.expectWithin(this.#linger.nextMs());
      return;
    }
    if (this.#stream === undefined && !this.output.blocked) {
      const first = this.#rest.length === 0;
      // what came behind the last request waits for its turn, and was not looked at
      const known = this.#headBegan ? this.#rest.length : 0;
      this.#rest = this.#joined(chunk);
      this.#head(first ? memory : undefined, known);
    } else if (this.#body === undefined) {
      // a client that pipelines waits; its end is seen as long as there is room for what it sends on the way
      this.#keep(this.#joined(chunk));
      this.#holdsBack = this.#stream === undefined;
      if (this.#holdsBack || this.#overflows) this.socket.pause();
    } else this.#readBody(chunk, memory);
  }

  /**
   * #rest and what came behind it, in memory that doubles: a head that comes byte by byte must not be copied for
   * each.
   */
  #joined(chunk: Buffer): Buffer {
    const rest = this.#rest;
    const { length } = rest;
    if (length === 0) return chunk;
    const whole = length + chunk.length;
    const { buffer, byteOffset } = this.#room;
    if (rest.buffer !== buffer || rest.byteOffset !== byteOffset || this.#room.length < whole) {
      this.#room = Buffer.allocUnsafeSlow(whole * 2);
      this.#room.set(rest);
    }
    this.#room.set(chunk, length);
    return this.#room.subarray(0, whole);
  }

  /** More came behind the request under way than is kept. */
  get #overflows(): boolean {
    return this.#stream !== undefined && this.#rest.length > maxPipelinedBytes;
  }

  #keep(rest: Buffer): void {
    this.#rest = rest;
    const change = rest.length - this.#kept;
    if (change === 0) return;
    this.#kept = rest.length;
    this.#options.onKept?.(change);
  }

  /**
   * Begins the next request if its head is there.
   * @param memory of what has come so far, as #readBody() has it
   * @param known bytes that were looked at before, without finding an end
   */
  #head(memory?: ReadBuffer, known = 0): void {
    const rest = this.#rest;
    const { maxHeadBytes, maxHeadFields } = this.#options;
    const end = rest.indexOf('\r\n\r\n', Math.max(0, known - 3));
    if (end === -1 && rest.length < maxHeadBytes) {
      // from the first byte of a head on, however the others come
      if (!this.#headBegan) this.#patience.expectWithin(this.#options.headersTimeoutMs);
      this.#headBegan = true;
      this.#keep(rest);
      return;
    }
    this.#headBegan = false;
    if (end === -1 || end + 4 > maxHeadBytes) {
      this.#tooLarge(`the request's head is larger than the limit of ${maxHeadBytes} bytes`);
      return;
    }
    const head = readHttp1Head(rest.toString('latin1', 0, end));
    if (head === undefined) {
      this.#handOver();
      return;
    }
    if (head.fields.length > 2 * maxHeadFields + 4) {
      this.#tooLarge(`the request has more header fields than the limit of ${maxHeadFields}`);
      return;
    }
    const stream = new Http1ServerStream(this, head.waits);
    this.#stream = stream;
    this.#body = head.bodyBytes === -1 ? new ChunkedBody() : new SizedBody(head.bodyBytes);
    this.#draining = head.last || this.#nextIsLast;
    this.#discarded = 0;
    this.#patience.rest();
    stream.events = this.#options.onStream(stream, head.fields);
    if (stream.events === undefined) {
      this.#stream = undefined;
      this.#handOver();
      return;
    }
    this.#keep(empty);
    this.#room = empty;
    // in a turn of its own: whom the body would be no use for has answered by then
    if (head.waits)
      setImmediate(
        this.#guarded(() => {
          stream.goOn();
        }),
      );
    this.#readBody(rest.subarray(end + 4), memory);
  }

  /** @param memory theirs, when nobody else can see them */
  #readBody(bytes: Buffer, memory?: ReadBuffer): void {
    const body = this.#body as BodyReader;
    const { length } = bytes;
    this.#memory = memory;
    const at = body.read(bytes, 0, this.#deliver);
    this.#memory = undefined;
    if (at === length) memory?.sliced();
    if (at === -1) {
      this.#body = undefined;
      this.#draining = true;
      this.#stream?.broken();
      this.#finish();
      return;
    }
    if (!body.done || this.#body === undefined) return;
    this.#body = undefined;
    // what was delivered whole may be its receiver's already
    if (at < length) this.#keep(bytes.subarray(at));
    this.#stream?.requestEnded();
  }

  readonly #deliver = (data: Buffer): void => {
    const stream = this.#stream as Http1ServerStream;
    const memory = this.#memory;
    memory?.lend(data.length);
    if (!stream.over) {
      stream.deliver(data, memory);
      return;
    }
    memory?.release(data.length);
    if ((this.#discarded += data.length) > maxDiscardedBytes) this.#finish();
  };

  #tooLarge(text: string): void {
    this.#options.onLimit('headers');
    this.#draining = true;
    this.refuse(431, text);
    this.#finish();
  }

  /**
   * Answers in nobody's place, or in that of a stream's user.
   * @param id the answer's x-request-id, where that is known
   */
  refuse(status: number, text: string, id = this.#options.onRefused?.(status, text)): void {
    this.output.text(refusal(status, text, id));
  }

  #handOver(): void {
    const { socket } = this;
    this.#patience.end();
    this.#over = true;
    this.output.detach();
    this.#stopReading();
    socket.off('close', this.#onClose);
    socket.off('end', this.#onEnd);
    const rest = this.#rest;
    this.#keep(empty);
    this.#options.onOther(rest);
  }

  // --- the end of a request, and of the connection ---

  /** An answer begins before its request is here: the connection ends with it when the rest is too much to wait for. */
  answeredEarly(restIsKept: boolean): void {
    if (restIsKept || (this.#body?.leftBytes ?? 0) > maxDiscardedBytes) this.#draining = true;
  }

  /** The stream has answered; the next request's turn comes when the rest of this one is here. */
  answered(stream: Http1ServerStream): void {
    if (stream.requestComplete) this.#next();
    else {
      this.socket.resume();
      // the client sees the end of the answer, and its own bytes do not become a reset that overtakes it
      if (this.#draining) this.#finish();
      else this.#patience.expectWithin(lingerMs);
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
      setImmediate(
        this.#guarded(() => {
          if (!this.#over && this.#stream === undefined) this.#goOn();
        }),
      );
  }

  /** What came behind a request is looked at, unless the client has not read what it was answered so far. */
  #goOn(): void {
    this.#holdsBack = this.output.blocked;
    if (this.#holdsBack) {
      this.socket.pause();
      return;
    }
    this.socket.resume();
    if (this.#rest.length > 0) this.#head();
  }

  /** The rest of a request that was answered early has come. */
  discarded(): void {
    this.#next();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #finish(): void {
    if (this.#linger !== undefined) return;
    this.#linger = new Linger();
    this.#draining = true;
    this.output.flush();
    this.socket.end();
    this.socket.resume();
    this.#keep(empty);
    this.#patience.expectWithin(lingerMs);
  }

  #outOfPatience(): void {
    if (!this.#headBegan) {
      if (this.output.waiting === 0) this.socket.destroy();
      // the client is still reading; one that takes nothing is cut off as a slow reader
      else
        this.output.whenTaken(
          this.#guarded(() => {
            const stream = this.#stream;
            if (this.#over || stream?.over === false) return;
            const lingers = stream !== undefined || this.socket.writableEnded;
            this.#patience.expectWithin(lingers ? lingerMs : this.#options.keepAliveTimeoutMs);
          }),
        );
      return;
    }
    this.#headBegan = false;
    this.#options.onLimit('slow headers');
    this.refuse(408, `the request's head took longer than ${this.#options.headersTimeoutMs} ms`);
    this.#draining = true;
    this.#finish();
  }

  /**
   * The client has ended its side: whoever waits for an answer is taken for gone, also where something waits to be
   * read.
   */
  readonly #onEnd = guarded('connection', () => {
    if (this.#stream?.over === false) this.destroy();
  });

  readonly #onClose = guarded('connection', () => {
    this.#over = true;
    this.#patience.end();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.lost();
    this.#keep(empty);
    this.output.forget();
    this.#options.onClose();
  });
}
