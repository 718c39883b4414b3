/** Whole messages in and out of flows: the 5-byte gRPC prefix, put on and taken off. */
import { joinInto, uint32At } from '../base/bytes.ts';
import { markReused } from '../base/identity-memo.ts';
import { Code, StatusError } from '../base/status.ts';
import type { Reply } from './call.ts';
import { Flow, type FlowReader } from './flow.ts';
import { getMetadata, type Metadata, noMetadata } from './metadata.ts';

/** Flag byte and big-endian length before every gRPC message (PROTOCOL-HTTP2.md). */
export const prefixBytes = 5;

/** The prefix of an uncompressed message of this many bytes. */
export function messagePrefix(length: number): Uint8Array {
  return writePrefix(new Uint8Array(prefixBytes), length);
}

/** Byte by byte: a DataView costs more than the rest of a small message. */
function writePrefix(into: Uint8Array, length: number): Uint8Array {
  into[0] = 0;
  into[1] = length >>> 24;
  into[2] = length >>> 16;
  into[3] = length >>> 8;
  into[4] = length;
  return into;
}

/** Up to this much is copied behind its prefix: one chunk costs less to send than two. In bytes. */
const joinedBytes = 4096;

/** A complete flow of one uncompressed message, which may come in pieces. */
export function flowOf(message: Uint8Array | readonly Uint8Array[], trailers: Metadata = noMetadata): Flow {
  const pieces = message instanceof Uint8Array ? [message] : message;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const first = pieces[0];
  if (first === undefined || first.length > joinedBytes)
    return Flow.of([messagePrefix(length), ...pieces], trailers);
  const begin = writePrefix(Buffer.allocUnsafe(prefixBytes + first.length), length);
  begin.set(first, prefixBytes);
  return Flow.of(pieces.length === 1 ? [begin] : [begin, ...pieces.slice(1)], trailers);
}

const okTrailers: Metadata = markReused(['grpc-status', '0']);

/** A successful reply of one message. */
export function replyOf(message: Uint8Array | readonly Uint8Array[], from: string): Reply {
  return { metadata: noMetadata, body: flowOf(message, okTrailers), from };
}

export interface WholeMessage {
  /** The message without its prefix; still compressed when `compressed`. */
  readonly bytes: Uint8Array;
  readonly compressed: boolean;
  readonly trailers: Metadata;
}

function wrongLength(wanted: number, got: number): StatusError {
  return new StatusError(Code.INTERNAL, `expected one message of ${wanted} bytes, got ${got} bytes`);
}

/** The one message in complete chunks, or undefined when they hold none. Throws when they hold more, or a cut one. */
export function messageIn(
  chunks: readonly Uint8Array[],
): { bytes: Uint8Array; compressed: boolean } | undefined {
  const all = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
  if (all.length === 0) return undefined;
  if (all.length < prefixBytes) throw new StatusError(Code.INTERNAL, 'message prefix is cut short');
  const length = uint32At(all, 1);
  if (all.length !== prefixBytes + length) {
    throw wrongLength(length, all.length - prefixBytes);
  }
  return { bytes: all.subarray(prefixBytes), compressed: (all[0] as number) !== 0 };
}

/**
 * Waits for the end of a flow and gives its one message; undefined when it ended without any (an error status).
 * @param hold told of the bytes as they come; what it throws ends the flow
 */
export async function wholeMessage(
  flow: Flow,
  limit: number,
  hold?: (bytes: number) => void,
): Promise<WholeMessage | undefined> {
  const { chunks, trailers } = await collect(flow, limit, hold);
  return wholeIn(chunks, trailers);
}

/** The same of a flow that has ended, without waiting. @throws StatusError */
export function wholeMessageNow(
  flow: Flow,
  limit: number,
  hold?: (bytes: number) => void,
): WholeMessage | undefined {
  const collector = new Collector(flow, limit, hold);
  flow.read(collector);
  if (collector.error !== undefined) throw collector.error;
  return wholeIn(collector.chunks, flow.trailers);
}

function wholeIn(chunks: readonly Uint8Array[], trailers: Metadata): WholeMessage | undefined {
  const message = messageIn(chunks);
  return message && { bytes: message.bytes, compressed: message.compressed, trailers };
}

export interface MessageChunks {
  /** Views on the chunks: the message without its prefix; still compressed when `compressed`. */
  readonly pieces: readonly Uint8Array[];
  readonly compressed: boolean;
  readonly trailers: Metadata;
}

/** As wholeMessage(), without joining what came in several chunks. */
export async function messageChunks(
  flow: Flow,
  limit: number,
  hold?: (bytes: number) => void,
): Promise<MessageChunks | undefined> {
  const { chunks, trailers, size } = await collect(flow, limit, hold);
  if (size === 0) return undefined;
  if (size < prefixBytes) throw new StatusError(Code.INTERNAL, 'message prefix is cut short');
  const pieces: Uint8Array[] = [];
  let seen = 0;
  let compressed = false;
  let length = 0;
  for (const chunk of chunks) {
    let at = 0;
    for (; seen < prefixBytes && at < chunk.length; at++, seen++) {
      const byte = chunk[at] as number;
      if (seen === 0) compressed = byte !== 0;
      else length = length * 256 + byte;
    }
    if (at < chunk.length) pieces.push(at === 0 ? chunk : chunk.subarray(at));
  }
  if (size !== prefixBytes + length) throw wrongLength(length, size - prefixBytes);
  return { pieces, compressed, trailers };
}

