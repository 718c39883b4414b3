/** Which protocol a new connection speaks: HTTP/2 by its preface or by ALPN, HTTP/1.1 otherwise. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { guarded } from '../../base/faults.ts';

/** RFC 9113 §3.4: what every HTTP/2 client sends first. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export interface Sniffed {
  /** @param initial bytes that were read already */
  http2(socket: Socket, initial: Buffer): void;
  http1(socket: Socket, initial: Buffer): void;
}

/** True: HTTP/2; false: not; undefined: the bytes so far could be either. */
function looksLikeHttp2(bytes: Buffer): boolean | undefined {
  const length = Math.min(bytes.length, preface.length);
  if (bytes.compare(preface, 0, length, 0, length) !== 0) return false;
  return length === preface.length ? true : undefined;
}

/**
 * False for a complete first line that is no HTTP/1 request's (RFC 9112 §3): its sender could not read an answer
 * either. Old clients end a body with a line end too many, which is passed over (RFC 9112 §2.2).
 */
function mayBeHttp1(bytes: Buffer): boolean {
  const from = bytes[0] === 13 && bytes[1] === 10 ? 2 : 0;
  const end = bytes.indexOf('\n', from);
  return end === -1 || / HTTP\/1\.[0-9]\r?$/.test(bytes.toString('latin1', from, end));
}

/**
 * Waits for the first bytes of a connection and hands it on.
 * @param timeoutMs how long a client may stay silent before it is cut off
 */
export function sniff(socket: Socket | TLSSocket, timeoutMs: number, to: Sniffed): void {
  const alpn = 'alpnProtocol' in socket ? socket.alpnProtocol : undefined;
  if (alpn === 'h2') {
    to.http2(socket, Buffer.alloc(0));
    return;
  }
  if (alpn === 'http/1.1') {
    to.http1(socket, Buffer.alloc(0));
    return;
  }
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs).unref();
  const onFirst = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const http2 = looksLikeHttp2(seen);
    if (http2 === undefined) return;
    stop();
    if (http2) to.http2(socket, seen);
    else if (!mayBeHttp1(seen)) socket.destroy();
    else to.http1(socket, seen);
  };
  const onData = guarded('connection', onFirst, () => socket.destroy());
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('close', stop);
  };
  socket.on('data', onData);
  socket.once('close', stop);
}
