/**
 * A gRPC server of no known service, for what the gateway passes through: streams, failures with details, a sudden
 * death.
 */
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface StreamServer {
  readonly port: number;
  /** How many streams were ended by their client. */
  cancelled(): number;
  close(): Promise<void>;
}

/** Between two messages of a stream, in ms. */
export const pauseMs = 80;
export const streamed = ['one', 'two', 'three', 'four'] as const;

/** A length-delimited protobuf field. */
const field = (number: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);

const failure = 'bad \u20ac';
/** A google.rpc.Status with the same code and message as the trailers, and one detail. */
const details = Buffer.concat([
  Buffer.from([8, 3]),
  field(2, Buffer.from(failure)),
  field(3, field(1, Buffer.from('type.googleapis.com/google.rpc.BadRequest'))),
]);

/** A message with its prefix: a google.protobuf.StringValue, since some clients parse what they get. */
const frame = (text: string): Buffer => {
  const message = field(1, Buffer.from(text));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};

export async function startStreamServer(): Promise<StreamServer> {
  let cancelled = 0;
  const sessions = new Set<ServerHttp2Session>();

  async function answer(stream: ServerHttp2Stream, path: string, cookie: string): Promise<void> {
    const end = (fields: Record<string, string>): void => {
      stream.once('wantTrailers', () => stream.sendTrailers(fields));
      stream.end();
    };
    if (path.startsWith('/tensorflow.serving.')) {
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc',
          'grpc-status': '5',
          'grpc-message': 'no models here',
        },
        { endStream: true },
      );
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    switch (path) {
      case '/test.Stream/Count':
        for (const text of streamed) {
          if (stream.destroyed) return;
          stream.write(frame(text));
          await delay(pauseMs);
        }
        end({ 'grpc-status': '0' });
        break;
      case '/test.Stream/Die':
        stream.write(frame('one'));
        await delay(pauseMs);
        stream.session?.destroy();
        break;
      case '/test.Stream/Forever':
        stream.write(frame('one'));
        break;
      case '/test.Unary/Fail':
        end({
          'grpc-status': '3',
          'grpc-message': encodeURIComponent(failure),
          'grpc-status-details-bin': details.toString('base64').replace(/=+$/, ''),
        });
        break;
      case '/test.Unary/Cookie':
        stream.write(frame(cookie));
        end({ 'grpc-status': '0' });
        break;
      default:
        end({ 'grpc-status': '12' });
    }
  }

  const server: Http2Server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    stream.once('close', () => {
      if (stream.rstCode === 8) cancelled++;
    });
    stream.resume();
    stream.once('end', () => {
      answer(stream, String(headers[':path']), String(headers.cookie ?? '')).catch(() => stream.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cancelled: () => cancelled,
    async close() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
