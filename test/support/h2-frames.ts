/** HTTP/2 frames by hand, right or wrong, for peers that break the rules (RFC 9113 §4 and §6). */
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { HpackDecoder } from '../../src/wire/hpack/index.ts';
import { ErrorCode, type Headers } from '../../src/wire/index.ts';
import { waitFor } from './process.ts';

export const h2 = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
  ORIGIN: 12,
  END_STREAM: 1,
  ACK: 1,
  END_HEADERS: 4,
  PADDED: 8,
  PRIORITY_FLAG: 32,
} as const;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** @param length what the header says, when it shall not be the payload's */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = Buffer.alloc(0),
  length = payload.length,
): Buffer {
  const out = Buffer.alloc(9 + payload.length);
  out.writeUIntBE(length, 0, 3);
  out[3] = type;
  out[4] = flags;
  out.writeUInt32BE(id, 5);
  out.set(payload, 9);
  return out;
}

export function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

export function hpackInteger(value: number, prefixBits: number, pattern: number): number[] {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return [pattern | value];
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from(hpackInteger(bytes.length, 7, 0)), bytes]);
}

/** A header block of plain literals, without Huffman code; `indexed` ones enter the peer's table. */
export function hpackLiterals(fields: Headers, indexed = false): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    parts.push(
      Buffer.from([indexed ? 0x40 : 0]),
      hpackString(fields[i] ?? ''),
      hpackString(fields[i + 1] ?? ''),
    );
  }
  return Buffer.concat(parts);
}

export const headers = (id: number, fields: Headers, flags: number = h2.END_HEADERS): Buffer =>
  frame(h2.HEADERS, flags, id, hpackLiterals(fields));

export function settings(entries: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(h2.SETTINGS, 0, 0, payload);
}

export const rst = (id: number, code: number): Buffer => frame(h2.RST_STREAM, 0, id, uint32(code));
export const windowUpdate = (id: number, increment: number): Buffer =>
  frame(h2.WINDOW_UPDATE, 0, id, uint32(increment));

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** Cuts bytes into frames. */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3);
      if (bytes.length < 9 + length) break;
      frames.push({
        type: bytes[3] as number,
        flags: bytes[4] as number,
        id: bytes.readUInt32BE(5),
        payload: bytes.subarray(9, 9 + length),
      });
      bytes = bytes.subarray(9 + length);
    }
    this.#rest = Buffer.from(bytes);
    return frames;
  }
}

/** What came back on one stream. */
export interface Answer {
  headers: Headers;
  trailers: Headers;
  body: Buffer[];
  bytes: number;
  ended: boolean;
  reset: number | undefined;
}

const roomy = { maxHeaderListBytes: 2 ** 20, maxHeaderFields: 100_000 };

/** A client that says what it is told to, keeps what it hears, and by itself only acknowledges SETTINGS. */
export class RawClient {
  readonly socket: Socket;
  readonly answers = new Map<number, Answer>();
  /** Frames that came, by type. */
  readonly counts = new Map<number, number>();
  goaway: { code: number; text: string } | undefined;
  closed = false;
  readonly #splitter = new FrameSplitter();
  readonly #decoder = new HpackDecoder(roomy);
  #block: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
    socket.on('data', (chunk: Buffer) => {
      for (const frame of this.#splitter.push(chunk)) this.#take(frame);
    });
  }

  /** Connects and says the preface with these SETTINGS. */
  static async open(
    address: string,
    entries: readonly (readonly [number, number])[] = [],
    tls = false,
  ): Promise<RawClient> {
    const [host, port] = address.split(':') as [string, string];
    const target = { host, port: Number(port) };
    const socket = tls
      ? tlsConnect({ ...target, ALPNProtocols: ['h2'], rejectUnauthorized: false })
      : connect(target);
    await new Promise((resolve, reject) => {
      socket.once(tls ? 'secureConnect' : 'connect', () => resolve(undefined));
      socket.once('error', reject);
    });
    socket.setNoDelay(true);
    const client = new RawClient(socket);
    socket.write(Buffer.concat([preface, settings(entries)]));
    return client;
  }

  /** False when the connection is over. */
  send(...frames: readonly Uint8Array[]): boolean {
    if (this.closed || this.socket.destroyed) return false;
    this.socket.write(Buffer.concat(frames));
    return true;
  }

  /** Sends, and waits until the kernel took it; false when the connection is over. */
  async flush(...frames: readonly Uint8Array[]): Promise<boolean> {
    if (!this.send(...frames)) return false;
    if (this.socket.writableLength > 0) {
      // 'drain' comes only behind a write that was told to wait; this one's turn comes behind all that went before
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.socket.off('close', done);
          resolve();
        };
        this.socket.on('close', done).write(Buffer.alloc(0), done);
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
    return !this.closed;
  }

  answer(id: number): Answer {
    let answer = this.answers.get(id);
    if (answer === undefined) {
      answer = { headers: [], trailers: [], body: [], bytes: 0, ended: false, reset: undefined };
      this.answers.set(id, answer);
    }
    return answer;
  }

  count(type: number): number {
    return this.counts.get(type) ?? 0;
  }

  /** The GOAWAY that ends the connection, by the name of its code. */
  async untilGoaway(timeoutMs = 5000): Promise<string> {
    await waitFor(() => this.goaway !== undefined || this.closed, timeoutMs, 'GOAWAY');
    const code = this.goaway?.code;
    return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? 'no GOAWAY';
  }

  async untilEnd(id: number, timeoutMs = 5000): Promise<Answer> {
    const answer = this.answer(id);
    await waitFor(
      () => answer.ended || answer.reset !== undefined || this.closed,
      timeoutMs,
      `the end of stream ${id}`,
    );
    return answer;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take({ type, flags, id, payload }: Frame): void {
    this.counts.set(type, this.count(type) + 1);
    if (type === h2.SETTINGS && (flags & h2.ACK) === 0) this.send(frame(h2.SETTINGS, h2.ACK, 0));
    else if (type === h2.GOAWAY) {
      this.goaway = { code: payload.readUInt32BE(4), text: payload.subarray(8).toString('latin1') };
    } else if (type === h2.RST_STREAM) this.answer(id).reset = payload.readUInt32BE();
    else if (type === h2.DATA) {
      const answer = this.answer(id);
      answer.bytes += payload.length;
      if (answer.bytes < 2 ** 20) answer.body.push(payload);
      answer.ended ||= (flags & h2.END_STREAM) !== 0;
    } else if (type === h2.HEADERS || type === h2.CONTINUATION) {
      this.#block.push(payload);
      if (type === h2.HEADERS && (flags & h2.END_STREAM) !== 0) this.answer(id).ended = true;
      if ((flags & h2.END_HEADERS) === 0) return;
      const fields = this.#decoder.decode(Buffer.concat(this.#block)) ?? [];
      this.#block = [];
      const answer = this.answer(id);
      if (answer.headers.length === 0) answer.headers = fields;
      else answer.trailers = fields;
    }
  }
}

/** The value of a field in an answer's head or trailers. */
export function fieldOf({ headers: head, trailers }: Answer, name: string): string | undefined {
  for (const list of [trailers, head]) {
    for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1];
  }
  return undefined;
}
