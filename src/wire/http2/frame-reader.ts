/** Cuts a connection's bytes into frames and checks their shape; DATA is passed on as it arrives, never waited for. */
import { ownCopy } from '../../base/bytes.ts';
import {
  ConnectionError,
  defaultFrameBytes,
  ErrorCode,
  Flag,
  frameHeaderBytes,
  FrameType,
} from '../constants.ts';
import type { ReadBuffer } from '../socket/index.ts';
import type { Http2Limits } from './limits.ts';
import type { Http2Stream } from './stream.ts';

/** Who deals with frames. Everything may throw a ConnectionError. */
export interface FrameSink {
  /** A whole header block: the bytes from `from` up to `to`. */
  onHeadersFrame(
    id: number,
    bytes: Buffer,
    from: number,
    to: number,
    end: boolean,
    selfDependent: boolean,
  ): void;
  onDataFrame(id: number, length: number, padding: number, end: boolean): Http2Stream | undefined;
  onDataChunk(stream: Http2Stream | undefined, chunk: Buffer, memory: ReadBuffer | undefined): void;
  onDataEnd(stream: Http2Stream | undefined): void;
  onReset(id: number, code: number): void;
  onPriority(id: number, selfDependent: boolean): void;
  onSettings(entries: readonly (readonly [id: number, value: number])[]): void;
  onSettingsAck(): void;
  onPing(payload: Buffer, ack: boolean): void;
  onGoaway(lastId: number, code: number): void;
  onWindowUpdate(id: number, increment: number): void;
  onUnknown(): void;
}

const protocolError = (text: string): ConnectionError => new ConnectionError(ErrorCode.PROTOCOL_ERROR, text);
const sizeError = (text: string): ConnectionError => new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, text);
const idMask = 0x7fffffff;

