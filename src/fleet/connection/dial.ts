/** Opens one HTTP/2 connection to a backend: TCP, TLS if asked for, and the backend's first SETTINGS. */
import { connect as tcpConnect, isIP, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { Code, StatusError } from '../../call/index.ts';
import { Http2Client } from '../../wire/index.ts';
import type { BackendAddress, ConnectionOptions } from '../options.ts';

export interface Dialed {
  readonly client: Http2Client;
  readonly socket: Socket;
}

export interface DialEvents {
  /** The connection is gone, after it was ready. */
  readonly onClose: (client: Http2Client, error: Error | undefined) => void;
  readonly onCapacity: () => void;
  readonly onLimit: (name: string) => void;
}

function open(address: BackendAddress): Socket {
  const { host, port, tls } = address;
  if (tls === undefined) return tcpConnect({ host, port, noDelay: true });
  const servername = tls.serverName ?? host;
  return tlsConnect({
    host,
    port,
    ALPNProtocols: ['h2'],
    ...(isIP(servername) === 0 ? { servername } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key }),
  });
}

/** What a person reads: "connection refused" says more than ECONNREFUSED. */
function reasonOf(error: Error & { code?: string }): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'host name not found';
    case 'ECONNRESET':
      return 'connection reset';
    default:
      return error.message;
  }
}

/** @throws StatusError UNAVAILABLE (notStarted), with the reason, when no connection comes about in time */
export function dial(
  address: BackendAddress,
  options: ConnectionOptions,
  events: DialEvents,
): Promise<Dialed> {
  return new Promise((resolve, reject) => {
    const socket = open(address);
    let settled = false;
    const fail = (reason: string, cause?: unknown): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket.destroy();
      reject(
        new StatusError(Code.UNAVAILABLE, `backend ${address.name}: ${reason}`, {
          where: address.name,
          notStarted: true,
          cause,
        }),
      );
    };
    const timer = setTimeout(() => {
      fail(`no answer to a connection attempt within ${options.connectTimeoutMs} ms`);
    }, options.connectTimeoutMs);
    const onError = (error: Error): void => {
      fail(reasonOf(error), error);
    };
    socket.once('error', onError);
    socket.once(address.tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.setNoDelay(true);
      socket.off('error', onError);
      const client: Http2Client = new Http2Client(socket, {
        limits: options.http2,
        onReady() {
          if (settled) return;
          settled = true;
          clearTimeout(timer);
          resolve({ client, socket });
        },
        onClose(error) {
          if (!settled) fail(error === undefined ? 'closed the connection at once' : reasonOf(error), error);
          else events.onClose(client, error);
        },
        onGoaway: events.onCapacity,
        onCapacity: events.onCapacity,
        onLimit: events.onLimit,
      });
    });
  });
}
