/** A listening port: plain or TLS, HTTP/1.1 and HTTP/2 on the same one, and its orderly end. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { addressOf } from '../../base/addresses.ts';
import { fault, guard, guarded } from '../../base/faults.ts';
import { StallTimer } from '../../base/stall-timer.ts';
import type { Observer, Refused } from '../../call/index.ts';
import { type Holder, type MemoryAccount, MemoryKind } from '../../memory/index.ts';
import {
  type Headers,
  Http1Server,
  type Http2Limits,
  Http2Server,
  type ServerStream,
  type StreamEvents,
  type TimeLimits,
} from '../../wire/index.ts';
import { AddressLimit } from './address-limit.ts';
import { ConnectionPeers } from './connection-peers.ts';
import { GonePeers, lookEveryMs } from './gone-peers.ts';
import { bridge } from './h2-bridge.ts';
import { createNodeServer, peerOf } from './node-server.ts';
import { endFaulty, tellPlain } from './port-answers.ts';
import { quietTurn } from './quiet-turn.ts';
import { sniff } from './sniff.ts';
import { type Certificates, tlsOptions, trustOf } from './tls.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Absent for plain text. */
  readonly tls?: Certificates | undefined;
  readonly http2: Http2Limits;
  /** How long a client may take to say its first bytes or its header, in ms. */
  readonly headersTimeoutMs: number;
  /** An idle HTTP/1.1 connection is closed after this, in ms; above that of a load balancer in front. */
  readonly keepAliveTimeoutMs: number;
  /** Connections at once, those in a TLS handshake included; more are closed at once. */
  readonly maxConnections: number;
  /** Of these, from one client's address. */
  readonly maxConnectionsPerAddress: number;
  /** For addresses that are left out of that: there are many clients behind each. */
  readonly isTrusted: (address: string) => boolean;
  /** These begin each connection with a PROXY header, which says who it is from. */
  readonly proxyProtocol?: boolean | undefined;
  /** An HTTP/2 connection without calls is closed after this, in ms. */
  readonly idleTimeoutMs: number;
  /** A client that takes nothing of what waits for it is cut off after this, in ms. */
  readonly writeTimeoutMs: number;
}

/** How often a draining port looks for connections that have nothing to do any more, in ms. */
const sweepMs = 50;

/**
 * Of clients that have just connected when their port is drained: how long their first bytes may be on the way, in
 * ms.
 */
const firstBytesMs = 500;

/** How often connections are looked at, in ms; a quarter of the shortest time-out when that is less. */
const tickMs = 1000;

/** Serves a request on a stream; undefined, with the stream untouched, when it is not for this one. */
export type OpenStream = (
  stream: ServerStream,
  fields: Headers,
  peer: string,
  http2: boolean,
) => StreamEvents | undefined;

/** Who answers. What `stream` does not take is given to `request` by way of node:http. */
export interface Handlers {
  readonly stream?: OpenStream;
  request(request: IncomingMessage, response: ServerResponse, peer: string): void;
  /** Told of what is answered before either gets to see it. */
  readonly refused?: Refused;
}

export interface Listener {
  readonly address: AddressInfo;
  /**
   * Other settings, all but host and port: for new connections, and time-outs for those that are open too. Where it
   * is another question who may connect (TLS or none, which authorities), open connections have to go: idle ones at
   * once, the others when their answers are out.
   * @param drainMs after which they are cut
   */
  configure(options: ListenOptions, drainMs: number): void;
  /** All goes on, but answers over HTTP/1.1 say from now on that they are the last on their connection. */
  announceEnd(): void;
  /** No new connections and calls; resolves when those in flight have ended. */
  drain(): Promise<void>;
  /** Cuts what is left. */
  stop(): Promise<void>;
}

