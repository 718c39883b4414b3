/** The client end of one HTTP/2 connection. */
import type { Duplex } from 'node:stream';
import { guarded } from '../../base/faults.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { type ClientStream, connectionLost, type StreamEvents } from '../api.ts';
import { ConnectionError, ErrorCode, maxStreamId, preface, Setting } from '../constants.ts';
import type { Headers } from '../hpack/index.ts';
import { Connection, selfDependence } from './connection.ts';
import type { ConnectionOptions } from './options.ts';
import type { Http2Stream } from './stream.ts';
import { checkResponse, checkTrailers } from './validate.ts';

export interface Http2ClientOptions extends ConnectionOptions {
  /** The peer's SETTINGS came: it does speak HTTP/2. */
  onReady(): void;
  onClose(error?: Error): void;
  /** No new streams are possible, since the peer wants none or the ids are used up; those that are open go on. */
  onGoaway?(): void;
  /** A stream has closed, or the peer allows more. */
  onCapacity?(): void;
  /** The first stream's id, an odd one; 1 when absent. */
  readonly firstId?: number;
}

/** RFC 9113 §6.5.2 sets no limit; until a server says its own, this many is what servers commonly allow. */
const assumedMaxStreams = 100;
/** How often streams that wait to be cancelled are looked at, in ms. */
const cancelEveryMs = 100;

/**
 * Client side of one HTTP/2 connection (RFC 9113) with push disabled: opens streams up to the server's
 * MAX_CONCURRENT_STREAMS, and paces the RST_STREAM frames of those that are cancelled.
 */
