/** Many connections that have said their first word and nothing after it. */
import net from 'node:net';
import tls from 'node:tls';
import { preface, settings } from '../../test/support/index.ts';

export type IdleKind = 'h2c' | 'http1' | 'tls-h2';

/** So many are under way at a time: more would fill the queue of connections that nobody has accepted. */
const atOnce = 64;
const firstWords: Readonly<Record<IdleKind, Buffer>> = {
  h2c: Buffer.concat([preface, settings([])]),
  http1: Buffer.from('GET /v1/models/m HTTP/1.1\r\nHost: bench\r\n\r\n'),
  'tls-h2': Buffer.concat([preface, settings([])]),
};

/** Opens one; resolves when the peer has answered its first word. */
function open(kind: IdleKind, port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const at = { port, host: '127.0.0.1' };
    const socket =
      kind === 'tls-h2'
        ? tls.connect({ ...at, ALPNProtocols: ['h2'], rejectUnauthorized: false }, greet)
        : net.connect(at, greet);
    function greet(): void {
      socket.write(firstWords[kind]);
    }
    socket.on('error', reject);
    socket.once('data', () => resolve(socket));
  });
}

/** @returns what closes them */
export async function openIdle(kind: IdleKind, port: number, count: number): Promise<() => void> {
  const sockets: net.Socket[] = [];
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const socket = await open(kind, port);
      socket.on('data', () => undefined).on('error', () => undefined);
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}
