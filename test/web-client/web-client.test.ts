/**
 * The web client against a real gateway and a real model server: every dtype there and back, errors, deadlines,
 * streams, size.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import fc from 'fast-check';
import {
  connect,
  type DType,
  RpcError,
  type Tensor,
  tensor,
  texts,
  Writer,
} from '../../clients/web/src/index.ts';
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from '../../clients/web/src/half.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway } from '../support/index.ts';

/** gzip of the minified bundle, in bytes. */
const maxBundleBytes = 15_000;

/** Our dtype by the name of the echo model's signature. */
const signatures: Readonly<Record<DType, string>> = {
  float32: 'float',
  float64: 'double',
  float16: 'half',
  bfloat16: 'bfloat16',
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  uint8: 'uint8',
  uint16: 'uint16',
  uint32: 'uint32',
  uint64: 'uint64',
  bool: 'bool',
  string: 'string',
};

const samples: readonly Tensor[] = [
  tensor([
    [1.5, -2],
    [3, Number.POSITIVE_INFINITY],
  ]),
  tensor([0.1, -1e300], { dtype: 'float64' }),
  tensor([0.5, 65504, -(2 ** -24)], { dtype: 'float16' }),
  tensor([1, -3.5, 2 ** 100], { dtype: 'bfloat16' }),
  tensor(new Int8Array([-128, 127])),
  tensor(new Int16Array([-32768, 32767])),
  tensor(new Int32Array([-(2 ** 31), 2 ** 31 - 1])),
  tensor([-(2n ** 63n), 2n ** 63n - 1n]),
  tensor(new Uint8Array([0, 255])),
  tensor(new Uint16Array([0, 65535])),
  tensor(new Uint32Array([0, 2 ** 32 - 1])),
  tensor(new BigUint64Array([0n, 2n ** 64n - 1n])),
  tensor([true, false, true]),
  tensor([
    ['caf\u00e9', ''],
    ['\u0000', 'x'.repeat(300)],
  ]),
];

const failure = async (call: Promise<unknown>): Promise<RpcError> => {
  const reason: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(reason instanceof RpcError, `expected an RpcError, got ${String(reason)}`);
  return reason;
};

