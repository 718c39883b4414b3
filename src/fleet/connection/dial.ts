/** Opens one HTTP/2 connection to a backend: TCP, TLS if asked for, and the backend's first SETTINGS. */
import type { LimitName } from '../../call/index.ts';
import { connect as tcpConnect, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as tlsConnect, type TLSSocket } from 'node:tls';
import { guarded } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import { Http2Client } from '../../wire/index.ts';
import type { BackendAddress } from '../backend-address.ts';
import { whereOf } from '../both-families.ts';
import type { ConnectionOptions } from '../options.ts';

/** How a call ended, also when it was told at too great a length. */
const endNames = ['grpc-status', 'grpc-message', 'grpc-retry-pushback-ms', ':status', 'content-type'];

export interface DialEvents {
  /** It can be used. Told within the turn in which it is so: a GOAWAY may be behind it in the same packet. */
  readonly onReady: (client: Http2Client, socket: Socket) => void;
  /** It did not come about in time: UNAVAILABLE (not-started), with the reason. Nothing else is told then. */
  readonly onFailed: (reason: StatusError) => void;
  /** The connection is gone, after it was ready. */
  readonly onClose: (client: Http2Client, error: Error | undefined) => void;
  /** It takes no more calls, after it was ready; those that it has may end. */
  readonly onGoaway: (client: Http2Client) => void;
  readonly onCapacity: () => void;
  readonly onLimit: (name: LimitName) => void;
}

function open(address: BackendAddress): Socket {
  const { host, port, tls } = address;
  const where = whereOf(address);
  if (tls === undefined) return tcpConnect({ ...where, port, noDelay: true });
  const servername = tls.serverName ?? host;
  const socket: TLSSocket = tlsConnect({
    ...where,
    port,
    ALPNProtocols: ['h2'],
    ...(isIP(servername) === 0 ? { servername } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key }),
    // by name, or by the address that answered
    checkServerIdentity: (_name, certificate) =>
      checkServerIdentity(
        tls.serverName ?? (address.alternates && socket.remoteAddress) ?? host,
        certificate,
      ),
  });
  return socket;
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
      // of several attempts there is none
      return error.message || (error.code ?? 'no connection');
  }
}

/**
 * Opens one HTTP/2 connection to a backend, over TLS where the address has it. Exactly one of `onReady` and
 * `onFailed` is called, within `connectTimeoutMs`; `onFailed` may be called before `dial()` returns.
 */
export function dial(address: BackendAddress, options: ConnectionOptions, events: DialEvents): void {
  let settled = false;
  let socket: Socket | undefined;
  const fail = (reason: string, cause?: unknown): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    socket?.destroy();
    events.onFailed(
      new StatusError(Code.UNAVAILABLE, `backend ${address.name}: ${reason}`, {
        where: address.name,
        disposition: 'not-started',
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
  const onConnected = (connected: Socket): void => {
    connected.setNoDelay(true);
    connected.off('error', onError);
    const client: Http2Client = new Http2Client(connected, {
      limits: options.http2,
      vitalNames: endNames,
      onReady() {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        events.onReady(client, connected);
      },
      onClose(error) {
        if (!settled) fail(error === undefined ? 'closed the connection at once' : reasonOf(error), error);
        else events.onClose(client, error);
      },
      onGoaway() {
        if (settled) events.onGoaway(client);
        else fail('takes no calls');
      },
      onCapacity: events.onCapacity,
      onLimit: events.onLimit,
    });
  };
  try {
    socket = open(address);
  } catch (error) {
    // a key or a certificate that TLS does not take
    onError(error as Error);
    return;
  }
  const connecting = socket;
  connecting.on('error', onError);
  connecting.once(
    address.tls === undefined ? 'connect' : 'secureConnect',
    guarded(
      'backend',
      () => {
        onConnected(connecting);
      },
      () => {
        fail('internal error of the gateway');
      },
    ),
  );
}
