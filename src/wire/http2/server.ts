/** The server end of one HTTP/2 connection. */
import type { Duplex } from 'node:stream';
import { guarded } from '../../base/faults.ts';
import { StallTimer } from '../../base/stall-timer.ts';
import type { OnRefused, ServerStream, StreamEvents, TimeLimits, WaitingOutput } from '../api.ts';
import { ConnectionError, ErrorCode, maxStreamId, preface, Setting } from '../constants.ts';
import type { Headers } from '../hpack/index.ts';
import type { OnWaiting, ReadBuffer } from '../socket/index.ts';
import { Connection, selfDependence } from './connection.ts';
import type { ConnectionOptions } from './options.ts';
import type { Http2Stream } from './stream.ts';
import { checkRequest, checkRequestTrailers } from './validate.ts';

export interface Http2ServerOptions extends ConnectionOptions {
  /** A request has begun. `end`: it has no body; its onEnd follows all the same. */
  readonly onStream: (stream: ServerStream, headers: Headers, end: boolean) => StreamEvents;
  readonly onClose?: () => void;
}

/** A peer that does not answer the ping of a graceful end is not waited for longer, in ms. */
const shutdownPingMs = 1000;
/** Less is not worth a stream, in bytes. */
const minWaitingBytes = 16_384;
/** Heads above this are counted, in bytes: what is below is a part of what each call costs. */
const largeHeadBytes = 4096;

/**
 * Server side of one HTTP/2 connection (RFC 9113): reports each request to `onStream`, enforces its limits, and
 * closes gracefully with GOAWAY.
 */
export class Http2Server extends Connection {
  readonly #onStream: Http2ServerOptions['onStream'];
  readonly #onClose: (() => void) | undefined;
  readonly #onKept: OnWaiting | undefined;
  readonly #onRefused: OnRefused | undefined;
  /** Of the header block that is being read. */
  #blockBytes = 0;
  /** Of large heads of open streams: what the account has. */
  #headBytes = 0;
  #prefaceLeft: Buffer = preface;
  #shuttingDown = false;
  readonly #input = new StallTimer();
  readonly #idle = new StallTimer();
  readonly #unread = new StallTimer();
  /** Streams above this came after the final GOAWAY. */
  #lastServed = maxStreamId;