for (const tensorContent of [false, true]) {
  describe(`the web client, with ${tensorContent ? 'packed' : 'typed'} values in the replies`, () => {
    let server: DemoServer;
    let gateway: TestGateway;
    let url: string;
    before(async () => {
      server = await startDemoServer({ tensorContent });
      gateway = await startTestGateway([`tfs://127.0.0.1:${server.port}`]);
      url = `http://${gateway.rest}`;
    });
    after(async () => {
      await gateway.stop();
      await server.stop();
    });

    it('predicts: typed arrays in, typed arrays out', async () => {
      const { y } = await connect(url)
        .model('half_plus_two')
        .predict({ x: new Float32Array([1, 2, 5]) });
      assert.deepEqual(y, { dtype: 'float32', shape: [3], data: new Float32Array([2.5, 3, 4.5]) });
    });

    for (const sample of samples) {
      it(`brings a ${sample.dtype} tensor there and back unchanged`, async () => {
        const model = connect(url).model('echo', { signature: signatures[sample.dtype] });
        const { x } = await model.predict({ x: sample });
        assert.deepEqual(
          { ...x, data: [...(x?.data ?? [])].map((item) => (item instanceof Uint8Array ? [...item] : item)) },
          {
            ...sample,
            data: [...sample.data].map((item) => (item instanceof Uint8Array ? [...item] : item)),
          },
        );
      });
    }

    it('says which version and which server answered', async () => {
      const pixels = tensor(new Float32Array(64), { shape: [1, 64] });
      const stable = await connect(url).model('digits', { label: 'stable' }).run({ pixels });
      const newest = await connect(url).model('digits').run({ pixels });
      const first = await connect(url).model('digits', { version: 1 }).run({ pixels });
      assert.deepEqual([stable.version, newest.version, first.version], [1n, 2n, 1n]);
      assert.equal(first.servedBy, `127.0.0.1:${server.port}`);
      assert.equal(first.outputs.probabilities?.data.length, 10);
      assert.ok(first.durationMs > 0);
    });

    it('asks for the outputs that are named, and no other', async () => {
      const pixels = tensor(new Float32Array(64), { shape: [1, 64] });
      const outputs = await connect(url)
        .model('digits')
        .predict({ pixels }, { outputs: ['class'] });
      assert.deepEqual(Object.keys(outputs), ['class']);
    });

    it('reads status and metadata', async () => {
      const model = connect(url).model('digits');
      const versions = await model.status();
      assert.deepEqual(
        versions.map(({ version, state, error }) => [version, state, error]),
        [
          [2n, 'AVAILABLE', ''],
          [1n, 'AVAILABLE', ''],
        ],
      );
      const { version, signatures } = await model.metadata();
      assert.equal(version, 2n);
      assert.deepEqual(signatures.serving_default?.inputs, { pixels: { dtype: 'float32', shape: [-1, 64] } });
      assert.deepEqual(signatures.serving_default?.outputs.class, { dtype: 'int64', shape: [-1] });
      const echo = await connect(url).model('echo').metadata();
      assert.deepEqual(echo.signatures.complex64?.inputs.x, { dtype: 'other', shape: undefined });
    });

    it('ends a call with the status of its failure', async () => {
      const missing = await failure(connect(url).model('nope').predict({ x: 1 }));
      assert.equal(missing.code, 'NOT_FOUND');
      assert.match(missing.message, /nope/);
      assert.equal((await failure(connect(url).model('nope').status())).code, 'NOT_FOUND');
      assert.equal(
        (
          await failure(
            connect(url)
              .model('half_plus_two')
              .predict({ z: [1] }),
          )
        ).code,
        'INVALID_ARGUMENT',
      );
      const nobody = await failure(connect('http://127.0.0.1:1').model('m').predict({ x: 1 }));
      assert.equal(nobody.code, 'UNAVAILABLE');
      assert.match(nobody.message, /no answer from http:\/\/127\.0\.0\.1:1/);
      const other = await failure(connect(`http://${gateway.admin}`).model('m').predict({ x: 1 }));
      assert.match(other.message, /HTTP status 4/);
    });

    it('keeps its deadline, and tells the caller who ended it', async () => {
      server.faults.set({ hang: true });
      try {
        const model = connect(url, { timeoutMs: 60_000 }).model('half_plus_two');
        const startedMs = performance.now();
        const late = await failure(model.predict({ x: [1] }, { timeoutMs: 100 }));
        assert.equal(late.code, 'DEADLINE_EXCEEDED');
        assert.ok(performance.now() - startedMs < 2000);
        const controller = new AbortController();
        const call = failure(model.predict({ x: [1] }, { signal: controller.signal }));
        controller.abort(new Error('enough'));
        const ended = await call;
        assert.deepEqual([ended.code, (ended.cause as Error).message], ['CANCELLED', 'enough']);
        assert.equal(
          (await failure(model.predict({ x: [1] }, { signal: AbortSignal.abort() }))).code,
          'CANCELLED',
        );
      } finally {
        server.faults.set({ hang: false });
      }
    });

    it('carries a 20 MB tensor both ways', async () => {
      const x = Float32Array.from({ length: 5 * 2 ** 20 }, (_, i) => i % 1000);
      const outputs = await connect(url).model('echo').predict({ x });
      assert.deepEqual(outputs.x?.shape, [x.length]);
      assert.equal(
        Buffer.compare(Buffer.from(x.buffer), Buffer.from((outputs.x?.data as Float32Array).buffer)),
        0,
      );
    });
  });
}

