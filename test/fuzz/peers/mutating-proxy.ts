/** A TCP proxy before a real server: what clients say passes, what the server answers is changed by chance. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { resetSocket } from '../../support/index.ts';
import type { Chance } from '../chance.ts';

/** What becomes of bytes of an answer. */
export type Change = (chance: Chance, bytes: Buffer) => Buffer;

export interface MutatingProxy {
  /** "127.0.0.1:PORT" */
  readonly address: string;
  /** Answers that were not what the server said, so far. */
  readonly changed: number;
  /** Of a hundred chunks so many are changed; 0 passes all. */
  percent: number;
  close(): void;
}

/** @param change only called for chunks that are to be changed */
export async function startMutatingProxy(
  port: number,
  chance: Chance,
  change: Change,
  percent: number,
): Promise<MutatingProxy> {
  const sockets = new Set<Socket>();
  let changed = 0;

  function serve(client: Socket): void {
    const server = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('end', () => other.end());
    }
    client.on('data', (chunk: Buffer) => void server.write(chunk));
    server.on('data', (chunk: Buffer) => {
      if (!chance.percent(proxy.percent)) {
        client.write(chunk);
        return;
      }
      changed++;
      const way = chance.below(100);
      if (way < 4) resetSocket(client);
      else if (way < 8) client.destroy();
      else if (way < 10) return;
      else for (const piece of chance.pieces(change(chance, chunk))) client.write(piece);
      if (way < 14) client.end();
    });
  }

  const listener = createServer(serve).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const proxy: MutatingProxy = {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get changed() {
      return changed;
    },
    percent,
    close() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return proxy;
}
