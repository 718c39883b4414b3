/**
 * Calls with large requests, in every way that keeps one for longer: no byte may be another call's, since reads are
 * made into memory that is used again.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { ErrorCode } from '../../src/wire/index.ts';
import {
  frame,
  h2,
  headers,
  makeCertificates,
  sleep,
  startRedis,
  startTestGateway,
  type TestGateway,
} from '../support/index.ts';
import { type RandomBelow, seededBelow } from '../support/random.ts';
import {
  dataFrames,
  grpcHeaders,
  type RawBackend,
  type RawCall,
  startRawBackend,
} from '../support/raw-backend.ts';
import { uint32 } from '../support/h2-frames.ts';
import { connectWire, grpcFields } from '../support/wire.ts';

const path = '/tensorflow.serving.PredictionService/Predict';

/** Bytes that tell their place and whose they are. */
function patternOf(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  const words = new Uint32Array(bytes.buffer, 0, Math.floor(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(seed, 0x9e3779b1) ^ i;
  return bytes.fill(seed, words.length * 4);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) | 128);
  }
}

/**
 * A PredictRequest for a model whose last bytes, in a field that nobody knows, are the pattern. With its gRPC prefix.
 */
function requestOf(model: string, pattern: Buffer): Buffer {
  const name = Buffer.from(model);
  const message = Buffer.concat([
    Buffer.from([0x0a, name.length + 2, 0x0a, name.length]),
    name,
    Buffer.from([0x7a, ...varint(pattern.length)]),
    pattern,
  ]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const replySeed = 1_000_000;

/**
 * Answers with a pattern, and often not: it refuses at once, in the middle or at the end, is slow to answer, or does
 * not read.
 */
async function startMoodyBackend(random: RandomBelow, wrong: string[]): Promise<RawBackend> {
  const answer = async (call: RawCall): Promise<void> => {
    const field = (name: string): number => Number(call.fields[call.fields.indexOf(name) + 1]);
    const [seed, length] = [field('x-seed'), field('x-length')];
    const mood = random(16);
    if (mood === 0) {
      call.send(frame(h2.RST_STREAM, 0, call.id, uint32(ErrorCode.REFUSED_STREAM)));
      return;
    }
    while (!call.ended && !call.reset && !call.socket.destroyed) {
      if (mood === 1 && call.bytes > length / 2) {
        call.send(frame(h2.RST_STREAM, 0, call.id, uint32(ErrorCode.INTERNAL_ERROR)));
        return;
      }
      if (mood === 2 || mood === 5) {
        call.socket.pause();
        await sleep(random(100));
        call.socket.resume();
      }
      await sleep(2);
    }
    if (!call.ended) return;
    const body = Buffer.concat(call.body);
    if (!body.subarray(body.length - length).equals(patternOf(seed, length))) wrong.push(`request ${seed}`);
    // long enough for a hedge
    await sleep(mood === 3 ? 400 : random(10));
    if (mood === 4)
      call.send(
        headers(
          call.id,
          [':status', '200', 'content-type', 'application/grpc', 'grpc-status', '14'],
          h2.END_HEADERS | h2.END_STREAM,
        ),
      );
    else
      call.send(
        grpcHeaders(call.id),
        dataFrames(call.id, patternOf(seed + replySeed, 60_000 + (seed % 100_000))),
        headers(call.id, ['grpc-status', '0'], h2.END_HEADERS | h2.END_STREAM),
      );
  };
  return await startRawBackend({ keep: true, early: true, onCall: (call) => void answer(call) });
}

describe('memory that reads are made into again', () => {
  const random = seededBelow(1);
  const wrong: string[] = [];
  const stops: (() => unknown)[] = [];
  let plain: TestGateway;
  let secure: TestGateway;
  let ca: Buffer;
  let seed = 0;

  before(async () => {
    const redis = await startRedis();
    const certificates = await makeCertificates('server');
    const backends = await Promise.all([1, 2, 3].map(() => startMoodyBackend(random, wrong)));
    const urls = backends.map(({ url }) => url);
    const config = {
      hedge: { coldDelayMs: 100, budgetPercent: 100 },
      retry: { maxAttempts: 4, budgetPercent: 100, maxBufferedBytes: 200_000 },
      cache: { redisUrl: redis.url },
      models: { cached: { cache: {} }, mirrored: { mirror: { model: 'other' } } },
    };
    plain = await startTestGateway(urls, config);
    const [cert, key] = [certificates('server.pem'), certificates('server.key')];
    secure = await startTestGateway(urls, { ...config, doors: { tls: { cert, key } } });
    ca = readFileSync(certificates('ca.pem'));
    stops.push(
      () => plain.stop(),
      () => secure.stop(),
      () => {
        for (const backend of backends) backend.close();
      },
      () => redis.stop(),
    );
  });
  after(async () => {
    for (const stop of stops) await stop();
  });

  interface Made {
    readonly seed: number;
    readonly body: Buffer;
    readonly fields: string[];
    readonly reply: Buffer;
  }

  function make(): Made {
    const own = ++seed;
    const length = [9000, 40_000, 150_000, 300_000, 700_000][random(5)] as number;
    const model = ['plain', 'plain', 'cached', 'mirrored', 'mirrored'][random(5)] as string;
    const reply = patternOf(own + replySeed, 60_000 + (own % 100_000));
    return {
      seed: own,
      body: requestOf(model, patternOf(own, length)),
      fields: ['x-seed', String(own), 'x-length', String(length), 'grpc-timeout', '20S'],
      reply,
    };
  }

  /** Parts that come at once or with pauses. */
  async function inParts(body: Buffer, write: (part: Buffer) => unknown): Promise<void> {
    const slow = random(4) === 0;
    for (let at = 0; at < body.length;) {
      const bytes = slow ? 1000 + random(90_000) : body.length;
      write(Buffer.from(body.subarray(at, at + bytes)));
      at += bytes;
      if (slow) await sleep(random(5));
    }
  }

  let answered = 0;
  function check({ seed, reply }: Made, status: string | undefined, body: Buffer): void {
    if (status !== '0') return;
    answered++;
    if (!body.subarray(5, 5 + reply.length).equals(reply)) wrong.push(`reply ${seed}`);
  }

  async function overHttp2(calls: number, connect: () => ReturnType<typeof connectWire>): Promise<void> {
    const client = await connect();
    const one = async (): Promise<void> => {
      for (let i = 0; i < calls; i++) {
        const made = make();
        const { stream, done } = client.call(grpcFields(path, made.fields));
        const leaves =
          random(8) === 0
            ? sleep(random(20)).then(() => {
                stream.reset(ErrorCode.CANCEL);
                return undefined;
              })
            : undefined;
        await inParts(made.body, (part) => stream.write(part));
        stream.end();
        const answer = await (leaves ?? done);
        if (answer === undefined) continue;
        check(made, answer.trailers[answer.trailers.indexOf('grpc-status') + 1], answer.body);
      }
    };
    await Promise.all([one(), one(), one(), one()]);
    client.destroy();
  }

  async function overHttp1(calls: number, at: string, tls: boolean): Promise<void> {
    const agent = tls ? new https.Agent({ keepAlive: true, ca }) : new http.Agent({ keepAlive: true });
    for (let i = 0; i < calls; i++) {
      const made = make();
      const fields: Record<string, string> = {
        'content-type': 'application/grpc-web+proto',
        'x-grpc-web': '1',
      };
      for (let f = 0; f < made.fields.length; f += 2)
        fields[made.fields[f] as string] = made.fields[f + 1] as string;
      if (random(2) === 0) fields['content-length'] = String(made.body.length);
      const leaves = random(8) === 0;
      await new Promise<void>((resolve) => {
        const request = (tls ? https : http).request(
          `${tls ? 'https' : 'http'}://${at}${path}`,
          { method: 'POST', agent, headers: fields, servername: 'localhost' } as https.RequestOptions,
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('error', () => {
              resolve();
            });
            response.on('end', () => {
              const body = Buffer.concat(chunks);
              check(made, /grpc-status: ?0/.test(body.subarray(-200).toString('latin1')) ? '0' : '1', body);
              resolve();
            });
          },
        );
        request.on('error', () => {
          resolve();
        });
        request.on('close', () => {
          resolve();
        });
        void inParts(made.body, (part) => {
          request.write(part);
          if (leaves && random(3) === 0) request.destroy();
        }).then(() => request.end());
      });
    }
    agent.destroy();
  }

  it('never has bytes of one call in another', { timeout: 120_000 }, async () => {
    const port = Number(plain.grpc.split(':')[1]);
    const securePort = Number(secure.grpc.split(':')[1]);
    const tlsSocket = () =>
      connectTls({ port: securePort, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['h2'] });
    await Promise.all([
      ...[1, 2, 3, 4].map(() => overHttp2(25, () => connectWire(port))),
      overHttp2(15, () => connectWire(securePort, {}, tlsSocket())),
      ...[1, 2, 3, 4].map(() => overHttp1(40, plain.rest, false)),
      overHttp1(20, secure.rest, true),
    ]);
    assert.deepEqual(wrong, []);
    assert.ok(answered > seed / 2, `${answered} of ${seed} calls were answered`);
  });
});
