/**
 * Large requests on every way through the gateway at once, which read into the same memory: what arrives is what was
 * sent.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startDemoFleet } from '../../src/demo/index.ts';
import { sleep, startTestGateway, type TestGateway } from '../support/index.ts';
import { seededBelow } from '../support/random.ts';
import { rawAnswer, startRawBackend } from '../support/raw-backend.ts';
import { connectWire, framed, grpcFields } from '../support/wire.ts';

const predict = '/tensorflow.serving.PredictionService/Predict';
const rounds = 12;

describe('ways through the gateway that share memory', () => {
  const random = seededBelow(7);
  const stops: (() => unknown)[] = [];
  /** What the backend must be sent, by number. */
  const sent = new Map<string, Buffer>();
  const arrived = new Set<string>();
  const wrong: string[] = [];
  let opaque: TestGateway;
  let decoding: TestGateway;

  before(async () => {
    const backend = await startRawBackend({
      keep: true,
      onCall: (call) => {
        const { fields, body, id } = call;
        const key = fields[fields.indexOf('x-key') + 1] as string;
        if (!Buffer.concat(body).equals(sent.get(key) as Buffer)) wrong.push(key);
        arrived.add(key);
        call.send(rawAnswer(id, Buffer.from(key)));
      },
    });
    const fleet = await startDemoFleet({ replicas: 1, models: ['echo'] });
    opaque = await startTestGateway([backend.url], {}, { passthrough: true });
    decoding = await startTestGateway(fleet.backends.map(({ url }) => url));
    stops.push(
      () => opaque.stop(),
      () => decoding.stop(),
      () => backend.close(),
      () => fleet.stop(),
    );
  });
  after(async () => {
    for (const stop of stops) await stop();
  });

  function noise(length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let i = 0; i < length; i++) bytes[i] = random(256);
    return bytes;
  }

  /** A PredictRequest of a model, and a large field that nobody knows. */
  function message(least = 100_000): Buffer {
    const content = noise(least + random(2 * least));
    const size = content.length;
    const length = [(size & 127) | 128, ((size >> 7) & 127) | 128, size >> 14];
    return Buffer.concat([Buffer.from([0x0a, 3, 0x0a, 1, 0x6d, 0x7a, ...length]), content]);
  }

  function expected(way: string, round: number, body: Buffer): string {
    const key = `${way}-${round}`;
    sent.set(key, body);
    return key;
  }

  async function inParts(body: Buffer, write: (part: Buffer) => unknown): Promise<void> {
    const slow = random(3) === 0;
    for (let at = 0, bytes; at < body.length; at += bytes) {
      bytes = slow ? 20_000 + random(90_000) : body.length;
      write(body.subarray(at, at + bytes));
      if (slow) await sleep(random(4));
    }
  }

  interface Way {
    readonly name: string;
    readonly path?: string;
    readonly fields?: readonly string[];
    /** What the client sends, and what comes of it at the backend. */
    readonly make: () => { wire: Buffer; body: Buffer };
  }
  const same = (body: Buffer): { wire: Buffer; body: Buffer } => ({ wire: body, body });
  const base64 = (body: Buffer): Buffer => {
    const at = random(body.length);
    const text = [body.subarray(0, at), body.subarray(at)].map((part) => part.toString('base64'));
    return Buffer.from(text.join(''));
  };
  const ways: readonly Way[] = [
    { name: 'plain', make: () => same(framed(message())) },
    {
      name: 'compressed',
      fields: ['grpc-encoding', 'gzip'],
      make: () => same(framed(gzipSync(message()), 1)),
    },
    {
      name: 'stream',
      path: '/some.Service/Stream',
      make: () => same(Buffer.concat([0, 1, 2, 3].map(() => framed(noise(random(150_000)))))),
    },
    {
      name: 'web',
      fields: ['content-type', 'application/grpc-web+proto'],
      make: () => same(framed(message())),
    },
    {
      // a message that comes in one read, and is inflated while others come
      name: 'web, compressed',
      fields: ['content-type', 'application/grpc-web+proto', 'grpc-encoding', 'gzip'],
      make: () => same(framed(gzipSync(message(17_000)), 1)),
    },
    {
      name: 'text',
      fields: ['content-type', 'application/grpc-web-text'],
      make() {
        const body = framed(message());
        return { wire: base64(body), body };
      },
    },
  ];

  async function overHttp2({ name, path = predict, fields = [], make }: Way): Promise<void> {
    const client = await connectWire(Number(opaque.grpc.split(':')[1]));
    for (let round = 0; round < rounds; round++) {
      const { wire, body } = make();
      const head = grpcFields(path, ['x-key', expected(`${name}-2`, round, body)]);
      for (let f = 0; f < fields.length; f += 2) {
        const at = head.indexOf(fields[f] as string);
        if (at !== -1) (head as string[])[at + 1] = fields[f + 1] as string;
        else (head as string[]).push(fields[f] as string, fields[f + 1] as string);
      }
      const { stream, done } = client.call(head);
      await inParts(wire, (part) => stream.write(part));
      stream.end();
      const answer = await done;
      assert.equal(answer.reset, undefined);
    }
    client.destroy();
  }

  /** Several requests behind one another in the same bytes, the last one after a body that was waited with. */
  async function pipelined({ name, fields = [], make }: Way): Promise<void> {
    const port = Number(opaque.rest.split(':')[1]);
    for (let round = 0; round < rounds; round += 3) {
      const parts = [0, 1, 2].flatMap((more) => {
        const { wire, body } = make();
        const key = expected(`${name}-1`, round + more, body);
        const waits = more === 0 ? 'expect: 100-continue\r\n' : more === 2 ? 'connection: close\r\n' : '';
        const head = ['host', 'x', ...fields, 'x-key', key, 'content-length', String(wire.length)];
        const lines = head.map((text, i) => text + (i % 2 === 0 ? ': ' : '\r\n')).join('');
        return [Buffer.from(`POST ${predict} HTTP/1.1\r\n${lines}${waits}\r\n`), wire];
      });
      const socket = net.connect(port, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await inParts(Buffer.concat(parts), (part) => socket.write(part));
      await closed;
      assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3, text.slice(0, 300));
    }
  }

  const agent = new http.Agent({ keepAlive: true });
  async function post(path: string, fields: Record<string, string>, body: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const [host, port] = decoding.rest.split(':');
      const request = http.request(
        { host, port, path, method: 'POST', agent, headers: fields },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve(Buffer.concat(chunks)));
        },
      );
      request.on('error', reject);
      void inParts(body, (part) => request.write(part)).then(() => request.end());
    });
  }

  async function json(coding?: 'gzip'): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const instances = Array.from({ length: 30_000 }, () => random(1_000_000) - 500_000);
      const text = Buffer.from(JSON.stringify({ instances }));
      const body = coding === undefined ? text : gzipSync(text);
      const fields = coding === undefined ? {} : { 'content-encoding': coding };
      const reply = JSON.parse(String(await post('/v1/models/echo:predict', fields, body))) as object;
      assert.deepEqual(reply, { predictions: instances });
    }
  }

  async function binary(): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const values = Float32Array.from({ length: 50_000 }, () => random(1_000_000));
      const parameters = { binary_data_size: values.byteLength };
      const head = Buffer.from(
        JSON.stringify({
          inputs: [{ name: 'x', datatype: 'FP32', shape: [values.length], parameters }],
          outputs: [{ name: 'x', parameters: { binary_data: true } }],
        }),
      );
      const body = Buffer.concat([head, new Uint8Array(values.buffer)]);
      const fields = { 'inference-header-content-length': String(head.length) };
      const reply = await post('/v2/models/echo/infer', fields, body);
      assert.ok(
        reply.subarray(-values.byteLength).equals(new Uint8Array(values.buffer)),
        String(reply.subarray(0, 200)),
      );
    }
  }

  it('never mix what they carry', { timeout: 120_000 }, async () => {
    await Promise.all([
      ...ways.map(overHttp2),
      ...ways.filter(({ name }) => /^web|^text/.test(name)).map(pipelined),
      json(),
      json('gzip'),
      binary(),
    ]);
    agent.destroy();
    assert.deepEqual(wrong, []);
    assert.equal(arrived.size, sent.size);
  });
});