describe('the web client by itself', () => {
  it(`is below ${maxBundleBytes} bytes, minified and with gzip`, async () => {
    const entry = fileURLToPath(new URL('../../clients/web/src/index.ts', import.meta.url));
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: 'esm',
      write: false,
    });
    const bytes = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
    assert.ok(bytes > 1000 && bytes < maxBundleBytes, `${bytes} bytes`);
  });

  it('refuses what is no tensor, before anything is sent', () => {
    assert.throws(() => tensor([[1, 2], [3]]), /rows of a tensor must have equal lengths \(2 here\)/);
    assert.throws(() => tensor([1, 'a']), /"a" is no element of a float32 tensor/);
    assert.throws(() => tensor([1.5], { dtype: 'int64' }), /"1.5" is no element of a int64 tensor/);
    assert.throws(() => tensor([1, 2], { shape: [3] }), /2 values do not fit the shape \[3\]/);
    assert.throws(() => texts(tensor([1])), /a float32 tensor has no text/);
    assert.deepEqual(texts(tensor(['a', new TextEncoder().encode('b') as never])), ['a', 'b']);
  });

  it('rounds 16-bit floats to the nearest, ties to even, as every half and bfloat16 shows', () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const half = fromHalf(bits);
      if (!Number.isNaN(half)) assert.equal(toHalf(half), bits, `half ${bits}`);
      const wide = fromBfloat16(bits);
      if (!Number.isNaN(wide)) assert.equal(toBfloat16(wide), bits, `bfloat16 ${bits}`);
    }
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65000, max: 65000 }), (value) => {
        const error = Math.abs(fromHalf(toHalf(value)) - value);
        for (const near of [toHalf(value) - 1, toHalf(value) + 1]) {
          const other = fromHalf(near & 0xffff);
          assert.ok(!(Math.abs(other - value) < error), `${value} is nearer to ${other}`);
        }
      }),
    );
    assert.ok(Number.isNaN(fromHalf(toHalf(Number.NaN))));
    assert.equal(toHalf(2049), toHalf(2048));
    assert.equal(toHalf(2051), toHalf(2052));
  });

  it('tells replies that are cut or nonsense from answers', async () => {
    const trailer = (text: string): number[] => [0x80, 0, 0, 0, text.length, ...Buffer.from(text)];
    const answer =
      (bytes: readonly number[], headers: Record<string, string> = {}): typeof fetch =>
      () =>
        Promise.resolve(
          new Response(Uint8Array.from(bytes), {
            headers: { 'content-type': 'application/grpc-web+proto', ...headers },
          }),
        );
    const ask = (fetched: typeof fetch): Promise<unknown> =>
      connect('http://x', { fetch: fetched }).transport.unary('/a.B/C', new Writer());
    const codes = async (...fetches: (typeof fetch)[]): Promise<string[]> =>
      Promise.all(fetches.map(async (each) => (await failure(ask(each))).code));
    assert.deepEqual(
      await codes(
        answer([]),
        answer([0, 0, 0, 0, 9, 1]),
        answer([0, 255, 255, 255, 255]),
        answer([1, 0, 0, 0, 0]),
        answer(trailer('')),
        answer(trailer('grpc-status: 0')),
        answer([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...trailer('grpc-status:0')]),
        answer([], { 'grpc-status': '7', 'grpc-message': 'no%20way' }),
        answer([], { 'content-type': 'text/html' }),
      ),
      [
        'UNAVAILABLE',
        'UNAVAILABLE',
        'RESOURCE_EXHAUSTED',
        'INTERNAL',
        'INTERNAL',
        'UNIMPLEMENTED',
        'UNIMPLEMENTED',
        'PERMISSION_DENIED',
        'UNKNOWN',
      ],
    );
    const details = Buffer.from([26, 8, 10, 3, 97, 47, 84, 18, 1, 7]).toString('base64').replace(/=+$/, '');
    const error = await failure(
      ask(
        answer(
          trailer(`grpc-status: 3\r\ngrpc-message: a%25%E2%82%AC\r\ngrpc-status-details-bin: ${details}\r\n`),
        ),
      ),
    );
    assert.deepEqual(
      [error.code, error.message, error.details],
      ['INVALID_ARGUMENT', 'a%\u20ac', [{ type: 'T', value: Uint8Array.of(7) }]],
    );
  });
});
