/**
 * A model server on a raw HTTP/2 socket: it answers health properly and everything else as the test says, rules or
 * not.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { messagePrefix } from '../../src/call/index.ts';
import { encodeGetModelStatusResponse, encodePredictResponse, modelState } from '../../src/codec/index.ts';
import { HpackDecoder } from '../../src/wire/hpack/index.ts';
import { ErrorCode, type Headers } from '../../src/wire/index.ts';
import { frame, FrameSplitter, h2, headers, preface, settings, uint32, windowUpdate } from './h2-frames.ts';

/** One call as the backend sees it. */
export interface RawCall {
  readonly id: number;
  readonly path: string;
  readonly fields: Headers;
  /** DATA bytes so far. */
  bytes: number;
  /** The same, for options.keep. */
  readonly body: Buffer[];
  ended: boolean;
  reset: boolean;
  send(...frames: readonly Uint8Array[]): void;
  readonly socket: Socket;
}

export interface RawBackend {
  /** "tfs://127.0.0.1:PORT" */
  readonly url: string;
  /** Calls other than health that came, in order. */
  readonly calls: RawCall[];
  readonly connections: number;
  /** RST_STREAM frames that came. */
  readonly resets: number;
  /** Stops in order: GOAWAY on every connection and no new ones; calls that have begun may still be answered. */
  leave(): void;
  close(): void;
}

export interface RawBackendOptions {
  /** A call's request has ended (or its head came, with `early`). */
  readonly onCall: (call: RawCall) => void;
  /** Calls back when the head is there, not at the request's end. */
  readonly early?: boolean;
  /** A connection is made and greeted. */
  readonly onConnection?: (socket: Socket) => void;
  readonly settings?: readonly (readonly [number, number])[];
  /** Keeps what comes, for those who answer by it. */
  readonly keep?: boolean;
  /** GOAWAY after so many requests on a connection, health included; what comes after them is not looked at. */
  readonly maxRequests?: number;
  /** Gives no window back: the request stalls. */
  readonly stingy?: boolean;
}

const grpcHead: Headers = [':status', '200', 'content-type', 'application/grpc'];
const roomy = { maxHeaderListBytes: 2 ** 20, maxHeaderFields: 10_000 };

/** One message with its prefix, in DATA frames of 16 KiB. */
export function dataFrames(id: number, message: Uint8Array, prefixed = true): Buffer {
  const bytes = prefixed ? Buffer.concat([messagePrefix(message.length), message]) : Buffer.from(message);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384)
    frames.push(frame(h2.DATA, 0, id, bytes.subarray(at, at + 16_384)));
  return Buffer.concat(frames);
}

/** A whole proper answer. */
export function rawAnswer(id: number, message: Uint8Array, trailers: Headers = ['grpc-status', '0']): Buffer {
  return Buffer.concat([
    headers(id, grpcHead),
    dataFrames(id, message),
    headers(id, trailers, h2.END_HEADERS | h2.END_STREAM),
  ]);
}

export const grpcHeaders = (id: number, more: Headers = []): Buffer => headers(id, [...grpcHead, ...more]);

const goaway = (lastId: number): Buffer =>
  frame(h2.GOAWAY, 0, 0, Buffer.concat([uint32(lastId), uint32(ErrorCode.NO_ERROR)]));

const status = encodeGetModelStatusResponse([
  { version: 1n, state: modelState.AVAILABLE, errorCode: 0, errorMessage: '' },
]);

/** The answer that half_plus_two gives to 1.0. */
export const predictReply = Buffer.concat(
  encodePredictResponse({
    spec: { name: 'half_plus_two', version: 1n, signature: 'serving_default' },
    outputs: new Map([
      ['y', { dtype: 'float', shape: [1], bytes: Buffer.from(new Float32Array([2.5]).buffer) }],
    ]),
  }),
);

export async function startRawBackend(options: RawBackendOptions): Promise<RawBackend> {
  const calls: RawCall[] = [];
  /** The last stream of each connection. */
  const sockets = new Map<Socket, number>();
  let connections = 0;
  let resets = 0;

  function serve(socket: Socket): void {
    connections++;
    sockets.set(socket, 0);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    const splitter = new FrameSplitter();
    const decoder = new HpackDecoder(roomy);
    const open = new Map<number, RawCall>();
    const { maxRequests = Number.POSITIVE_INFINITY } = options;
    let requests = 0;
    let greeting = preface.length;
    socket.write(Buffer.concat([settings(options.settings ?? []), windowUpdate(0, 2 ** 30)]));
    options.onConnection?.(socket);
    const ready = (call: RawCall): void => {
      if (call.path.endsWith('/GetModelStatus')) {
        if (call.ended) socket.write(rawAnswer(call.id, status));
      } else options.onCall(call);
    };
    socket.on('data', (chunk: Buffer) => {
      const skipped = Math.min(greeting, chunk.length);
      greeting -= skipped;
      for (const { type, flags, id, payload } of splitter.push(chunk.subarray(skipped))) {
        const end = (flags & h2.END_STREAM) !== 0;
        if (type === h2.SETTINGS && (flags & h2.ACK) === 0) socket.write(frame(h2.SETTINGS, h2.ACK, 0));
        else if (type === h2.PING && (flags & h2.ACK) === 0) socket.write(frame(h2.PING, h2.ACK, 0, payload));
        else if (type === h2.HEADERS) {
          const fields = decoder.decode(payload) ?? [];
          if (++requests > maxRequests) continue;
          if (requests === maxRequests) socket.write(goaway(id));
          sockets.set(socket, id);
          const call: RawCall = {
            id,
            path: fields[fields.indexOf(':path') + 1] ?? '',
            fields,
            bytes: 0,
            body: [],
            ended: end,
            reset: false,
            socket,
            send: (...frames) => void socket.write(Buffer.concat(frames)),
          };
          open.set(id, call);
          if (!call.path.endsWith('/GetModelStatus')) calls.push(call);
          if (options.early === true || end) ready(call);
        } else if (type === h2.DATA) {
          const call = open.get(id);
          if (options.stingy !== true && payload.length > 0)
            socket.write(
              Buffer.concat([
                windowUpdate(0, payload.length),
                ...(end ? [] : [windowUpdate(id, payload.length)]),
              ]),
            );
          if (call === undefined) continue;
          call.bytes += payload.length;
          if (options.keep === true) call.body.push(Buffer.from(payload));
          if (!end) continue;
          call.ended = true;
          open.delete(id);
          if (options.early !== true || call.path.endsWith('/GetModelStatus')) ready(call);
        } else if (type === h2.RST_STREAM) {
          resets++;
          const call = open.get(id);
          if (call !== undefined) call.reset = true;
          open.delete(id);
        }
      }
    });
  }

  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `tfs://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    get connections() {
      return connections;
    },
    get resets() {
      return resets;
    },
    leave() {
      server.close();
      for (const [socket, lastId] of sockets) socket.write(goaway(lastId));
    },
    close() {
      server.close();
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}
