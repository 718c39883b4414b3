/**
 * Connections to Redis for ioredis, which trusts its peer: a reply that nobody asked for, or one of another protocol,
 * makes it throw in a turn of its own, where nobody can catch it. So what comes is counted on its way to it, against
 * what was asked, and a peer that breaks the rules loses its connection.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import { RespCounter } from './resp-counter.ts';

/** The part of ioredis's options that says where to. */
interface Where {
  readonly host?: string;
  readonly port?: number;
  readonly family?: number;
  readonly path?: string;
  readonly tls?: ConnectionOptions;
  readonly disconnectTimeout: number;
}

/** Ends the connection when a reply comes that was not asked for, or that is no reply. */
export function guardReplies(stream: Socket): void {
  let expected = 0;
  const asked = new RespCounter(() => {
    expected++;
  });
  const answered = new RespCounter(() => {
    if (--expected < 0) throw new Error('a reply came that nobody has asked for');
  });
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = (chunk: string | Uint8Array, ...more: unknown[]) => {
    asked.push(
      typeof chunk === 'string'
        ? Buffer.from(chunk)
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length),
    );
    return write(chunk, ...more);
  };
  const emit = stream.emit.bind(stream) as (event: string, ...args: unknown[]) => boolean;
  stream.emit = (event: string, ...args: unknown[]) => {
    if (event !== 'data') return emit(event, ...args);
    if (stream.destroyed) return false;
    try {
      answered.push(args[0] as Buffer);
    } catch (reason) {
      stream.destroy(new Error(`Redis answers oddly: ${(reason as Error).message}`));
      return false;
    }
    return emit(event, ...args);
  };
}

/** One server, over TCP, TLS or a Unix socket. */
export class GuardedConnector extends AbstractConnector {
  readonly #where: Where;

  constructor(where: Where) {
    super(where.disconnectTimeout);
    this.#where = where;
  }

  override connect(): Promise<Socket> {
    const { host, port, family, path, tls } = this.#where;
    const to = path === undefined || path === '' ? { host, port, family } : { path };
    this.connecting = true;
    return new Promise((resolve, reject) => {
      // ioredis may be told to disconnect in the same turn
      process.nextTick(() => {
        if (!this.connecting) {
          reject(new Error('Connection is closed.'));
          return;
        }
        try {
          const stream =
            tls === undefined
              ? connectTcp(to as { port: number })
              : connectTls({ ...(to as object), ...tls });
          stream.once('error', (error: Error) => {
            this.firstError = error;
          });
          guardReplies(stream);
          this.stream = stream;
          resolve(stream);
        } catch (reason) {
          reject(new Error('no connection can be made', { cause: reason }));
        }
      });
    });
  }
}
