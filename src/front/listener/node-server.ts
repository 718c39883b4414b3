/**
 * node:http as a server for connections that others have accepted: its requests judged, its refusals in words, its
 * ends patient.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { guard, guarded } from '../../base/faults.ts';
import type { Refused, LimitName } from '../../call/index.ts';
import { Linger, refusal } from '../../wire/index.ts';
import { type Fault, faultOf, parseFault } from './http1-rules.ts';

export interface HeadLimits {
  readonly maxHeadBytes: number;
  readonly maxHeadFields: number;
}

export interface NodeServerOptions {
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** How often time-outs are looked at, in ms. */
  readonly everyMs: number;
  /** Asked for each head: a reload changes them. */
  readonly headLimits: () => HeadLimits;
  request(request: IncomingMessage, response: ServerResponse): void;
  /** A limit refused something. */
  readonly onLimit: (name: LimitName) => void;
  readonly refused: Refused;
}

/** On one connection. */
interface Answers {
  readonly newest: ServerResponse;
  readonly before: ServerResponse | undefined;
}

const ignore = (): void => undefined;

/** The bridge's pipes say whose they are, too. */
export function peerOf(socket: Duplex): string {
  const { remoteAddress = '', remotePort = '' } = socket as Partial<Socket>;
  return `${remoteAddress}:${remotePort}`;
}

/** Calls when an answer has left. */
function after(answer: ServerResponse | undefined, then: () => void): void {
  if (answer === undefined || answer.writableFinished) then();
  else answer.once('finish', guarded('http', then));
}

/** Ends our side, and reads on what the client still sends; then nothing is answered any more. */
function linger(socket: Duplex): void {
  socket.end();
  socket.resume();
  if (!(socket instanceof Socket)) return;
  const lingering = new Linger();
  let bytes = socket.bytesRead;
  const look = (): void => {
    const ms = lingering.nextMs();
    if (socket.bytesRead === bytes || ms === 0) socket.destroy();
    else {
      bytes = socket.bytesRead;
      timer = setTimeout(guarded('timer', look), ms).unref();
    }
  };
  let timer = setTimeout(guarded('timer', look), lingering.nextMs()).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

/**
 * An answer that was destroyed before its turn ends the connection then: node:http would send what is queued of it,
 * and wait for its end for ever.
 */
function endInTurn(response: ServerResponse): void {
  if (response.socket) return;
  const assign = response.assignSocket.bind(response);
  response.assignSocket = (socket) => {
    if (response.destroyed) socket.destroy();
    else assign(socket);
  };
}

/**
 * Creates a node:http server that does not listen: connections are handed to it as 'connection' events. A head that
 * RFC 9112 forbids or that exceeds `headLimits` is answered with an error status and the connection closed; others go
 * to `options.request`.
 */
export function createNodeServer(options: NodeServerOptions): Server {
  const { headLimits, onLimit, refused } = options;
  const answers = new WeakMap<Duplex, Answers>();
  const unreadable = new WeakSet<Duplex>();

  function refuse(socket: Duplex, { status, text }: Fault): void {
    if (!socket.writable) return;
    if (status === 431) onLimit('headers');
    socket.write(refusal(status, text, refused({ status, message: text, peer: peerOf(socket) })));
    linger(socket);
  }

  /** The requests before it are answered first. */
  function refuseInTurn(socket: Duplex, fault: Fault): void {
    const { newest, before } = answers.get(socket) ?? {};
    const isBody = newest?.req.complete === false;
    if (isBody && newest.writableEnded) after(newest, () => linger(socket));
    // an answer that has begun cannot be taken back
    else if (isBody && newest.headersSent) socket.destroy();
    else after(isBody ? before : newest, () => refuse(socket, fault));
  }

  const server = createServer(
    {
      keepAliveTimeout: options.keepAliveTimeoutMs,
      headersTimeout: options.headersTimeoutMs,
      // a body is timed where it is read, since a large one may take its time
      requestTimeout: 0,
      connectionsCheckingInterval: options.everyMs,
      maxHeaderSize: headLimits().maxHeadBytes,
      noDelay: true,
      // refused by the rules, as other heads are
      requireHostHeader: false,
    },
    (request, response) => {
      const { socket } = request;
      // it came behind the last request that is answered here
      if (socket.writableEnded) return;
      endInTurn(response);
      answers.set(socket, { newest: response, before: answers.get(socket)?.newest });
      const fault = faultOf(request, headLimits().maxHeadFields);
      if (fault === undefined) {
        options.request(request, response);
        return;
      }
      if (fault.status === 431) onLimit('headers');
      const body = JSON.stringify({ error: fault.text });
      const { method, url: path, headers } = request;
      const own = headers['x-request-id']?.toString();
      const { status, text: message } = fault;
      const id = refused({ status, message, peer: peerOf(socket), method, path, id: own });
      response.writeHead(status, {
        ...(id === '' ? {} : { 'x-request-id': id }),
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        connection: 'close',
      });
      response.end(body);
    },
  );
  // it leaves fields out beyond a number of its own, in silence
  server.maxHeadersCount = 0;
  // before node:http makes a parser, which is told how much it may read
  server.prependListener('connection', () => {
    (server as { maxHeaderSize?: number }).maxHeaderSize = headLimits().maxHeadBytes;
  });
  server.on('connection', (socket: Socket) => {
    if (!(socket instanceof Socket)) return;
    const destroySoon = socket.destroySoon.bind(socket);
    // what node:http calls behind the last answer
    socket.destroySoon = () => {
      const request = answers.get(socket)?.newest.req;
      if (request === undefined || request.complete) destroySoon();
      else {
        // whoever read it has stopped: a reader of another kind would hold it back for ever
        request.removeAllListeners('readable');
        // a listener, and not resume() alone: it flows on when others let go of it later
        request.on('data', ignore);
        request.resume();
        linger(socket);
      }
    };
  });
  server.on('clientError', (error: Error & { code?: string }, socket: Duplex) => {
    guard(
      'http',
      () => {
        // more of what cannot be read, or the end of the socket
        if (unreadable.has(socket)) return;
        unreadable.add(socket);
        if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
        else refuseInTurn(socket, parseFault(error, headLimits().maxHeadBytes));
      },
      () => socket.destroy(),
    );
  });
  server.on(
    'connect',
    guarded('http', (_request: IncomingMessage, socket: Duplex) => {
      refuseInTurn(socket, { status: 405, text: 'CONNECT is not for this server: it is no tunnel' });
    }),
  );
  // it never listens itself: this starts its watch over header and keep-alive time-outs
  server.emit('listening');
  return server;
}
