/** Both ends of src/wire for tests: a backend that does what a test says, and a client that tells everything it got. */
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  defaultClientLimits,
  defaultServerLimits,
  type Headers,
  Http2Client,
  type Http2Limits,
  Http2Server,
  type ServerStream,
  type Stream,
  type StreamEvents,
} from '../../src/wire/index.ts';

export interface WireServer {
  readonly port: number;
  /** "grpc://127.0.0.1:PORT", as a configuration names it. */
  readonly url: string;
  /** The header fields of each request, in order; fields of control calls are among them. */
  readonly requests: Headers[];
  /** Open connections. */
  readonly connections: ReadonlySet<Http2Server>;
  readonly sockets: ReadonlySet<Socket>;
  /** Connections that were ever made. */
  readonly accepted: number;
  /** Called for each new connection. */
  onConnection: (connection: Http2Server) => void;
  /** No more connections; those that are open stay. */
  refuse(): void;
  close(): void;
}

/** What happens on a stream; events that are left out do nothing, DATA is credited. */
export type Answering = (stream: ServerStream, fields: Headers) => Partial<StreamEvents>;

/** An HTTP/2 server on a free port. */
export async function startWireServer(
  answer: Answering,
  limits: Partial<Http2Limits> = {},
): Promise<WireServer> {
  const requests: Headers[] = [];
  const connections = new Set<Http2Server>();
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = net.createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    const connection: Http2Server = new Http2Server(socket, {
      limits: { ...defaultServerLimits, ...limits },
      onStream(stream, fields) {
        requests.push(fields);
        return eventsOf(stream, answer(stream, fields));
      },
      onClose: () => connections.delete(connection),
    });
    connections.add(connection);
    made.onConnection(connection);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const made: WireServer = {
    port,
    url: `grpc://127.0.0.1:${port}`,
    requests,
    connections,
    sockets,
    get accepted() {
      return accepted;
    },
    onConnection: () => undefined,
    refuse() {
      server.close();
    },
    close() {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };
  return made;
}

function eventsOf(stream: Stream, events: Partial<StreamEvents>): StreamEvents {
  return {
    onData: (chunk) => {
      stream.credit(chunk.length);
    },
    onEnd() {},
    onReset() {},
    onDrain() {},
    ...events,
  };
}

/** How a call ended for a client. */
export interface WireAnswer {
  readonly headers: Headers;
  readonly body: Buffer;
  readonly trailers: Headers;
  /** The RST_STREAM code, when the peer reset the stream. */
  readonly reset: number | undefined;
}

export interface WireCall {
  readonly stream: Stream;
  /** Settles at the end of the answer, or at its reset. */
  readonly done: Promise<WireAnswer>;
  /** Bytes of the answer so far. */
  received(): Buffer;
}

/** Connects the client end to a port of this machine. @param secure the socket to do so by, when it is TLS */
export async function connectWire(
  port: number,
  limits: Partial<Http2Limits> = {},
  secure?: TLSSocket,
): Promise<Http2Client & { call(headers: Headers, body?: Buffer): WireCall }> {
  const socket = secure ?? net.connect(port, '127.0.0.1');
  await once(socket, secure === undefined ? 'connect' : 'secureConnect');
  const client = await new Promise<Http2Client>((resolve, reject) => {
    const made: Http2Client = new Http2Client(socket, {
      limits: { ...defaultClientLimits, ...limits },
      onReady: () => {
        resolve(made);
      },
      onClose: reject,
    });
  });
  return Object.assign(client, {
    /** @param body the whole request; left out, the request stays open */
    call: (headers: Headers, body?: Buffer) => startCall(client, headers, body),
  });
}

function startCall(client: Http2Client, headers: Headers, body: Buffer | undefined): WireCall {
  let head: Headers = [];
  const chunks: Buffer[] = [];
  let finish: (answer: WireAnswer) => void = () => undefined;
  const done = new Promise<WireAnswer>((resolve) => (finish = resolve));
  const ended = (trailers: Headers, reset?: number): void => {
    finish({ headers: head, body: Buffer.concat(chunks), trailers, reset });
  };
  const stream: Stream = client.request(headers, [], false, {
    onHeaders(fields, end) {
      head = fields;
      if (end) ended([]);
    },
    onData(chunk) {
      chunks.push(Buffer.from(chunk));
      stream.credit(chunk.length);
    },
    onEnd: ended,
    onReset: (code) => {
      ended([], code);
    },
    onDrain() {},
  });
  if (body !== undefined) {
    if (body.length > 0) stream.write(body);
    stream.end();
  }
  return { stream, done, received: () => Buffer.concat(chunks) };
}

/** Request fields of a gRPC call. */
export function grpcFields(path: string, more: Headers = []): Headers {
  return [
    ':method',
    'POST',
    ':scheme',
    'http',
    ':path',
    path,
    ':authority',
    'test',
    'content-type',
    'application/grpc',
    'te',
    'trailers',
    ...more,
  ];
}

/** A message with its gRPC prefix. */
export function framed(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