/** Serves a port. @throws the system's error (EADDRINUSE, EACCES), with the address in its message */
export async function listen(
  first: ListenOptions,
  handlers: Handlers,
  observer: Observer,
  memory: MemoryAccount,
): Promise<Listener> {
  let options = first;
  const http2 = new Set<Http2Server>();
  const http1Ends = new Set<Http1Server>();
  /** Each with the time that its output has stood still. */
  const sockets = new Map<Socket, StallTimer>();
  /** Connections that have not said a byte yet. */
  const silent = new Set<Socket>();
  /** Connections that were made when others might connect than now. */
  const outdated = new WeakSet<Socket>();
  let endsSoon = false;
  let draining = false;
  let timeLimits = timeLimitsOf(options);
  const peers = new ConnectionPeers(() => options);

  const refused: Refused = (refusal) => handlers.refused?.(refusal) ?? '';

  const http1 = createNodeServer({
    headersTimeoutMs: options.headersTimeoutMs,
    keepAliveTimeoutMs: options.keepAliveTimeoutMs,
    everyMs: everyMsOf(timeLimits),
    headLimits: () => headLimitsOf(options),
    request(request, response) {
      try {
        if (outdated.has(request.socket)) {
          request.socket.destroy();
          return;
        }
        if (endsSoon) response.setHeader('connection', 'close');
        handlers.request(request, response, peers.peerOf(request.socket));
      } catch (reason) {
        fault('http', reason);
        endFaulty(request, response, refused);
      }
    },
    onLimit(name) {
      observer.limited(name);
    },
    refused,
  });

  function onWaiting(bytes: number): void {
    memory.add(MemoryKind.replies, bytes);
  }

  function onKept(bytes: number): void {
    memory.add(MemoryKind.requests, bytes);
  }

  /** Clients for whom output waits. */
  function* waiting(): Iterable<Holder> {
    for (const connection of [...http2, ...http1Ends]) {
      for (const output of connection.waiting()) {
        yield {
          bytes: output.bytes,
          stalledMs: (nowMs) => output.stalledMs(nowMs),
          evict: () => {
            output.cut();
          },
        };
      }
    }
  }

  function serveHttp2(socket: Socket, initialBytes: Buffer): void {
    const peer = peers.peerOf(socket);
    const connection: Http2Server = new Http2Server(socket, {
      limits: options.http2,
      // the rest of a client's heads is the same from call to call
      varyingName: 'grpc-timeout',
      onStream(stream, fields, end) {
        return (
          handlers.stream?.(stream, fields, peer, true) ??
          bridge({ server: http1, memory, refused }, stream, fields, end, peer)
        );
      },
      onClose() {
        http2.delete(connection);
      },
      onLimit(name) {
        observer.limited(name);
      },
      onRefused: (status, message) => refused({ status, message, peer }),
      onWaiting,
      onKept,
    });
    http2.add(connection);
    connection.begin(initialBytes);
    if (draining) connection.shutdown();
  }

  /**
   * Requests are served straight off the socket; at the first that is proxied, or unusual, node:http takes the
   * connection over.
   */
  function serveHttp1(socket: Socket, initialBytes: Buffer): void {
    const peer = peers.peerOf(socket);
    const connection: Http1Server = new Http1Server(socket, {
      headersTimeoutMs: options.headersTimeoutMs,
      keepAliveTimeoutMs: options.keepAliveTimeoutMs,
      ...headLimitsOf(options),
      windowBytes: options.http2.initialWindowBytes,
      highWaterBytes: options.http2.highWaterBytes,
      onStream: (stream, fields) => handlers.stream?.(stream, fields, peer, false),
      onOther(initial) {
        http1Ends.delete(connection);
        // as if it were new
        socket.pause();
        socket.unshift(initial);
        http1.emit('connection', socket);
        socket.resume();
      },
      onClose() {
        http1Ends.delete(connection);
      },
      onLimit(name) {
        observer.limited(name);
      },
      onRefused: (status, message) => refused({ status, message, peer }),
      onWaiting,
      onKept,
    });
    http1Ends.add(connection);
    if (endsSoon) connection.announceEnd();
    connection.begin(initialBytes);
  }

  function accept(socket: Socket): void {
    sockets.set(socket, new StallTimer());
    silent.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      silent.delete(socket);
    });
    // most errors end a socket by themselves; TLS renegotiation does not
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    sniff(socket, options.headersTimeoutMs, {
      http2(plain, initial) {
        silent.delete(socket);
        serveHttp2(plain, initial);
      },
      http1(plain, initial) {
        silent.delete(socket);
        serveHttp1(plain, initial);
      },
    });
  }

  const acceptGuarded = (socket: Socket): void => {
    guard(
      'connection',
      () => {
        accept(socket);
      },
      () => socket.destroy(),
    );
  };
  /** What makes TLS of a connection; it never listens itself, so that another one can take its place. */
  function secureBy({ tls, headersTimeoutMs }: ListenOptions): TlsServer | undefined {
    if (tls === undefined) return undefined;
    const trust = trustOf(tls);
    const made = createTlsServer({ ...tlsOptions(tls), handshakeTimeout: headersTimeoutMs }, (socket) => {
      // a handshake may end after a reload
      if (trust === trustOf(options.tls)) acceptGuarded(socket);
      else socket.destroy();
    });
    made.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const answer = (): void => {
        const plain = error.code === 'ERR_SSL_HTTP_REQUEST' ? raw.get(peerOf(socket)) : undefined;
        if (plain === undefined) socket.destroy();
        else tellPlain(plain, socket, refused);
      };
      guard('connection', answer, () => socket.destroy());
    });
    return made;
  }

  let secure = secureBy(options);
  // those in a TLS handshake too, which have not been accepted yet
  const raw = new Map<string, Socket>();
  const perAddress = new AddressLimit(() => options);
  /** False, and it is closed: its address has enough. */
  function enters(socket: Socket, address: string): boolean {
    const leave = perAddress.enter(address);
    if (leave === undefined) {
      observer.limited('address connections');
      socket.destroy();
      return false;
    }
    socket.once('close', leave);
    return true;
  }

  function begin(socket: Socket): void {
    const by = secure;
    if (by === undefined) acceptGuarded(socket);
    else
      guard(
        'connection',
        () => {
          by.emit('connection', socket);
        },
        () => socket.destroy(),
      );
  }

  const server = createTcpServer((socket) => {
    if (!enters(socket, socket.remoteAddress ?? '')) return;
    const own = peerOf(socket);
    raw.set(own, socket);
    socket.once('close', () => raw.delete(own));
    if (!peers.awaitsHeader(socket)) {
      begin(socket);
      return;
    }
    peers.readHeader(
      socket,
      (peer) => {
        if (peer !== undefined && !enters(socket, addressOf(peer))) return;
        const isPlain = secure === undefined;
        begin(socket);
        // TLS takes what was read too far by itself
        if (isPlain) socket.resume();
      },
      () => {
        observer.limited('PROXY header');
      },
    );
  });
  server.maxConnections = options.maxConnections;
  server.on('drop', () => {
    observer.limited('connections');
  });
  let ticking = setInterval(guarded('timer', tick), everyMsOf(timeLimits)).unref();
  const gone = new GonePeers();
  const look = (): void => {
    gone.look(sockets.keys()).catch((reason: unknown) => {
      fault('timer', reason);
    });
  };
  const looking = setInterval(look, lookEveryMs).unref();
  const removeHolders = memory.addHolders(waiting);
  await listening(server, options);
  // one that cannot be accepted (no file descriptor is left, say) is one connection's trouble
  server.on('error', () => {
    observer.limited('connections');
  });

  function tick(): void {
    const nowMs = performance.now();
    for (const connection of http2)
      guard('connection', () => {
        connection.tick(nowMs, timeLimits);
      });
    for (const connection of http1Ends)
      guard('connection', () => {
        connection.tick(nowMs, timeLimits);
      });
    for (const [socket, output] of sockets) {
      const { bytesWritten, writableLength } = socket;
      const stillMs = output.ms(writableLength === 0 ? -nowMs : bytesWritten - writableLength, nowMs);
      if (stillMs <= options.writeTimeoutMs) continue;
      observer.limited('slow reader');
      socket.destroy();
    }
  }

  function announceEnd(): void {
    endsSoon = true;
    for (const connection of http1Ends) connection.announceEnd();
  }

  /** All open connections have to go, since they might not be made any more. */
  function outdate(drainMs: number): void {
    const old = [...raw.values()];
    for (const socket of [...old, ...sockets.keys()]) outdated.add(socket);
    for (const connection of http2) connection.shutdown();
    for (const connection of http1Ends) connection.shutdown();
    for (const socket of silent) socket.destroy();
    http1.closeIdleConnections();
    setTimeout(() => {
      for (const socket of old) socket.destroy();
    }, drainMs).unref();
  }

  const closed = new Promise<void>((resolve) => server.once('close', resolve)).finally(() => {
    clearInterval(ticking);
    clearInterval(looking);
    removeHolders();
  });
  return {
    address: server.address() as AddressInfo,
    configure(next, drainMs) {
      const before = options;
      options = next;
      server.maxConnections = next.maxConnections;
      timeLimits = timeLimitsOf(next);
      clearInterval(ticking);
      ticking = setInterval(guarded('timer', tick), everyMsOf(timeLimits)).unref();
      http1.headersTimeout = next.headersTimeoutMs;
      http1.keepAliveTimeout = next.keepAliveTimeoutMs;
      // one that stays the same keeps its clients' sessions
      if (!isDeepStrictEqual(before.tls, next.tls) || before.headersTimeoutMs !== next.headersTimeoutMs)
        secure = secureBy(next);
      if (trustOf(before.tls) !== trustOf(next.tls)) outdate(drainMs);
    },
    announceEnd,
    async drain() {
      announceEnd();
      await quietTurn();
      draining = true;
      server.close();
      // those that have just been accepted have been read as well
      await quietTurn();
      for (const connection of http2) connection.shutdown();
      for (const connection of http1Ends) connection.shutdown();
      const late = setTimeout(() => {
        for (const socket of silent) socket.destroy();
      }, firstBytesMs).unref();
      // a connection turns idle when its last answer is out, which no event tells
      const sweep = setInterval(() => {
        http1.closeIdleConnections();
      }, sweepMs);
      http1.closeIdleConnections();
      await closed;
      clearInterval(sweep);
      clearTimeout(late);
    },
    async stop() {
      draining = true;
      server.close();
      for (const connection of http2) connection.destroy();
      http1.closeAllConnections();
      http1.close();
      for (const socket of raw.values()) socket.destroy();
      await closed;
    },
  };
}

const timeLimitsOf = (options: ListenOptions): TimeLimits => ({
  headersMs: options.headersTimeoutMs,
  writeMs: options.writeTimeoutMs,
  idleMs: options.idleTimeoutMs,
});

/** One limit, whatever the protocol. */
const headLimitsOf = ({ http2 }: ListenOptions) => ({
  maxHeadBytes: http2.maxHeaderListBytes,
  maxHeadFields: http2.maxHeaderFields,
});

const everyMsOf = (limits: TimeLimits): number =>
  Math.max(10, Math.min(tickMs, ...Object.values(limits).map((ms) => ms / 4)));

async function listening(server: Server, { host, port }: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
