/**
 * What both ends of an HTTP/2 connection share: streams, flow control, settings, and the orderly and the sudden end.
 */
import type { ConnectionLimit } from '../limit-names.ts';
import type { Duplex } from 'node:stream';
import { fault, guard } from '../../base/faults.ts';
import { connectionLost, ownFault } from '../api.ts';
import {
  ConnectionError,
  defaultWindowBytes,
  ErrorCode,
  Flag,
  FrameType,
  maxWindowBytes,
} from '../constants.ts';
import { type Headers, HpackDecoder, noHeaders } from '../hpack/index.ts';
import { closeWithLinger, Output, type ReadBuffer, takeReads } from '../socket/index.ts';
import { AbuseLimits, flood } from './abuse-limits.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { type Http2Limits, maxWaitingBytes } from './limits.ts';
import type { ConnectionOptions } from './options.ts';
import { goawayPayload, settingsPayload, uint32Payload } from './payloads.ts';
import { PeerSettings } from './peer-settings.ts';
import { Pings } from './pings.ts';
import { ReceiveWindow } from './receive-window.ts';
import { RecentIds } from './recent-ids.ts';
import { Sender } from './sender.ts';
import { StreamTable } from './stream-table.ts';
import { Http2Stream } from './stream.ts';

export const selfDependence = 'a stream that depends on itself';

/** What a DATA frame broke, by the code that Http2Stream.take() gives. */
const dataFaults: Readonly<Record<number, string>> = {
  [ErrorCode.STREAM_CLOSED]: 'DATA behind its end',
  [ErrorCode.PROTOCOL_ERROR]: 'DATA before its head, or of another length than announced',
  [ErrorCode.FLOW_CONTROL_ERROR]: 'more DATA than its flow-control window allows',
};

/**
 * What the client and the server side of an HTTP/2 connection share (RFC 9113): frame handling, stream table,
 * flow control, SETTINGS, PING.
 */
export abstract class Connection implements FrameSink {
  protected readonly socket: Duplex;
  protected readonly limits: Http2Limits;
  protected readonly streams = new StreamTable();
  protected readonly output: Output;
  protected readonly reader: FrameReader;
  protected readonly decoder: HpackDecoder;
  protected readonly limited: (name: ConnectionLimit) => void;
  protected readonly floods: AbuseLimits;
  readonly #ownResets = new RecentIds();
  readonly sender: Sender;
  readonly #window: ReceiveWindow;
  protected readonly peer = new PeerSettings();
  #settingsAcked = false;
  readonly #pings = new Pings();
  /** Streams so far. */
  #opened = 0;
  /** The highest stream that the peer has opened. */
  protected lastPeerId = 0;
  protected closed = false;

