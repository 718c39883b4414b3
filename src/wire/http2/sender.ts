/** The sending half of a connection: header blocks, DATA within both windows, streams in turn. */
import { joinInto } from '../../base/bytes.ts';
import {
  ConnectionError,
  defaultFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  Flag,
  FrameType,
  maxWindowBytes,
} from '../constants.ts';
import { type Headers, HpackEncoder } from '../hpack/index.ts';
import { copyBytes, type OnWaiting, type Output } from '../socket/index.ts';
import type { Http2Limits } from './limits.ts';
import { emptyQueue, type Http2Stream } from './stream.ts';

/**
 * Writes HEADERS and DATA of one connection within the flow-control windows of connection and streams (RFC 9113
 * §5.2); what may not be sent yet is queued.
 */
export class Sender {
  readonly encoder = new HpackEncoder();
  readonly #output: Output;
  readonly #limits: Http2Limits;
  readonly #onLocalEnd: (stream: Http2Stream) => void;
  readonly #onBroken: (stream: Http2Stream, reason: unknown) => void;
  readonly #onWaiting: OnWaiting | undefined;
  /** Of all streams; what waits only for the end of the turn is not counted. */
  #waitingBytes = 0;
  /** Streams that have something to send and may not, or wait for their turn. */
  readonly #pending = new Set<Http2Stream>();
  /** What the peer may still be sent on the connection as a whole, in bytes. */
  window = defaultWindowBytes;
  /** DATA frames that were sent. */
  dataFrames = 0;
  /** The largest frame payload that the peer takes. */
  frameBytes = defaultFrameBytes;

  /**
   * @param onWaiting told of what cannot be sent at once
   * @param onLocalEnd END_STREAM has been sent
   * @param onBroken the stream's user has thrown
   */
  constructor(
    output: Output,
    limits: Http2Limits,
    onWaiting: OnWaiting | undefined,
    onLocalEnd: (stream: Http2Stream) => void,
    onBroken: (stream: Http2Stream, reason: unknown) => void,
  ) {
    this.#output = output;
    this.#onWaiting = onWaiting;
    this.#limits = limits;
    this.#onLocalEnd = onLocalEnd;
    this.#onBroken = onBroken;
  }

  /** Bytes that wait for a window, the socket or their turn. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  waits(stream: Http2Stream): boolean {
    return this.#pending.has(stream);
  }

  /** Throws away what the stream has not sent. */
  drop(stream: Http2Stream): void {
    this.#pending.delete(stream);
    stream.queue = emptyQueue;
    stream.queuedBytes = 0;
    this.#count(stream);
  }

  /** The connection is gone, and all streams with it. */
  clear(): void {
    this.#pending.clear();
    this.#onWaiting?.(-this.#waitingBytes);
    this.#waitingBytes = 0;
  }