export class Http2Client extends Connection {
  readonly #options: Http2ClientOptions;
  readonly #firstId: number;
  #nextId: number;
  #ready = false;
  #draining = false;
  readonly #cancels: TokenBucket;
  /** Cancelled streams whose peer is not told yet, and why. */
  readonly #cancelled = new Map<Http2Stream, number>();
  #cancelTimer: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, options: Http2ClientOptions) {
    super(socket, options, true);
    this.#options = options;
    this.#firstId = options.firstId ?? 1;
    this.#nextId = this.#firstId;
    const { burstCancels, cancelsPerSecond } = options.limits;
    this.#cancels = new TokenBucket(
      burstCancels,
      cancelsPerSecond,
      options.clock ?? (() => performance.now()),
    );
    this.peer.maxStreams = assumedMaxStreams;
    this.output.raw(preface);
    this.sendSettings([
      [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, options.limits.initialWindowBytes],
      // servers on grpc-go reset a call whose answer would be larger
      [Setting.MAX_HEADER_LIST_SIZE, options.limits.maxHeaderBlockBytes ?? options.limits.maxHeaderListBytes],
    ]);
  }

  /** Streams so far. */
  get opened(): number {
    return (this.#nextId - this.#firstId) / 2;
  }

  get maxConcurrentStreams(): number {
    return this.peer.maxStreams;
  }

  /** No new streams are possible: GOAWAY came or went, or the connection is gone. */
  get draining(): boolean {
    return this.#draining || this.closed;
  }

  get canOpen(): boolean {
    return !this.draining && this.streams.size < this.peer.maxStreams;
  }

  /**
   * Opens a stream.
   * @param headers an interned list: the same object again is encoded from memory
   * @param varying fields that differ from call to call, sent behind them
   * @param end there is no body
   */
  request(headers: Headers, varying: Headers, end: boolean, events: StreamEvents): ClientStream {
    const stream = this.addStream(this.#nextId);
    stream.events = events;
    if (this.draining) {
      // the connection began to drain before the caller was told: the peer would ignore this stream
      this.streams.delete(stream.id);
      stream.removed = true;
      // its body has no stream to go to: DATA without one would cost the calls that are still open
      stream.localClosed = true;
      process.nextTick(() => {
        if (!stream.muted) this.tellReset(stream, connectionLost, true);
      });
      return stream;
    }
    this.#nextId += 2;
    this.sender.headers(stream, headers, varying, end);
    if (this.#nextId > maxStreamId) {
      this.shutdown();
      this.#options.onGoaway?.();
    }
    return stream;
  }

  /** No new streams; ends when those that are open have ended. */
  shutdown(): void {
    if (this.closed || this.#draining) return;
    this.#draining = true;
    this.sendGoaway(0, ErrorCode.NO_ERROR);
    if (this.streams.size === 0) this.finish();
  }

  /**
   * At a pace that the peer does not take for an attack (CVE-2023-44487): it would end the calls of everybody else
   * too.
   */
  override cancel(stream: Http2Stream, code: number): void {
    if (this.#cancelled.size === 0 && this.#cancels.take()) {
      this.sendReset(stream, code);
      return;
    }
    this.limited('cancels');
    this.sender.drop(stream);
    this.#cancelled.set(stream, code);
    this.#cancelTimer ??= setInterval(
      guarded('connection', () => {
        this.#cancelSome();
      }),
      cancelEveryMs,
    ).unref();
  }

  #cancelSome(): void {
    for (const [stream, code] of this.#cancelled) {
      if (!stream.removed) {
        if (!this.#cancels.take()) return;
        this.sendReset(stream, code);
      }
      this.#cancelled.delete(stream);
    }
    clearInterval(this.#cancelTimer);
    this.#cancelTimer = undefined;
  }

  protected override readonly waitsForReaders = false;

  protected override onHeaderBlock(
    id: number,
    list: Headers | undefined,
    end: boolean,
    selfDependent: boolean,
  ): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id))
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `HEADERS on idle stream ${id}`);
      if (this.wasReset(id)) return;
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, `HEADERS on closed stream ${id}`);
    }
    if (stream.remoteClosed) {
      this.streamError(stream, ErrorCode.STREAM_CLOSED, 'HEADERS behind its end');
      return;
    }
    const fields = list ?? this.#vital(end);
    if (selfDependent) this.streamError(stream, ErrorCode.PROTOCOL_ERROR, selfDependence);
    else if (fields === undefined) {
      const { maxHeaderListBytes, maxHeaderFields } = this.limits;
      const limit = `the limits are ${maxHeaderListBytes} bytes and ${maxHeaderFields} fields`;
      this.streamError(
        stream,
        ErrorCode.ENHANCE_YOUR_CALM,
        `header fields that are too many or too large: ${limit}`,
      );
    } else if (stream.headed) this.#trailers(stream, fields, end);
    else this.#head(stream, fields, end);
  }

  /** The vital fields (grpc-status) of a list that is too large; undefined when they are missing. */
  #vital(end: boolean): Headers | undefined {
    this.limited('headers');
    const [needed] = this.#options.vitalNames ?? [];
    const { vital } = this.decoder;
    return end && needed !== undefined && vital.includes(needed) ? vital : undefined;
  }

  #head(stream: Http2Stream, list: Headers, end: boolean): void {
    const { fault, fields, status } = checkResponse(list);
    if (fault !== '') {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, fault);
      return;
    }
    if (status >= 100 && status < 200) {
      this.floods.frame('1xx');
      if (end) this.streamError(stream, ErrorCode.PROTOCOL_ERROR, `status ${status} as its whole answer`);
      return;
    }
    stream.headed = true;
    if (end) stream.remoteClosed = true;
    if (!stream.muted) {
      try {
        stream.events?.onHeaders?.(fields, end);
      } catch (reason) {
        this.broke(stream, reason);
      }
    }
    if (end && stream.localClosed) this.remove(stream);
  }

  #trailers(stream: Http2Stream, list: Headers, end: boolean): void {
    const { fault, fields } = checkTrailers(list);
    if (fault !== '') this.streamError(stream, ErrorCode.PROTOCOL_ERROR, fault);
    else if (!end) this.streamError(stream, ErrorCode.PROTOCOL_ERROR, 'trailers that do not end the stream');
    else this.remoteEnd(stream, fields);
  }

  protected override onStreamRemoved(): void {
    if (this.closed) return;
    if (this.#draining && this.streams.size === 0) {
      process.nextTick(
        guarded('connection', () => {
          if (this.streams.size === 0) this.finish();
        }),
      );
    } else this.#options.onCapacity?.();
  }

  protected override onPeerGoaway(lastId: number): void {
    const first = !this.#draining;
    this.#draining = true;
    if (first) this.#options.onGoaway?.();
    for (const stream of this.streams.all()) {
      if (stream.id <= lastId) continue;
      const told = !stream.muted;
      this.remove(stream);
      if (told) this.tellReset(stream, ErrorCode.REFUSED_STREAM, true);
    }
    if (this.streams.size === 0) this.onStreamRemoved();
  }

  protected override onPeerSettings(): void {
    if (!this.#ready) {
      this.#ready = true;
      this.#options.onReady();
    }
    this.#options.onCapacity?.();
  }

  protected override onLost(error: Error | undefined): void {
    clearInterval(this.#cancelTimer);
    this.#cancelled.clear();
    this.#options.onClose(error);
  }

  protected override isIdle(id: number): boolean {
    return id % 2 === 0 || id >= this.#nextId;
  }
}
