/** What both ends of an HTTP/2 connection share: streams, flow control, settings, and the orderly and the sudden end. */
import type { Duplex } from 'node:stream';
import {
  ConnectionError,
  defaultFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  Flag,
  FrameType,
  maxFrameBytes,
  maxStreamId,
  maxWindowBytes,
  Setting,
} from './constants.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { HpackDecoder, type Headers } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { Allowance, type Http2Limits } from './limits.ts';
import { Output } from './output.ts';
import { Http2Stream } from './stream.ts';

export interface ConnectionOptions {
  readonly limits: Http2Limits;
  /** A limit refused something: "streams", "headers", "resets", ... */
  onLimit?(name: string): void;
  /** Monotonic milliseconds; for the flood limits. */
  readonly clock?: () => number;
}

/** onReset's code when the connection was lost: no code of the peer's. */
export const connectionLost = -1;

/** Streams that this end reset and that the peer may not know of yet. */
const maxRecentlyReset = 256;
/** How long a connection that failed may take to deliver its GOAWAY, in ms. */
const lingerMs = 1000;

export abstract class Connection implements FrameSink {
  protected readonly socket: Duplex;
  protected readonly limits: Http2Limits;
  protected readonly streams = new Map<number, Http2Stream>();
  protected readonly output: Output;
  protected readonly reader: FrameReader;
  protected readonly decoder: HpackDecoder;
  readonly #encoder = new HpackEncoder();
  readonly #onLimit: (name: string) => void;
  readonly #frames: Allowance;
  readonly #resets: Allowance;
  readonly #recentlyReset = new Set<number>();
  readonly #pending = new Set<Http2Stream>();
  #sendWindow = defaultWindowBytes;
  #receiveWindow: number;
  #unannounced = 0;
  #peerWindow = defaultWindowBytes;
  #peerFrameBytes = defaultFrameBytes;
  protected peerMaxStreams = maxStreamId;
  #settingsAcked = false;
  #pings = new Map<string, () => void>();
  #pingCount = 0;
  /** The highest stream that the peer has opened. */
  protected lastPeerId = 0;
  protected closed = false;

  constructor(socket: Duplex, options: ConnectionOptions) {
    const { limits } = options;
    const clock = options.clock ?? (() => performance.now());
    this.socket = socket;
    this.limits = limits;
    this.#onLimit = (name) => options.onLimit?.(name);
    this.#frames = new Allowance(limits.burstFrames, limits.framesPerSecond, clock);
    this.#resets = new Allowance(limits.burstResets, limits.resetsPerSecond, clock);
    this.decoder = new HpackDecoder(limits);
    this.output = new Output(socket, () => {
      this.#pump();
    });
    this.#receiveWindow = Math.max(limits.connectionWindowBytes, defaultWindowBytes);
    this.reader = new FrameReader(this, limits);
    socket.on('data', (chunk: Buffer) => {
      this.read(chunk);
    });
    socket.on('end', () => {
      this.lost(undefined);
    });
    socket.on('error', (error: Error) => {
      this.lost(error);
    });
    socket.on('close', () => {
      this.lost(undefined);
    });
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** Cuts the connection; streams are lost. */
  destroy(error?: Error): void {
    this.lost(error);
  }

  /** Calls back when the peer has answered. */
  ping(callback: () => void): void {
    if (this.closed) return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#pingCount, 4);
    this.#pings.set(payload.toString('latin1'), callback);
    this.output.frame(FrameType.PING, 0, 0, payload);
  }

  // --- what the two ends do differently ---

  protected abstract onHeaderBlock(id: number, fields: Headers | undefined, end: boolean): void;
  protected abstract onStreamRemoved(): void;
  protected abstract onPeerGoaway(lastId: number, code: number): void;
  protected abstract onPeerSettings(): void;
  protected abstract onLost(error: Error | undefined): void;
  /** True when that id may not have been used yet. */
  protected abstract isIdle(id: number): boolean;

  // --- input ---

  protected read(chunk: Buffer): void {
    if (this.closed) return;
    this.output.hold();
    try {
      this.reader.push(chunk);
      // acknowledgements and resets pass a blocked socket, so that they are bounded here
      if (
        this.output.blocked &&
        this.output.waiting > 2 * this.limits.highWaterBytes + this.limits.maxControlBytes + 262_144
      ) {
        throw this.flood('control');
      }
    } catch (reason) {
      this.fail(reason);
    }
    this.output.release();
  }

  protected flood(limit: string): ConnectionError {
    this.#onLimit(limit);
    return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `too many ${limit} frames`);
  }

  protected limited(name: string): void {
    this.#onLimit(name);
  }

  #spend(limit: string): void {
    if (!this.#frames.take()) throw this.flood(limit);
  }

