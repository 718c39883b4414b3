/**
 * Who connections are from: their own address, or what a proxy that is trusted says of them before anything else
 * (PROXY protocol).
 */
import type { Socket } from 'node:net';
import { ipOf } from '../../base/addresses.ts';
import { guarded } from '../../base/faults.ts';
import { readProxyHeader } from './proxy-protocol.ts';

export interface ConnectionPeerOptions {
  /** Trusted proxies begin each connection with a PROXY header, and nobody else does. */
  readonly proxyProtocol?: boolean | undefined;
  readonly isTrusted: (address: string) => boolean;
  /** For the header, in ms. */
  readonly headersTimeoutMs: number;
}

const ownPeer = (socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`;

/**
 * Finds the client of a connection ("address:port"): the socket's peer, or the source address of the PROXY protocol
 * header that a trusted proxy has sent first.
 */
export class ConnectionPeers {
  readonly #options: () => ConnectionPeerOptions;
  /** By the connection's own peer: TLS makes another socket of it, which has the same. */
  readonly #behind = new Map<string, string>();

  /** @param options those of now: a reload may change them */
  constructor(options: () => ConnectionPeerOptions) {
    this.#options = options;
  }

  /** "192.0.2.1:50000" */
  peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
    const own = ownPeer(socket);
    return this.#behind.get(own) ?? own;
  }

  /** Whether the connection begins with a header. */
  awaitsHeader({ remoteAddress = '' }: Socket): boolean {
    const { proxyProtocol, isTrusted } = this.#options();
    return proxyProtocol === true && isTrusted(ipOf(remoteAddress));
  }

  /**
   * Reads the header, and nothing behind it. The connection is paused then; it is closed when there is no header, or
   * not in time.
   * @param then the client's peer; undefined when the proxy speaks for itself
   */
  readHeader(socket: Socket, then: (peer: string | undefined) => void, onRefused: () => void): void {
    let seen: Buffer = Buffer.alloc(0);
    const refuse = (): void => {
      stop();
      onRefused();
      socket.destroy();
    };
    const onFirst = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      let header: ReturnType<typeof readProxyHeader>;
      try {
        header = readProxyHeader(seen);
      } catch {
        refuse();
        return;
      }
      if (header === undefined) return;
      stop();
      socket.pause();
      if (seen.length > header.bytes) socket.unshift(seen.subarray(header.bytes));
      const { peer } = header;
      if (peer !== undefined) this.#remember(socket, peer);
      then(peer);
    };
    const onData = guarded('connection', onFirst, refuse);
    const timer = setTimeout(guarded('timer', refuse), this.#options().headersTimeoutMs).unref();
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', stop);
      socket.off('error', ignore);
    };
    socket.on('data', onData);
    socket.on('error', ignore);
    socket.once('close', stop);
  }

  #remember(socket: Socket, peer: string): void {
    const own = ownPeer(socket);
    this.#behind.set(own, peer);
    socket.once('close', () => {
      this.#behind.delete(own);
    });
  }
}

const ignore = (): void => undefined;