/** Takes what a flow brings, up to a limit. */
class Collector implements FlowReader {
  readonly chunks: Uint8Array[] = [];
  size = 0;
  error: StatusError | undefined;
  readonly #flow: Flow;
  readonly #limit: number;
  readonly #hold: ((bytes: number) => void) | undefined;
  /** Told once, of the end or the error. */
  onOver: (() => void) | undefined;

  constructor(flow: Flow, limit: number, hold: ((bytes: number) => void) | undefined) {
    this.#flow = flow;
    this.#limit = limit;
    this.#hold = hold;
  }

  onData(chunk: Uint8Array): void {
    this.size += chunk.length;
    try {
      if (this.size > this.#limit + prefixBytes)
        throw new StatusError(
          Code.RESOURCE_EXHAUSTED,
          `message is larger than the limit of ${this.#limit} bytes`,
        );
      this.#hold?.(chunk.length);
    } catch (reason) {
      const error = StatusError.from(reason);
      this.#flow.abandon(error);
      this.onError(error);
      return;
    }
    joinInto(this.chunks, chunk);
    this.#flow.credit(chunk.length);
  }

  onEnd(): void {
    this.onOver?.();
  }

  onError(error: StatusError): void {
    this.error = error;
    this.onOver?.();
  }
}

function collect(
  flow: Flow,
  limit: number,
  hold?: (bytes: number) => void,
): Promise<{ chunks: Uint8Array[]; size: number; trailers: Metadata }> {
  return new Promise((resolve, reject) => {
    const collector = new Collector(flow, limit, hold);
    collector.onOver = () => {
      const { chunks, size, error } = collector;
      if (error === undefined) resolve({ chunks, size, trailers: flow.trailers });
      else reject(error);
    };
    flow.read(collector);
  });
}

/** The gRPC status that trailers carry: UNKNOWN when missing or not a number, as gRPC clients read it. */
export function statusOf(trailers: Metadata): Code {
  const value = getMetadata(trailers, 'grpc-status');
  if (value === '0') return Code.OK;
  if (value === undefined || !/^[0-9]{1,2}$/.test(value)) return Code.UNKNOWN;
  const code = Number(value);
  return code <= 16 ? (code as Code) : Code.UNKNOWN;
}

/**
 * Percent-encodes a grpc-message: every byte outside 0x20-0x7E, the percent sign, and spaces at the ends, where
 * HTTP/2 allows none (RFC 9113 §8.2.1).
 */
export function encodeGrpcMessage(text: string): string {
  if (/^[ -$&-~]*$/.test(text) && !text.startsWith(' ') && !text.endsWith(' ')) return text;
  const bytes = Buffer.from(text, 'utf8');
  let out = '';
  bytes.forEach((byte, i) => {
    const plain = byte > 0x20 && byte <= 0x7e && byte !== 0x25;
    out +=
      plain || (byte === 0x20 && i > 0 && i < bytes.length - 1)
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return out;
}

/** gRPC clients refuse trailers of more than 8 KiB (grpc-core, by default), and the status with them. In bytes. */
const maxGrpcMessageBytes = 6144;

/** A percent-encoded grpc-message that every client takes: one that is longer is cut, at the end of a character. */
export function cutGrpcMessage(text: string): string {
  if (text.length <= maxGrpcMessageBytes) return text;
  const cut = text.slice(0, maxGrpcMessageBytes).replace(/%[0-9a-f]?$/i, '');
  return `${cut.replace(/(%[c-f][0-9a-f])?(%[89ab][0-9a-f]){0,3}$/i, '')}...`;
}

/** Reads a percent-encoded grpc-message; a stray percent sign stays as it is. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '%' ? /^[0-9a-fA-F]{2}/.exec(text.slice(i + 1, i + 3)) : null;
    if (hex !== null) {
      bytes.push(parseInt(hex[0], 16));
      i += 2;
    } else bytes.push(text.charCodeAt(i) & 0xff);
  }
  return Buffer.from(bytes).toString('utf8');
}

/** The error that trailers with a status other than OK stand for. */
export function errorOf(trailers: Metadata, where: string): StatusError {
  const message = decodeGrpcMessage(getMetadata(trailers, 'grpc-message') ?? '');
  return new StatusError(statusOf(trailers), message, { where, fromBackend: true });
}

/** The trailers that say an error to a gRPC client. */
export function trailersOf(error: StatusError): Metadata {
  const trailers = ['grpc-status', String(error.code), 'grpc-message'];
  trailers.push(cutGrpcMessage(encodeGrpcMessage(error.message)));
  if (error.retryAfterMs !== undefined)
    trailers.push('grpc-retry-pushback-ms', String(Math.ceil(error.retryAfterMs)));
  if (error.accepts !== undefined) trailers.push('grpc-accept-encoding', error.accepts.join(','));
  return trailers;
}