  constructor(socket: Duplex, options: ConnectionOptions, shared: boolean) {
    const { limits } = options;
    const clock = options.clock ?? (() => performance.now());
    this.socket = socket;
    this.limits = limits;
    this.limited = (name) => options.onLimit?.(name);
    this.floods = new AbuseLimits(limits, clock);
    this.decoder = new HpackDecoder(limits, options.varyingName, options.vitalNames);
    this.output = new Output(socket, options.onWaiting, () => {
      this.sender.pump();
    });
    this.sender = new Sender(
      this.output,
      limits,
      options.onWaiting,
      (stream) => {
        if (stream.remoteClosed) {
          if (stream.headed) this.floods.served();
          this.remove(stream);
        } else if (stream.resetAfterEnd) this.sendReset(stream, ErrorCode.NO_ERROR);
      },
      (stream, reason) => {
        this.broke(stream, reason);
      },
    );
    this.#window = new ReceiveWindow(limits.connectionWindowBytes, shared, (bytes) => {
      if (!this.closed) this.#sendWindowUpdate(0, bytes);
    });
    this.reader = new FrameReader(this, limits);
    takeReads(
      socket,
      (chunk, memory) => {
        this.read(chunk, memory);
      },
      // backends send little, and what takes their replies gives nothing back
      !shared,
    );
    socket.on('end', () => {
      this.lost(undefined);
    });
    socket.on('error', (error: Error) => {
      this.lost(error);
    });
    socket.on('close', () => {
      this.lost(undefined);
      this.output.forget();
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
    if (!this.closed) this.output.frame(FrameType.PING, 0, 0, this.#pings.next(callback));
  }

  // --- what the two ends do differently ---

  /** Whoever is on the other side may take its time to read what was written last; somebody else watches it. */
  protected abstract readonly waitsForReaders: boolean;
  protected abstract onHeaderBlock(
    id: number,
    fields: Headers | undefined,
    end: boolean,
    selfDependent: boolean,
  ): void;
  protected abstract onStreamRemoved(): void;
  protected abstract onPeerGoaway(lastId: number, code: number): void;
  protected abstract onPeerSettings(): void;
  protected abstract onLost(error: Error | undefined): void;
  /** True when that id may not have been used yet. */
  protected abstract isIdle(id: number): boolean;

  // --- input ---

  protected read(chunk: Buffer, memory?: ReadBuffer): void {
    if (this.closed) return;
    this.floods.newRead();
    try {
      this.reader.push(chunk, memory);
      // acknowledgements and resets pass a blocked socket, so that they are bounded here
      if (this.output.blocked && this.output.waiting > maxWaitingBytes(this.limits)) throw flood('control');
    } catch (reason) {
      this.fail(reason);
    }
  }

  onHeadersFrame(
    id: number,
    bytes: Buffer,
    from: number,
    to: number,
    end: boolean,
    selfDependent: boolean,
  ): void {
    this.onHeaderBlock(id, this.decoder.decode(bytes, from, to), end, selfDependent);
  }

  /**
   * DATA begins: what of the frame is padding is credited at once. Gives the stream, or undefined to drop the
   * payload.
   */
  onDataFrame(id: number, length: number, padding: number, end: boolean): Http2Stream | undefined {
    if (id === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0');
    this.#window.take(length);
    const stream = this.streams.get(id);
    if (length - padding === 0 && !end) this.floods.frame('empty DATA');
    if (stream === undefined) {
      if (this.isIdle(id)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `DATA on idle stream ${id}`);
      if (!this.#ownResets.has(id)) this.resetId(id, ErrorCode.STREAM_CLOSED, 'DATA behind its end');
      this.#window.dealtWith(length);
      return undefined;
    }
    const broken = stream.take(length, padding, end);
    if (broken !== undefined) {
      this.#window.dealtWith(length);
      this.streamError(stream, broken, dataFaults[broken] ?? 'DATA out of place');
      return undefined;
    }
    if (padding > 0) {
      stream.outstanding += padding;
      this.credit(stream, padding);
    }
    return stream;
  }

  onDataChunk(stream: Http2Stream | undefined, chunk: Buffer, memory: ReadBuffer | undefined): void {
    if (stream === undefined || stream.removed || stream.muted) memory?.release(chunk.length);
    if (stream === undefined) return;
    if (stream.removed) {
      this.#window.dealtWith(chunk.length);
      return;
    }
    stream.outstanding += chunk.length;
    if (stream.muted) this.credit(stream, chunk.length);
    else {
      try {
        stream.events?.onData(chunk, memory);
      } catch (reason) {
        this.broke(stream, reason);
      }
    }
  }

  onDataEnd(stream: Http2Stream | undefined): void {
    if (stream !== undefined && !stream.removed) this.remoteEnd(stream, noHeaders);
  }

  onReset(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id))
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on idle stream ${id}`);
      this.floods.cancelledLate(this.#opened);
      return;
    }
    this.floods.cancelled(stream.openedMs);
    const told = !stream.muted;
    this.remove(stream);
    if (told) this.tellReset(stream, code, code === ErrorCode.REFUSED_STREAM);
  }

  onPriority(id: number, selfDependent: boolean): void {
    this.floods.frame('PRIORITY');
    if (!selfDependent) return;
    // a stream that is not there cannot be reset: not yet (RFC 9113 §6.4), and no more
    if (this.isIdle(id))
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `idle stream ${id} depends on itself`);
    const stream = this.streams.get(id);
    if (stream !== undefined) this.streamError(stream, ErrorCode.PROTOCOL_ERROR, selfDependence);
  }

  onUnknown(): void {
    this.floods.frame('unknown');
  }

  onSettings(entries: readonly (readonly [id: number, value: number])[]): void {
    this.floods.frame('SETTINGS');
    for (const [id, value] of entries) this.peer.apply(id, value, this.sender, this.streams);
    this.output.frame(FrameType.SETTINGS, Flag.ACK, 0, undefined);
    this.onPeerSettings();
    this.sender.pump();
  }

  onSettingsAck(): void {
    if (this.#settingsAcked) this.floods.frame('SETTINGS');
    this.#settingsAcked = true;
  }

  onPing(payload: Buffer, ack: boolean): void {
    if (ack && this.#pings.answered(payload)) return;
    this.floods.frame('PING');
    if (!ack) this.output.frame(FrameType.PING, Flag.ACK, 0, payload);
  }

  onGoaway(lastId: number, code: number): void {
    this.floods.frame('GOAWAY');
    this.onPeerGoaway(lastId, code);
  }

  onWindowUpdate(id: number, increment: number): void {
    this.floods.update(this.sender.dataFrames + this.#opened);
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      this.sender.widen(increment);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id))
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${id}`);
      return;
    }
    if (increment === 0) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindowBytes)
      this.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR, 'a flow-control window beyond 2^31-1 bytes');
    else if (this.sender.waits(stream)) this.sender.pump();
  }

  // --- streams ---

  protected addStream(id: number): Http2Stream {
    this.#opened++;
    const window = this.limits.initialWindowBytes;
    const stream = new Http2Stream(
      this,
      id,
      this.peer.window,
      this.#settingsAcked ? window : Math.max(window, defaultWindowBytes),
    );
    this.streams.add(stream);
    return stream;
  }

  protected remoteEnd(stream: Http2Stream, trailers: Headers): void {
    if (stream.contentLength >= 0 && stream.received !== stream.contentLength) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, 'another length than content-length says');
      return;
    }
    stream.remoteClosed = true;
    if (!stream.muted) {
      try {
        stream.events?.onEnd(trailers);
      } catch (reason) {
        this.broke(stream, reason);
      }
    }
    if (stream.localClosed) this.remove(stream);
  }

  /** Ends a stream that broke a rule; its user is told. @param rule as StreamEvents.onReset has its fault */
  protected streamError(stream: Http2Stream, code: number, rule: string): void {
    this.giveUp(stream, code, rule);
    this.floods.reset();
  }

  /** Ends a stream; its user is told. */
  protected giveUp(stream: Http2Stream, code: number, rule?: string): void {
    const told = !stream.muted;
    stream.muted = true;
    this.sendReset(stream, code);
    if (told) this.tellReset(stream, code, false, rule);
  }

  /** The stream's user has thrown at an event: the stream ends, and its connection goes on with all others. */
  protected broke(stream: Http2Stream, reason: unknown): void {
    fault('stream', reason);
    const told = !stream.muted;
    stream.muted = true;
    this.sendReset(stream, ErrorCode.INTERNAL_ERROR);
    if (told) this.tellReset(stream, ownFault, false);
  }

  /** The last event, in a guard of its own: whoever it is told to lets go of what the stream held. */
  protected tellReset(stream: Http2Stream, code: number, notProcessed: boolean, rule?: string): void {
    guard('stream', () => stream.events?.onReset(code, notProcessed, rule));
  }

  protected resetId(id: number, code: number, rule: string): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) this.streamError(stream, code, rule);
    else {
      this.#ownResets.add(id);
      this.#sendRst(id, code);
      this.floods.reset();
    }
  }

  protected wasReset(id: number): boolean {
    return this.#ownResets.has(id);
  }

  protected remove(stream: Http2Stream): void {
    if (stream.removed) return;
    stream.removed = true;
    stream.localClosed = true;
    this.streams.delete(stream.id);
    this.sender.drop(stream);
    this.#window.dealtWith(stream.outstanding);
    stream.outstanding = 0;
    this.onStreamRemoved();
  }

  // --- output ---

  /** The user of a stream wants no more of it. */
  cancel(stream: Http2Stream, code: number): void {
    this.sendReset(stream, code);
  }

  sendReset(stream: Http2Stream, code: number): void {
    if (stream.removed) return;
    this.#ownResets.add(stream.id);
    this.remove(stream);
    this.#sendRst(stream.id, code);
  }

  #sendRst(id: number, code: number): void {
    this.output.frame(FrameType.RST_STREAM, 0, id, uint32Payload(code));
  }

  credit(stream: Http2Stream, bytes: number): void {
    if (stream.removed) return; // the connection got it back when the stream went
    this.#window.dealtWith(stream.giveBack(bytes));
    const increment = stream.announce(this.limits.initialWindowBytes / 4);
    if (increment > 0) this.#sendWindowUpdate(stream.id, increment);
  }

  #sendWindowUpdate(id: number, increment: number): void {
    this.output.frame(FrameType.WINDOW_UPDATE, 0, id, uint32Payload(increment));
  }

  protected sendSettings(entries: readonly (readonly [id: number, value: number])[]): void {
    this.output.frame(FrameType.SETTINGS, 0, 0, settingsPayload(entries));
    const more = this.limits.connectionWindowBytes - defaultWindowBytes;
    if (more > 0) this.#sendWindowUpdate(0, more);
  }

  protected sendGoaway(lastId: number, code: number, text = ''): void {
    this.output.frame(FrameType.GOAWAY, 0, 0, goawayPayload(lastId, code, text));
  }

  // --- the end ---

  /** Says why, and ends the connection. */
  protected fail(reason: unknown): void {
    if (this.closed) return;
    const known = reason instanceof ConnectionError;
    if (!known) fault('connection', reason);
    const error = known ? reason : new ConnectionError(ErrorCode.INTERNAL_ERROR, 'internal error');
    if (error.limit !== undefined) this.limited(error.limit);
    this.sendGoaway(this.lastPeerId, error.code, error.message);
    this.#leave(known ? error : (reason as Error));
  }

  protected lost(error: Error | undefined): void {
    if (this.closed) return;
    this.output.flush();
    this.#end(error);
    this.socket.destroy();
  }

  /** Nothing is left to do: the socket ends after what was written. */
  protected finish(): void {
    if (!this.closed) this.#leave(undefined);
  }

  #leave(error: Error | undefined): void {
    this.output.flush();
    this.#end(error);
    closeWithLinger(this.socket, error === undefined && this.waitsForReaders);
  }

  #end(error: Error | undefined): void {
    this.closed = true;
    const streams = this.streams.all();
    this.streams.clear();
    this.sender.clear();
    this.#pings.clear();
    for (const stream of streams) {
      stream.removed = true;
      stream.localClosed = true;
      if (!stream.muted) this.tellReset(stream, connectionLost, false);
    }
    guard('connection', () => {
      this.onLost(error);
    });
  }
}