  onHeadersFrame(id: number, block: Buffer, end: boolean, selfDependent: boolean): void {
    const fields = this.decoder.decode(block);
    if (selfDependent) this.resetId(id, ErrorCode.PROTOCOL_ERROR);
    else this.onHeaderBlock(id, fields, end);
  }

  /** DATA begins: what of the frame is padding is credited at once. Gives the stream, or undefined to drop the payload. */
  onDataFrame(id: number, length: number, padding: number, end: boolean): Http2Stream | undefined {
    if (id === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0');
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'the connection window is exceeded');
    const stream = this.streams.get(id);
    if (length - padding === 0 && !end) this.#spend('empty DATA');
    if (stream === undefined) {
      if (this.isIdle(id)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `DATA on idle stream ${id}`);
      if (!this.#recentlyReset.has(id)) this.resetId(id, ErrorCode.STREAM_CLOSED);
      this.#creditConnection(length);
      return undefined;
    }
    const refuse = (code: number): undefined => {
      this.#creditConnection(length);
      this.streamError(stream, code);
    };
    if (stream.remoteClosed) return refuse(ErrorCode.STREAM_CLOSED);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return refuse(ErrorCode.FLOW_CONTROL_ERROR);
    stream.received += length - padding;
    if (
      stream.contentLength >= 0 &&
      (stream.received > stream.contentLength || (end && stream.received !== stream.contentLength))
    ) {
      return refuse(ErrorCode.PROTOCOL_ERROR);
    }
    if (padding > 0) {
      stream.outstanding += padding;
      this.credit(stream, padding);
    }
    return stream;
  }

  onDataChunk(stream: Http2Stream | undefined, chunk: Buffer): void {
    if (stream === undefined) return;
    if (stream.removed) {
      this.#creditConnection(chunk.length);
      return;
    }
    stream.outstanding += chunk.length;
    if (stream.muted) this.credit(stream, chunk.length);
    else stream.events?.onData(chunk);
  }

  onDataEnd(stream: Http2Stream | undefined): void {
    if (stream !== undefined && !stream.removed) this.remoteEnd(stream, none);
  }

  onReset(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id))
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on idle stream ${id}`);
      this.#spend('RST_STREAM');
      return;
    }
    if (!this.#resets.take()) throw this.flood('resets');
    const told = !stream.muted;
    this.remove(stream);
    if (told) stream.events?.onReset(code, code === ErrorCode.REFUSED_STREAM);
  }

  onPriority(id: number, selfDependent: boolean): void {
    this.#spend('PRIORITY');
    if (selfDependent) this.resetId(id, ErrorCode.PROTOCOL_ERROR);
  }

  onUnknown(): void {
    this.#spend('unknown');
  }

  onSettings(entries: readonly (readonly [id: number, value: number])[]): void {
    this.#spend('SETTINGS');
    for (const [id, value] of entries) this.#applySetting(id, value);
    this.output.frame(FrameType.SETTINGS, Flag.ACK, 0, undefined);
    this.onPeerSettings();
    this.#pump();
  }

  onSettingsAck(): void {
    this.#settingsAcked = true;
  }

  onPing(payload: Buffer, ack: boolean): void {
    if (!ack) {
      this.#spend('PING');
      this.output.frame(FrameType.PING, Flag.ACK, 0, payload);
      return;
    }
    const key = payload.toString('latin1');
    const callback = this.#pings.get(key);
    this.#pings.delete(key);
    callback?.();
  }

  onGoaway(lastId: number, code: number): void {
    this.#spend('GOAWAY');
    this.onPeerGoaway(lastId, code);
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      this.#sendWindow += increment;
      if (this.#sendWindow > maxWindowBytes)
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'the connection window overflows');
      this.#pump();
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id))
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${id}`);
      return;
    }
    if (increment === 0) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindowBytes) this.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR);
    else if (this.#pending.has(stream)) this.#pump();
  }

  #applySetting(id: number, value: number): void {
    switch (id) {
      case Setting.HEADER_TABLE_SIZE:
        this.#encoder.setTableSize(value);
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `ENABLE_PUSH of ${value}`);
        break;
      case Setting.MAX_CONCURRENT_STREAMS:
        this.peerMaxStreams = value;
        break;
      case Setting.INITIAL_WINDOW_SIZE: {
        if (value > maxWindowBytes)
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE of ${value}`);
        const change = value - this.#peerWindow;
        this.#peerWindow = value;
        for (const stream of this.streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > maxWindowBytes)
            throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'a stream window overflows');
        }
        break;
      }
      case Setting.MAX_FRAME_SIZE:
        if (value < defaultFrameBytes || value > maxFrameBytes) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `MAX_FRAME_SIZE of ${value}`);
        }
        // larger frames than the default only make a slow peer's turns longer
        this.#peerFrameBytes = Math.min(value, 65_536);
        break;
    }
  }

  // --- streams ---

  protected addStream(id: number): Http2Stream {
    const window = this.limits.initialWindowBytes;
    const stream = new Http2Stream(
      this,
      id,
      this.#peerWindow,
      this.#settingsAcked ? window : Math.max(window, defaultWindowBytes),
    );
    this.streams.set(id, stream);
    return stream;
  }

  protected remoteEnd(stream: Http2Stream, trailers: Headers): void {
    if (stream.contentLength >= 0 && stream.received !== stream.contentLength) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    stream.remoteClosed = true;
    if (!stream.muted) stream.events?.onEnd(trailers);
    if (stream.localClosed) this.remove(stream);
  }

  /** Ends a stream that broke a rule; its user is told. */
  protected streamError(stream: Http2Stream, code: number): void {
    const told = !stream.muted;
    stream.muted = true;
    this.sendReset(stream, code);
    if (told) stream.events?.onReset(code, false);
  }

  protected resetId(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) this.streamError(stream, code);
    else {
      this.#remember(id);
      this.#sendRst(id, code);
    }
  }

  protected wasReset(id: number): boolean {
    return this.#recentlyReset.has(id);
  }

  protected remove(stream: Http2Stream): void {
    if (stream.removed) return;
    stream.removed = true;
    stream.localClosed = true;
    this.streams.delete(stream.id);
    this.#pending.delete(stream);
    stream.queue = [];
    stream.queuedBytes = 0;
    this.#creditConnection(stream.outstanding);
    stream.outstanding = 0;
    this.onStreamRemoved();
  }

  #remember(id: number): void {
    this.#recentlyReset.add(id);
    if (this.#recentlyReset.size > maxRecentlyReset) {
      const [oldest] = this.#recentlyReset;
      this.#recentlyReset.delete(oldest as number);
    }
  }

  // --- output ---

  sendHeaders(stream: Http2Stream, headers: Headers, extra: Headers | undefined, end: boolean): void {
    const block = this.#encoder.encode(headers, extra);
    const flags = end ? Flag.END_STREAM : 0;
    if (block.length <= this.#peerFrameBytes) {
      this.output.frame(FrameType.HEADERS, flags | Flag.END_HEADERS, stream.id, block);
    } else {
      // a large payload is sent by reference, and the encoder's buffer is used again
      const copy = Buffer.from(block);
      for (let at = 0; at < copy.length; at += this.#peerFrameBytes) {
        const last = at + this.#peerFrameBytes >= copy.length;
        const type = at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
        const part = copy.subarray(at, at + this.#peerFrameBytes);
        this.output.frame(type, (at === 0 ? flags : 0) | (last ? Flag.END_HEADERS : 0), stream.id, part);
      }
    }
    if (end) this.#localEnd(stream);
  }

  sendData(stream: Http2Stream, chunk: Uint8Array): boolean {
    if (chunk.length > 0) {
      stream.queue.push(chunk);
      stream.queuedBytes += chunk.length;
      if (this.#pending.has(stream)) {
        // waits its turn
      } else if (!this.#send(stream, Number.POSITIVE_INFINITY)) this.#pending.add(stream);
    }
    if (stream.queuedBytes < this.limits.highWaterBytes) return true;
    stream.needsDrain = true;
    return false;
  }

  sendEnd(stream: Http2Stream): void {
    if (!this.#pending.has(stream)) this.#send(stream, 0);
  }

  sendReset(stream: Http2Stream, code: number): void {
    if (stream.removed) return;
    this.#remember(stream.id);
    this.remove(stream);
    this.#sendRst(stream.id, code);
  }

  #sendRst(id: number, code: number): void {
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(code);
    this.output.frame(FrameType.RST_STREAM, 0, id, payload);
  }

  /** Sends what the windows allow, `maxFrames` at most. True when nothing is left to send. */
  #send(stream: Http2Stream, maxFrames: number): boolean {
    let frames = maxFrames;
    while (stream.queuedBytes > 0 && frames-- > 0) {
      if (this.output.blocked) return false;
      const chunk = stream.queue[0] as Uint8Array;
      const size = Math.min(chunk.length, stream.sendWindow, this.#sendWindow, this.#peerFrameBytes);
      if (size <= 0) return false;
      const whole = size === chunk.length;
      if (whole) stream.queue.shift();
      else stream.queue[0] = chunk.subarray(size);
      stream.queuedBytes -= size;
      stream.sendWindow -= size;
      this.#sendWindow -= size;
      const last = stream.queuedBytes === 0 && stream.ending?.length === 0;
      this.output.frame(
        FrameType.DATA,
        last ? Flag.END_STREAM : 0,
        stream.id,
        whole ? chunk : chunk.subarray(0, size),
      );
      if (last) {
        this.#localEnd(stream);
        return true;
      }
    }
    if (stream.queuedBytes > 0) return false;
    if (stream.ending !== undefined && !stream.localClosed) {
      if (stream.ending.length > 0) this.sendHeaders(stream, stream.ending, undefined, true);
      else {
        this.output.frame(FrameType.DATA, Flag.END_STREAM, stream.id, undefined);
        this.#localEnd(stream);
      }
    }
    return true;
  }

  #localEnd(stream: Http2Stream): void {
    stream.localClosed = true;
    if (stream.remoteClosed) this.remove(stream);
    else if (stream.resetAfterEnd) this.sendReset(stream, ErrorCode.NO_ERROR);
  }

  /** One frame of each waiting stream in turn, for as long as anything can go. */
  #pump(): void {
    let progress = this.#pending.size > 0;
    while (progress) {
      progress = false;
      for (const stream of this.#pending) {
        if (this.output.blocked || this.#sendWindow <= 0) return;
        const before = stream.queuedBytes;
        if (this.#send(stream, 1)) this.#pending.delete(stream);
        progress ||= stream.queuedBytes < before && stream.queuedBytes > 0;
        if (stream.needsDrain && stream.queuedBytes <= this.limits.highWaterBytes / 4) {
          stream.needsDrain = false;
          if (!stream.muted) stream.events?.onDrain();
        }
      }
    }
  }

  credit(stream: Http2Stream, bytes: number): void {
    if (stream.removed) return; // the connection got it back when the stream went
    const given = Math.min(bytes, stream.outstanding);
    stream.outstanding -= given;
    this.#creditConnection(given);
    if (stream.remoteClosed) return;
    stream.unannounced += given;
    if (stream.unannounced < this.limits.initialWindowBytes / 4) return;
    stream.receiveWindow += stream.unannounced;
    this.#sendWindowUpdate(stream.id, stream.unannounced);
    stream.unannounced = 0;
  }

  #creditConnection(bytes: number): void {
    this.#unannounced += bytes;
    if (this.closed || this.#unannounced < this.limits.connectionWindowBytes / 4) return;
    this.#receiveWindow += this.#unannounced;
    this.#sendWindowUpdate(0, this.#unannounced);
    this.#unannounced = 0;
  }

  #sendWindowUpdate(id: number, increment: number): void {
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(increment);
    this.output.frame(FrameType.WINDOW_UPDATE, 0, id, payload);
  }

  protected sendSettings(entries: readonly (readonly [id: number, value: number])[]): void {
    const payload = Buffer.allocUnsafe(entries.length * 6);
    entries.forEach(([id, value], i) => {
      payload.writeUInt16BE(id, i * 6);
      payload.writeUInt32BE(value, i * 6 + 2);
    });
    this.output.frame(FrameType.SETTINGS, 0, 0, payload);
    const more = this.limits.connectionWindowBytes - defaultWindowBytes;
    if (more > 0) this.#sendWindowUpdate(0, more);
  }

  protected sendGoaway(lastId: number, code: number, text = ''): void {
    const payload = Buffer.alloc(8 + text.length);
    payload.writeUInt32BE(lastId);
    payload.writeUInt32BE(code, 4);
    payload.write(text, 8, 'latin1');
    this.output.frame(FrameType.GOAWAY, 0, 0, payload);
  }

  // --- the end ---

  /** Says why, and ends the connection. */
  protected fail(reason: unknown): void {
    if (this.closed) return;
    const known = reason instanceof ConnectionError;
    const error = known ? reason : new ConnectionError(ErrorCode.INTERNAL_ERROR, 'internal error');
    this.sendGoaway(this.lastPeerId, error.code, error.message);
    this.output.flush();
    const { socket } = this;
    this.#end(known ? error : (reason as Error));
    socket.end();
    setTimeout(() => socket.destroy(), lingerMs).unref();
  }

  protected lost(error: Error | undefined): void {
    if (this.closed) return;
    this.output.flush();
    this.#end(error);
    this.socket.destroy();
  }

  /** Nothing is left to do: the socket ends after what was written. */
  protected finish(): void {
    if (this.closed) return;
    this.output.flush();
    const { socket } = this;
    this.#end(undefined);
    socket.end();
    setTimeout(() => socket.destroy(), lingerMs).unref();
  }

  #end(error: Error | undefined): void {
    this.closed = true;
    const streams = [...this.streams.values()];
    this.streams.clear();
    this.#pending.clear();
    this.#pings.clear();
    for (const stream of streams) {
      stream.removed = true;
      stream.localClosed = true;
      if (!stream.muted) stream.events?.onReset(connectionLost, false);
    }
    this.onLost(error);
  }
}

const none: Headers = Object.freeze([]);