  #count(stream: Http2Stream): void {
    const change = stream.queuedBytes - stream.countedBytes;
    if (change === 0) return;
    stream.countedBytes = stream.queuedBytes;
    this.#waitingBytes += change;
    this.#onWaiting?.(change);
  }

  headers(stream: Http2Stream, headers: Headers, extra: Headers | undefined, end: boolean): void {
    const block = this.encoder.encode(headers, extra);
    const flags = end ? Flag.END_STREAM : 0;
    if (block.length <= this.frameBytes) {
      // copied, whatever its size: the encoder's buffer is used again
      this.#output.frame(FrameType.HEADERS, flags | Flag.END_HEADERS, stream.id, block, true);
    } else {
      // a large payload is sent by reference
      const copy = Buffer.from(block);
      for (let at = 0; at < copy.length; at += this.frameBytes) {
        const last = at + this.frameBytes >= copy.length;
        const type = at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
        const part = copy.subarray(at, at + this.frameBytes);
        this.#output.frame(type, (at === 0 ? flags : 0) | (last ? Flag.END_HEADERS : 0), stream.id, part);
      }
    }
    if (end) this.#localEnd(stream);
  }

  data(stream: Http2Stream, chunk: Uint8Array): boolean {
    if (chunk.length > 0) {
      if (stream.queuedBytes === 0 && this.#fits(stream, chunk.length)) {
        this.#frame(stream, chunk, 0);
        return true;
      }
      if (stream.queuedBytes === 0) stream.queue = [chunk];
      else joinInto(stream.queue, chunk);
      stream.queuedBytes += chunk.length;
      if (this.#pending.has(stream)) {
        // waits its turn
      } else if (!this.#send(stream, Number.POSITIVE_INFINITY)) this.#pending.add(stream);
      this.#count(stream);
    }
    if (stream.queuedBytes === 0) return true;
    stream.needsDrain = true;
    return stream.queuedBytes < this.#limits.highWaterBytes;
  }

  end(stream: Http2Stream): void {
    if (!this.#pending.has(stream)) this.#send(stream, 0);
  }

  /** Sends what the windows allow, `maxFrames` at most. True when nothing is left to send. */
  #send(stream: Http2Stream, maxFrames: number): boolean {
    let frames = maxFrames;
    while (stream.queuedBytes > 0 && frames-- > 0) {
      if (this.#output.blocked) return false;
      const chunk = stream.queue[0] as Uint8Array;
      const size = Math.min(chunk.length, stream.sendWindow, this.window, this.frameBytes);
      if (size <= 0) return false;
      const whole = size === chunk.length;
      if (whole) stream.queue.shift();
      else stream.queue[0] = chunk.subarray(size);
      stream.queuedBytes -= size;
      const last = stream.queuedBytes === 0 && stream.ending?.length === 0;
      this.#frame(stream, whole ? chunk : chunk.subarray(0, size), last ? Flag.END_STREAM : 0);
      if (last) {
        this.#localEnd(stream);
        return true;
      }
    }
    if (stream.queuedBytes > 0) return false;
    if (stream.ending !== undefined && !stream.localClosed) {
      if (stream.ending.length > 0) this.headers(stream, stream.ending, undefined, true);
      else {
        if (!this.#output.endWithLast(stream.id))
          this.#output.frame(FrameType.DATA, Flag.END_STREAM, stream.id, undefined);
        this.#localEnd(stream);
      }
    }
    return true;
  }

  /** The peer takes so many bytes more on the connection as a whole. @throws ConnectionError */
  widen(bytes: number): void {
    this.window += bytes;
    if (this.window > maxWindowBytes)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'the connection window overflows');
    this.pump();
  }

  /** A chunk can go at once, in one frame. */
  #fits(stream: Http2Stream, bytes: number): boolean {
    return !this.#output.blocked && bytes <= Math.min(stream.sendWindow, this.window, this.frameBytes);
  }

  #frame(stream: Http2Stream, chunk: Uint8Array, flags: number): void {
    stream.sendWindow -= chunk.length;
    this.window -= chunk.length;
    this.dataFrames++;
    if (chunk.length > copyBytes) stream.byReference = true;
    this.#output.frame(FrameType.DATA, flags, stream.id, chunk);
  }

  /** One frame of each waiting stream in turn, for as long as anything can go. */
  pump(): void {
    let progress = this.#pending.size > 0;
    while (progress) {
      progress = false;
      for (const stream of this.#pending) {
        if (this.#output.blocked || this.window <= 0) return;
        const before = stream.queuedBytes;
        if (this.#send(stream, 1)) this.#pending.delete(stream);
        this.#count(stream);
        progress ||= stream.queuedBytes < before && stream.queuedBytes > 0;
        if (stream.needsDrain && stream.queuedBytes <= this.#limits.highWaterBytes / 4) {
          // for those who count what waits: until nothing does
          stream.needsDrain = stream.queuedBytes > 0;
          if (stream.muted) continue;
          try {
            stream.events?.onDrain();
          } catch (reason) {
            this.#onBroken(stream, reason);
          }
        }
      }
    }
  }

  #localEnd(stream: Http2Stream): void {
    stream.localClosed = true;
    this.#onLocalEnd(stream);
  }
}