  constructor(socket: Duplex, options: Http2ServerOptions) {
    super(socket, options, false);
    this.#onStream = options.onStream;
    this.#onClose = options.onClose;
    this.#onKept = options.onKept;
    this.#onRefused = options.onRefused;
    const { limits } = options;
    this.sendSettings([
      [Setting.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams],
      [Setting.INITIAL_WINDOW_SIZE, limits.initialWindowBytes],
      [Setting.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
    ]);
  }

  /** Takes what was read from the socket already, the preface included; once, before anything else comes. */
  begin(bytes: Buffer): void {
    if (bytes.length > 0) this.read(bytes);
  }

  /** No new streams; ends when those that are open have ended. */
  shutdown(): void {
    if (this.#shuttingDown || this.closed) return;
    this.#shuttingDown = true;
    // first a warning, so that requests which are on their way are still served (RFC 9113 §6.8)
    this.sendGoaway(maxStreamId, ErrorCode.NO_ERROR);
    const lastCall = guarded('connection', () => {
      this.#lastCall();
    });
    const timer = setTimeout(lastCall, shutdownPingMs).unref();
    this.ping(() => {
      clearTimeout(timer);
      this.#lastCall();
    });
  }

  #lastCall(): void {
    if (this.closed || this.#lastServed !== maxStreamId) return;
    this.#lastServed = this.lastPeerId;
    this.sendGoaway(this.lastPeerId, ErrorCode.NO_ERROR);
    if (this.streams.size === 0) this.finish();
  }

  /** Lets go of what takes too long; called every so often. @param nowMs monotonic */
  tick(nowMs: number, limits: TimeLimits): void {
    if (this.closed) return;
    const stuckMs = this.#input.ms(this.reader.frames, nowMs);
    if (stuckMs > limits.headersMs && (this.reader.unfinished || this.#prefaceLeft.length > 0)) {
      const text = `a frame or header block took more than ${limits.headersMs} ms`;
      this.fail(new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, text, 'slow headers'));
      return;
    }
    const idle = this.streams.size === 0 ? this.lastPeerId : -1 - this.lastPeerId;
    if (this.#idle.ms(idle, nowMs) > limits.idleMs && idle >= 0) {
      this.limited('idle connection');
      this.shutdown();
      return;
    }
    for (const stream of this.streams.all()) {
      if (stream.queuedBytes > 0) {
        stream.standstill ??= new StallTimer();
        if (stream.standstill.ms(stream.queuedBytes, nowMs) > limits.writeMs) {
          this.limited('slow reader');
          this.giveUp(stream, ErrorCode.CANCEL);
          continue;
        }
      }
      if (stream.muted) continue;
      try {
        stream.events?.onTick?.();
      } catch (reason) {
        this.broke(stream, reason);
      }
    }
  }

  /** What waits for this client: stream by stream, or as a whole when it does not read its socket. */
  waiting(): WaitingOutput[] {
    if (this.closed) return [];
    const { output } = this;
    if (output.blocked) {
      const all = {
        bytes: this.sender.waitingBytes + output.waiting,
        stalledMs: (nowMs: number) => this.#unread.ms(output.waiting, nowMs),
        cut: () => {
          this.destroy();
        },
      };
      return [all];
    }
    const found: WaitingOutput[] = [];
    for (const stream of this.streams.all()) {
      if (stream.queuedBytes < minWaitingBytes) continue;
      found.push({
        bytes: stream.queuedBytes,
        stalledMs: (nowMs) => (stream.standstill ??= new StallTimer()).ms(stream.queuedBytes, nowMs),
        cut: () => {
          this.giveUp(stream, ErrorCode.ENHANCE_YOUR_CALM);
        },
      });
    }
    return found;
  }

  protected override read(chunk: Buffer, memory?: ReadBuffer): void {
    if (this.#prefaceLeft.length === 0) {
      super.read(chunk, memory);
      return;
    }
    const length = Math.min(chunk.length, this.#prefaceLeft.length);
    if (chunk.compare(this.#prefaceLeft, 0, length, 0, length) !== 0) {
      this.fail(new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'invalid connection preface'));
      return;
    }
    this.#prefaceLeft = this.#prefaceLeft.subarray(length);
    if (chunk.length > length) super.read(chunk.subarray(length));
  }

  protected override readonly waitsForReaders = true;

  override onHeadersFrame(
    id: number,
    bytes: Buffer,
    from: number,
    to: number,
    end: boolean,
    selfDependent: boolean,
  ): void {
    // not what the list is said to take: names and values of the table are there once, however often they are named
    this.#blockBytes = to - from;
    super.onHeadersFrame(id, bytes, from, to, end, selfDependent);
  }

  #countHead(stream: Http2Stream, bytes: number): void {
    this.#onKept?.(bytes - stream.headBytes);
    this.#headBytes += bytes - stream.headBytes;
    stream.headBytes = bytes;
  }

  protected override remove(stream: Http2Stream): void {
    if (stream.headBytes > 0 && !this.closed) this.#countHead(stream, 0);
    super.remove(stream);
  }

  /** Answers a request that nobody gets to see. */
  #refuse(id: number, end: boolean, status: number, text: string): void {
    const stream = this.addStream(id);
    stream.remoteClosed = end;
    const requestId = this.#onRefused?.(status, text) ?? '';
    const head = [':status', String(status), ...(requestId === '' ? [] : ['x-request-id', requestId])];
    if (status === 431) stream.respond(head, true);
    else {
      stream.respond([...head, 'content-type', 'text/plain; charset=utf-8']);
      stream.write(Buffer.from(`${text}\n`));
      stream.end();
    }
    stream.reset(ErrorCode.NO_ERROR);
    this.floods.reset();
  }

  protected override onHeaderBlock(
    id: number,
    fields: Headers | undefined,
    end: boolean,
    selfDependent: boolean,
  ): void {
    const open = this.streams.get(id);
    if (open !== undefined) {
      const trailers = fields === undefined ? undefined : checkRequestTrailers(fields);
      if (open.remoteClosed) this.streamError(open, ErrorCode.STREAM_CLOSED, 'HEADERS behind its end');
      else if (selfDependent) this.streamError(open, ErrorCode.PROTOCOL_ERROR, selfDependence);
      else if (!end || trailers?.ok !== true)
        this.streamError(open, ErrorCode.PROTOCOL_ERROR, trailers?.fault ?? 'trailers that are too large');
      else this.remoteEnd(open, trailers.fields);
      return;
    }
    if (id % 2 === 0)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${id}, which is not a client's`);
    if (id <= this.lastPeerId) {
      if (this.wasReset(id)) return;
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, `HEADERS on closed stream ${id}`);
    }
    this.lastPeerId = id;
    if (id > this.#lastServed) {
      this.resetId(id, ErrorCode.REFUSED_STREAM, 'a stream too many');
      return;
    }
    if (this.streams.size >= this.limits.maxConcurrentStreams) {
      this.limited('streams');
      this.resetId(id, ErrorCode.REFUSED_STREAM, 'a stream too many');
      return;
    }
    if (fields === undefined) {
      this.limited('headers');
      this.#refuse(id, end, 431, 'the request has header fields beyond the limits');
      return;
    }
    const checked = checkRequest(fields);
    if (checked.status > 0 && !selfDependent) {
      this.#refuse(id, end, checked.status, `the request has ${checked.fault}`);
      return;
    }
    if (selfDependent || !checked.ok) {
      this.resetId(id, ErrorCode.PROTOCOL_ERROR, selfDependent ? selfDependence : checked.fault);
      return;
    }
    const stream = this.addStream(id);
    stream.headed = true;
    stream.varying = this.decoder.varying;
    stream.openedMs = this.floods.nowMs;
    stream.contentLength = checked.contentLength;
    if (this.#blockBytes > largeHeadBytes) this.#countHead(stream, this.#blockBytes);
    try {
      stream.events = this.#onStream(stream, checked.fields, end);
    } catch (reason) {
      this.broke(stream, reason);
      return;
    }
    if (end && !stream.removed) this.remoteEnd(stream, []);
  }

  protected override onStreamRemoved(): void {
    if (this.streams.size === 0 && this.#lastServed !== maxStreamId) {
      // what the stream wrote last must leave first
      process.nextTick(
        guarded('connection', () => {
          if (this.streams.size === 0) this.finish();
        }),
      );
    }
  }

  protected override onPeerGoaway(): void {
    // a client that goes opens no more streams; those that are open go on
  }

  protected override onPeerSettings(): void {}

  protected override onLost(): void {
    if (this.#headBytes > 0) this.#onKept?.(-this.#headBytes);
    this.#headBytes = 0;
    this.#onClose?.();
  }

  protected override isIdle(id: number): boolean {
    return id % 2 === 0 || id > this.lastPeerId;
  }
}
