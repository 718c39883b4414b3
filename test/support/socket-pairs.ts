/** Pairs of connected sockets on loopback. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface SocketPairs {
  /** Two ends of a new connection; the accepted one is paused. */
  pair(): Promise<{ connected: Socket; accepted: Socket }>;
  close(): void;
}

export async function startSocketPairs(): Promise<SocketPairs> {
  const all: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => all.push(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    async pair() {
      const connected = connect(port, '127.0.0.1');
      const [accepted] = (await once(server, 'connection')) as [Socket];
      return { connected, accepted };
    },
    close() {
      for (const socket of all) socket.destroy();
      server.close();
    },
  };
}
