/**
 * One message, one reading: what a gateway routes, limits and caches is what its servers answer, however a request
 * says it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { getMetadata } from '../../src/call/index.ts';
import { decodePredictResponse } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  framed,
  missing,
  startRedis,
  startTestGateway,
  type TestGateway,
  type TestRedis,
  waitFor,
} from '../support/index.ts';
import { connectWire, grpcFields } from '../support/wire.ts';

const path = '/tensorflow.serving.PredictionService/Predict';

/** A length-delimited field; its number is below 16. */
function field(number: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length, rest]), bytes]);
}
const spec = (name: string): Buffer => field(1, field(1, name));
const float = Buffer.from([0x08, 1]);
const shape = (...sizes: number[]): Buffer =>
  field(
    2,
    ...sizes.map((size) =>
      field(2, Buffer.from([0x08, ...(size < 128 ? [size] : [(size & 0x7f) | 0x80, size >>> 7])])),
    ),
  );
const values = (...list: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * list.length);
  list.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
  return field(5, bytes);
};
const x = (...list: number[]): Buffer =>
  field(2, field(1, 'x'), field(2, float, shape(list.length), values(...list)));

describe('a request that says a thing twice', { skip: missing('redis-server', 'redis-cli') }, () => {
  let fleet: DemoFleet;
  let redis: TestRedis;
  let gateway: TestGateway;
  let client: Awaited<ReturnType<typeof connectWire>>;

  before(async () => {
    // cheap halves and adds two, dear gives back what it got
    fleet = await startDemoFleet({ replicas: 1, models: ['cheap=half_plus_two', 'dear=echo'] });
    redis = await startRedis();
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      {
        cache: { redisUrl: redis.url, vary: ['x-tenant'] },
        models: { cheap: { cache: {} }, dear: { cache: {} }, public: { model: 'cheap' } },
      },
    );
    client = await connectWire(Number(gateway.grpc.split(':')[1]));
    await waitFor(async () => (await ask(Buffer.concat([spec('cheap'), x(1)]))).status === '0');
  });
  after(async () => {
    client.destroy();
    await gateway.stop();
    await redis.stop();
    await fleet.stop();
  });

  interface Asked {
    readonly status: string;
    readonly message: string;
    readonly model: string | undefined;
    readonly values: readonly number[];
  }

  async function ask(message: Buffer, fields: readonly string[] = [], compressed = false): Promise<Asked> {
    const body = compressed ? framed(gzipSync(message), 1) : framed(message);
    const more = compressed ? ['grpc-encoding', 'gzip', ...fields] : [...fields];
    const { headers, trailers, body: answer } = await client.call(grpcFields(path, more), body).done;
    const end = trailers.length > 0 ? trailers : headers;
    const status = getMetadata(end, 'grpc-status') ?? '';
    const text = decodeURIComponent(getMetadata(end, 'grpc-message') ?? '');
    if (status !== '0') return { status, message: text, model: undefined, values: [] };
    const { spec: answered, outputs } = decodePredictResponse(answer.subarray(5));
    const [tensor] = outputs.values();
    assert.ok(tensor !== undefined && 'bytes' in tensor);
    return {
      status,
      message: text,
      model: answered?.name,
      values: [...new Float32Array(Uint8Array.from(tensor.bytes).buffer)],
    };
  }

  /** Predict calls that the server has had. */
  async function predicted(): Promise<number> {
    const state = (await (await fetch(fleet.backends[0]?.control ?? '')).json()) as {
      calls: Record<string, number>;
    };
    return Object.entries(state.calls)
      .filter(([name]) => name.includes('Predict'))
      .reduce((sum, [, count]) => sum + Number(count), 0);
  }

  let value = 10;
  const rest = 'public';
  const forms: readonly (readonly [string, (v: number) => Buffer])[] = [
    ['two model_specs at the front', (v) => Buffer.concat([spec('cheap'), spec('dear'), x(v)])],
    ['two model_specs around the inputs', (v) => Buffer.concat([spec('cheap'), x(v), spec('dear')])],
    ['a public name, then another model', (v) => Buffer.concat([spec(rest), x(v), spec('dear')])],
  ];
  for (const [name, made] of forms) {
    for (const compressed of [false, true]) {
      it(`${name}${compressed ? ', compressed' : ''}: is answered for the last, and poisons nothing`, async () => {
        const v = ++value;
        const odd = await ask(made(v), [], compressed);
        assert.deepEqual([odd.status, odd.model, odd.values], ['0', 'dear', [v]], odd.message);
        // by then the answer would be stored
        await ask(Buffer.concat([spec('cheap'), x(1000 + v)]));
        for (let i = 0; i < 2; i++) {
          const plain = await ask(Buffer.concat([spec('cheap'), x(v)]));
          assert.deepEqual([plain.model, plain.values], ['cheap', [v / 2 + 2]]);
        }
      });
    }
  }

  it('a model_spec behind megabytes of inputs ends the call, and no server answers', async () => {
    const before = await predicted();
    const sizes = field(2, field(2, Buffer.from([0x08, 0xa0, 0xc2, 0x1e])));
    const large = field(
      2,
      field(1, 'x'),
      field(
        2,
        float,
        sizes,
        field(5, Buffer.from(Float32Array.from({ length: 500_000 }, (_, i) => Math.sin(i)).buffer)),
      ),
    );
    for (const compressed of [false, true]) {
      const odd = await ask(Buffer.concat([spec('cheap'), large, spec('dear')]), [], compressed);
      assert.equal(odd.status, '3');
      assert.match(odd.message, /^model_spec is there again behind other fields/);
    }
    assert.equal(await predicted(), before);
    const plain = await ask(Buffer.concat([spec('cheap'), large]));
    assert.deepEqual([plain.status, plain.values.length], ['0', 500_000], plain.message);
  });

  it('an input in pieces is what its server makes of them, and poisons nothing', async () => {
    const a = field(2, float, shape(1), values(31));
    const b = field(2, shape(1), values(32));
    // protobuf: the dimensions [1, 1] and two values, of which one is too many
    const twice = await ask(Buffer.concat([spec('cheap'), field(2, field(1, 'x'), a, b)]));
    assert.deepEqual([twice.status, twice.values], ['0', [31 / 2 + 2]], twice.message);
    const parts = await ask(
      Buffer.concat([
        spec('cheap'),
        field(2, field(1, 'x'), field(2, float, shape(2), shape(1), values(33, 34))),
      ]),
    );
    assert.deepEqual([parts.status, parts.values], ['0', [33 / 2 + 2, 34 / 2 + 2]], parts.message);
    for (const v of [31, 32])
      assert.deepEqual((await ask(Buffer.concat([spec('cheap'), x(v)]))).values, [v / 2 + 2]);
  });

  it('a tensor of unknown rank has the dimensions that it lists, and poisons nothing', async () => {
    const unknown = field(2, field(2, Buffer.from([0x08, 2])), Buffer.from([0x18, 1]));
    const odd = await ask(
      Buffer.concat([spec('cheap'), field(2, field(1, 'x'), field(2, float, unknown, values(41, 42)))]),
    );
    assert.deepEqual([odd.status, odd.values], ['0', [41 / 2 + 2, 42 / 2 + 2]], odd.message);
    const scalar = await ask(
      Buffer.concat([spec('cheap'), field(2, field(1, 'x'), field(2, float, shape(), values(41)))]),
    );
    assert.deepEqual([scalar.status, scalar.values], ['0', [41 / 2 + 2]], scalar.message);
  });

  it('a header that the cache varies by counts with all its values', async () => {
    const question = Buffer.concat([spec('cheap'), x(51)]);
    const before = await predicted();
    const both = ['x-tenant', 'alice', 'x-tenant', 'mallory'];
    await ask(question, both);
    await waitFor(async () => {
      const asked = await predicted();
      await ask(question, both);
      return (await predicted()) === asked;
    });
    const stored = await predicted();
    assert.ok(stored > before);
    await ask(question, ['x-tenant', 'alice']);
    assert.equal(await predicted(), stored + 1, "alice's question has not been asked before");
    await ask(question, ['x-tenant', 'mallory', 'x-tenant', 'alice']);
    assert.equal(await predicted(), stored + 2);
  });
});