/**
 * Parses HTTP/2 frames (RFC 9113 §4, §6) from socket chunks and reports them to the sink; DATA is passed on
 * without waiting for the whole frame, header blocks are joined. Violations throw ConnectionError.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #limits: Http2Limits;
  /** Bytes that do not make a frame yet, and how many are needed before another look. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #need = 0;
  /** The DATA frame under way. */
  #stream: Http2Stream | undefined;
  #dataLeft = 0;
  #padLeft = 0;
  #dataEnd = false;
  #inData = false;
  /** The header block under way: its stream (0 = none), its parts, its END_STREAM. */
  #blockId = 0;
  #block: Buffer[] = [];
  #blockBytes = 0;
  #blockEnd = false;
  #blockSelfDependent = false;
  #continuations = 0;
  /** The first frame of a connection must be SETTINGS. */
  #greeted = false;
  /** Frames that came whole, DATA apart. */
  frames = 0;

  constructor(sink: FrameSink, limits: Http2Limits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Something has begun and is not whole: a frame, a header block, the greeting. */
  get unfinished(): boolean {
    return this.#restBytes > 0 || this.#blockId !== 0 || !this.#greeted;
  }

  /**
   * @param memory the chunk's, when nobody else can see it
   * @throws ConnectionError
   */
  push(chunk: Buffer, memory?: ReadBuffer): void {
    let bytes = chunk;
    let owner = memory;
    if (this.#restBytes > 0) {
      this.#rest.push(chunk);
      this.#restBytes += chunk.length;
      if (this.#restBytes < this.#need) return;
      bytes = Buffer.concat(this.#rest, this.#restBytes);
      this.#rest = [];
      this.#restBytes = 0;
      owner?.sliced();
      owner = undefined;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#inData) {
        at = this.#data(bytes, at, owner);
        continue;
      }
      const left = bytes.length - at;
      if (left < frameHeaderBytes) {
        this.#keep(bytes.subarray(at), frameHeaderBytes, owner);
        return;
      }
      const length = bytes.readUIntBE(at, 3);
      const type = bytes[at + 3] as number;
      const flags = bytes[at + 4] as number;
      const id = bytes.readUInt32BE(at + 5) & idMask;
      if (length > defaultFrameBytes)
        throw sizeError(`a frame of ${length} bytes, the limit is ${defaultFrameBytes}`);
      if (!this.#greeted && type !== FrameType.SETTINGS)
        throw protocolError('the first frame must be SETTINGS');
      if (this.#blockId !== 0 && (type !== FrameType.CONTINUATION || id !== this.#blockId)) {
        throw protocolError('a header block must be continued before anything else');
      }
      const padded = type === FrameType.DATA && (flags & Flag.PADDED) !== 0;
      const needed = frameHeaderBytes + (type === FrameType.DATA ? (padded && length > 0 ? 1 : 0) : length);
      if (left < needed) {
        this.#keep(bytes.subarray(at), needed, owner);
        return;
      }
      if (type === FrameType.DATA)
        this.#beginData(id, length, padded ? bytes[at + frameHeaderBytes] : undefined, flags);
      else if (type === FrameType.HEADERS)
        this.#headers(flags, id, bytes, at + frameHeaderBytes, at + needed);
      else this.#frame(type, flags, id, bytes.subarray(at + frameHeaderBytes, at + needed));
      at += needed;
      if (this.#inData && this.#dataLeft + this.#padLeft === 0) this.#endData();
    }
    if (this.#blockId === 0) owner?.sliced();
  }

  /** @param memory whose a part of the rest may not stay: it is copied then, as the rest of a frame is little */
  #keep(rest: Buffer, need: number, memory: ReadBuffer | undefined): void {
    this.#rest = [memory === undefined ? rest : ownCopy(rest)];
    this.#restBytes = rest.length;
    this.#need = need;
    if (this.#blockId === 0) memory?.sliced();
  }

  #beginData(id: number, length: number, padding: number | undefined, flags: number): void {
    let overhead = 0;
    if ((flags & Flag.PADDED) !== 0) {
      if (padding === undefined || length === 0) throw sizeError('a padded DATA frame without a pad length');
      overhead = padding + 1;
      if (overhead > length) throw protocolError('padding longer than its frame');
    }
    this.#dataEnd = (flags & Flag.END_STREAM) !== 0;
    this.#stream = this.#sink.onDataFrame(id, length, overhead, this.#dataEnd);
    this.#inData = true;
    this.#dataLeft = length - overhead;
    this.#padLeft = Math.max(0, overhead - 1);
  }

  #data(bytes: Buffer, from: number, memory: ReadBuffer | undefined): number {
    let at = from;
    if (this.#dataLeft > 0) {
      const taken = Math.min(this.#dataLeft, bytes.length - at);
      this.#dataLeft -= taken;
      memory?.lend(taken);
      this.#sink.onDataChunk(this.#stream, bytes.subarray(at, at + taken), memory);
      at += taken;
    }
    const padding = Math.min(this.#padLeft, bytes.length - at);
    this.#padLeft -= padding;
    at += padding;
    if (this.#dataLeft + this.#padLeft === 0) this.#endData();
    return at;
  }

  #endData(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#inData = false;
    if (this.#dataEnd) this.#sink.onDataEnd(stream);
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    this.frames++;
    switch (type) {
      case FrameType.CONTINUATION:
        this.#continuation(flags, payload);
        break;
      case FrameType.PRIORITY:
        if (id === 0) throw protocolError('PRIORITY on stream 0');
        if (payload.length !== 5) throw sizeError('PRIORITY takes 5 bytes');
        this.#sink.onPriority(id, (payload.readUInt32BE() & idMask) === id);
        break;
      case FrameType.RST_STREAM:
        if (id === 0) throw protocolError('RST_STREAM on stream 0');
        if (payload.length !== 4) throw sizeError('RST_STREAM takes 4 bytes');
        this.#sink.onReset(id, payload.readUInt32BE());
        break;
      case FrameType.SETTINGS:
        this.#settings(flags, id, payload);
        break;
      case FrameType.PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE is not allowed here');
      case FrameType.PING:
        if (id !== 0) throw protocolError('PING on a stream');
        if (payload.length !== 8) throw sizeError('PING takes 8 bytes');
        this.#sink.onPing(payload, (flags & Flag.ACK) !== 0);
        break;
      case FrameType.GOAWAY:
        if (id !== 0) throw protocolError('GOAWAY on a stream');
        if (payload.length < 8) throw sizeError('GOAWAY takes 8 bytes or more');
        this.#sink.onGoaway(payload.readUInt32BE() & idMask, payload.readUInt32BE(4));
        break;
      case FrameType.WINDOW_UPDATE:
        if (payload.length !== 4) throw sizeError('WINDOW_UPDATE takes 4 bytes');
        this.#sink.onWindowUpdate(id, payload.readUInt32BE() & idMask);
        break;
      default:
        this.#sink.onUnknown();
    }
  }

  #settings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocolError('SETTINGS on a stream');
    if ((flags & Flag.ACK) !== 0) {
      if (!this.#greeted) throw protocolError('the first frame must be SETTINGS');
      if (payload.length > 0) throw sizeError('an acknowledgement of SETTINGS has no payload');
      this.#sink.onSettingsAck();
      return;
    }
    if (payload.length % 6 !== 0) throw sizeError('SETTINGS takes 6 bytes an entry');
    if (payload.length / 6 > this.#limits.maxSettings) {
      const text = `SETTINGS of ${payload.length / 6} entries, the limit is ${this.#limits.maxSettings}`;
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, text, 'SETTINGS');
    }
    this.#greeted = true;
    const entries: [number, number][] = [];
    for (let at = 0; at < payload.length; at += 6)
      entries.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]);
    this.#sink.onSettings(entries);
  }

  /**
   * A HEADERS frame, whose payload is looked at where it lies: most take ten bytes, and a view of them costs more to
   * make.
   */
  #headers(flags: number, id: number, bytes: Buffer, start: number, stop: number): void {
    this.frames++;
    if (id === 0) throw protocolError('HEADERS on stream 0');
    let from = start;
    let to = stop;
    if ((flags & Flag.PADDED) !== 0) {
      if (to - from < 1) throw sizeError('padded HEADERS without a pad length');
      to -= bytes[from++] as number;
    }
    let selfDependent = false;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (stop - from < 5) throw sizeError('HEADERS with a priority that is cut short');
      selfDependent = (bytes.readUInt32BE(from) & idMask) === id;
      from += 5;
    }
    if (from > to) throw protocolError('padding longer than its frame');
    const end = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#sink.onHeadersFrame(id, bytes, from, to, end, selfDependent);
      return;
    }
    const block = bytes.subarray(from, to);
    this.#blockId = id;
    this.#block = [block];
    this.#blockBytes = block.length;
    this.#blockEnd = end;
    this.#blockSelfDependent = selfDependent;
    this.#continuations = 0;
  }

  #continuation(flags: number, payload: Buffer): void {
    if (this.#blockId === 0) throw protocolError('CONTINUATION without HEADERS');
    this.#block.push(payload);
    this.#blockBytes += payload.length;
    // even a block that says little when decoded must not be collected without end (CVE-2024-27316)
    const { maxContinuations, maxHeaderListBytes, maxHeaderBlockBytes } = this.#limits;
    const maxBytes = maxHeaderBlockBytes ?? 2 * maxHeaderListBytes;
    if (++this.#continuations > maxContinuations || this.#blockBytes > maxBytes) {
      throw new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        `a header block of more than ${maxContinuations} CONTINUATION frames or ${maxBytes} bytes`,
        'continuations',
      );
    }
    if ((flags & Flag.END_HEADERS) === 0) return;
    const id = this.#blockId;
    const block = Buffer.concat(this.#block, this.#blockBytes);
    this.#blockId = 0;
    this.#block = [];
    this.#sink.onHeadersFrame(id, block, 0, block.length, this.#blockEnd, this.#blockSelfDependent);
  }
}
