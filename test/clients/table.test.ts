/** The client table: every client of OpenVINO Model Server's TensorFlow Serving page, unchanged, through three backends. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { PredictResponse, Tensor } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { rawClient } from '../demo/client.ts';
import {
  missing,
  python,
  type RunningProcess,
  run,
  startProcess,
  startTestGateway,
  type TestGateway,
  tool,
} from '../support/index.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const image = here('../../examples/sunset.jpg');
type Results = Readonly<Record<string, { readonly [field: string]: unknown; readonly values?: unknown[] }>>;

async function json(
  result: Promise<{ code: number | null; stdout: string; stderr: string }>,
): Promise<Results> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stderr.slice(-2000));
  return JSON.parse(stdout) as Results;
}

const ovms = (
  transport: 'grpc' | 'http',
  url: string,
  operations: readonly string[],
  model = 'my_model',
  more: readonly string[] = [],
): Promise<Results> =>
  json(
    python('ovmsclient', here('python/ovms.py'), [
      transport,
      url,
      model,
      ...operations,
      '--image',
      image,
      ...more,
    ]),
  );
const tfs = (url: string, operations: readonly string[]): Promise<Results> =>
  json(python('tfs', here('python/tfs.py'), [url, 'my_model', ...operations, '--image', image]));

async function curl(url: string, body?: string): Promise<{ status: number; body: unknown }> {
  const data = body === undefined ? [] : ['-H', 'Content-Type: application/json', '-d', body];
  const { stdout } = await run('curl', ['-s', '-m', '10', '-w', '\n%{http_code}', ...data, url]);
  const cut = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(cut + 1)), body: JSON.parse(stdout.slice(0, cut)) };
}

/** The page's own numbers: 1 to 1000, which my_model doubles. */
const doubled = Array.from({ length: 1000 }, (_, i) => 2 * (i + 1));
const shorts = ['numeric', 'image', 'string'] as const;

describe('the client table', { skip: missing('ovmsclient', 'tfs', 'curl', 'grpcurl') }, () => {
  const fleets = new Map<string, DemoFleet>();
  const gateways = new Map<string, TestGateway>();
  const gateway = (variant: (typeof shorts)[number]): TestGateway => gateways.get(variant) as TestGateway;

  before(async () => {
    await Promise.all(
      shorts.map(async (variant) => {
        // typed values for two of them and tensor_content for one, which is all that the Go and C++ demos read
        const fleet = await startDemoFleet({
          replicas: 3,
          models: [`my_model:${variant}`, 'echo', 'half_plus_two'],
          tensorContent: variant !== 'string',
        });
        fleets.set(variant, fleet);
        gateways.set(variant, await startTestGateway(fleet.backends.map(({ url }) => url)));
      }),
    );
  });
  after(async () => {
    for (const each of gateways.values()) await each.stop();
    for (const each of fleets.values()) await each.stop();
  });

  for (const transport of ['grpc', 'http'] as const) {
    const door = (variant: (typeof shorts)[number]): string =>
      transport === 'grpc' ? gateway(variant).grpc : gateway(variant).rest;

    it(`ovmsclient over ${transport}: status, metadata, and predict on arrays`, async () => {
      const results = await ovms(transport, door('numeric'), [
        'status',
        'status-version',
        'metadata',
        'numpy',
        'version',
        'unknown-model',
        'unknown-input',
      ]);
      for (const key of ['status', 'status-version']) {
        assert.equal(
          (results[key]?.['1'] as { state?: string } | undefined)?.state,
          'AVAILABLE',
          JSON.stringify(results[key]),
        );
      }
      assert.equal(results.metadata?.model_version, 1, JSON.stringify(results.metadata));
      assert.deepEqual(Object.keys(results.metadata?.inputs as object), ['input_name']);
      assert.deepEqual(results.numpy?.values, doubled, JSON.stringify(results.numpy).slice(0, 500));
      assert.deepEqual(results.version?.values, [2, 4]);
      assert.equal(
        results['unknown-model']?.error,
        'ModelNotFoundError',
        JSON.stringify(results['unknown-model']),
      );
      assert.equal(
        results['unknown-input']?.error,
        'InvalidInputError',
        JSON.stringify(results['unknown-input']),
      );
    });

    it(`ovmsclient over ${transport}: predict on an image`, async () => {
      const results = await ovms(transport, door('image'), ['image']);
      assert.equal(results.image?.values?.length, 3, JSON.stringify(results.image));
    });

    it(`ovmsclient over ${transport}: predict on strings, 1-D, 2-D and bytes`, async () => {
      const results = await ovms(transport, door('string'), ['string', 'strings', 'strings-2d', 'bytes']);
      assert.deepEqual(results.string?.values, ['<STRING>'], JSON.stringify(results.string));
      assert.deepEqual(results.strings?.values?.slice(0, 2), ['ONE', 'ZWEI']);
      assert.deepEqual(results['strings-2d']?.values, ['A', 'BC', 'DEF', 'GHIJ']);
      assert.deepEqual(results['strings-2d']?.shape, [2, 2]);
      assert.deepEqual(results.bytes?.values, ['ONE', 'TWO']);
    });

    it(`ovmsclient over ${transport}: NaN and infinities, a scalar, a list`, async () => {
      const results = await ovms(transport, door('numeric'), ['nan', 'scalar', 'list', 'numpy32'], 'echo', [
        '--input',
        'x',
      ]);
      assert.deepEqual(results.nan?.values, ['nan', 'inf', '-inf', 1.5], JSON.stringify(results.nan));
      assert.deepEqual(results.scalar?.values, [3.5], JSON.stringify(results.scalar));
      assert.deepEqual(results.list?.values, [1, 2, 3]);
      assert.deepEqual((results.numpy32?.values as number[]).map(Math.fround), [1.1, 2.5].map(Math.fround));
    });
  }

  it('tensorflow-serving-api: status, metadata and predict on arrays, images and strings', async () => {
    const numeric = await tfs(gateway('numeric').grpc, ['status', 'metadata', 'numpy']);
    assert.equal(
      (numeric.status?.['1'] as { state?: string } | undefined)?.state,
      'AVAILABLE',
      JSON.stringify(numeric.status),
    );
    assert.equal(numeric.metadata?.model_version, 1);
    assert.deepEqual(numeric.numpy?.values, doubled);
    const picture = await tfs(gateway('image').grpc, ['image']);
    assert.equal(picture.image?.values?.length, 3, JSON.stringify(picture.image));
    const text = await tfs(gateway('string').grpc, ['string']);
    assert.deepEqual(text.string?.values, ['<STRING>'], JSON.stringify(text.string));
  });

  it('tensorflow-serving-api: classify, regress and multi-inference', async () => {
    const results = await tfs(gateway('numeric').grpc, ['classify', 'regress', 'multi']);
    assert.deepEqual(results.regress, [2.5, 3, 4.5], JSON.stringify(results.regress));
    assert.equal((results.classify as unknown as unknown[]).length, 3, JSON.stringify(results.classify));
    assert.deepEqual(
      results.multi,
      ['regression_result', 'classification_result'],
      JSON.stringify(results.multi),
    );
  });

  it('curl: status and metadata', async () => {
    const base = `http://${gateway('numeric').rest}/v1/models/my_model`;
    const status = await curl(base);
    assert.equal(status.status, 200);
    const { model_version_status: versions, ...openAi } = status.body as Record<string, unknown>;
    assert.deepEqual(versions, [
      { version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: 'OK' } },
    ]);
    assert.deepEqual(Object.keys(openAi), ['id', 'object', 'created', 'owned_by']);
    assert.deepEqual(await curl(`${base}/versions/1`), {
      status: 200,
      body: { model_version_status: versions },
    });
    const metadata = (await curl(`${base}/metadata`)).body as { modelSpec: { version: string } };
    assert.equal(metadata.modelSpec.version, '1');
  });

  it('curl: predict on an image, an array and a string', async () => {
    const predict = (variant: (typeof shorts)[number], body: string): ReturnType<typeof curl> =>
      curl(`http://${gateway(variant).rest}/v1/models/my_model:predict`, body);
    const b64 = readFileSync(here('../../examples/digit-7.png')).toString('base64');
    const picture = await predict('image', JSON.stringify({ instances: [{ input_name: { b64 } }] }));
    assert.equal(
      (picture.body as { predictions: number[][] }).predictions[0]?.length,
      3,
      JSON.stringify(picture),
    );
    assert.deepEqual(
      await predict('numeric', '{"instances": [{"input_name": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}]}'),
      {
        status: 200,
        body: { predictions: [[2, 4, 6, 8, 10, 12, 14, 16, 18, 20]] },
      },
    );
    assert.deepEqual(await predict('string', '{"instances": [{"input_name": "<string>"}]}'), {
      status: 200,
      body: { predictions: ['<STRING>'] },
    });
  });

  for (const more of [[], ['--version', '1']]) {
    it(`the REST samples: four body formats ${more.join(' ')}`, async () => {
      const results = await json(
        python('ovmsclient', here('python/rest_formats.py'), [
          `http://${gateway('numeric').rest}`,
          'my_model',
          'input_name',
          ...more,
        ]),
      );
      const answer = [
        [2, 4, 6],
        [8, 10, 12],
      ];
      for (const name of ['row_name', 'row_noname'])
        assert.deepEqual(results[name], { status: 200, predictions: answer });
      for (const name of ['column_name', 'column_noname'])
        assert.deepEqual(results[name], { status: 200, outputs: answer });
      assert.ok('model_version_status' in (results.status ?? {}), JSON.stringify(results.status));
      assert.ok(!('error' in (results.metadata ?? {})), JSON.stringify(results.metadata));
    });
  }

  it('grpcurl: needs no proto file', async () => {
    const { grpc } = gateway('numeric');
    const grpcurl = tool('grpcurl') as string;
    const spec = { name: 'half_plus_two' };
    const call = async (data: object, method: string): Promise<string> =>
      (await run(grpcurl, ['-plaintext', '-d', JSON.stringify(data), grpc, method])).stdout;
    assert.match(
      (await run(grpcurl, ['-plaintext', grpc, 'list'])).stdout,
      /tensorflow\.serving\.PredictionService/,
    );
    assert.match(
      (await run(grpcurl, ['-plaintext', grpc, 'describe', 'tensorflow.serving.PredictRequest'])).stdout,
      /model_spec = 1/,
    );
    assert.match(
      await call({ model_spec: spec }, 'tensorflow.serving.ModelService/GetModelStatus'),
      /AVAILABLE/,
    );
    const x = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 2 }] }, float_val: [1, 4] };
    const predicted = JSON.parse(
      await call({ model_spec: spec, inputs: { x } }, 'tensorflow.serving.PredictionService/Predict'),
    ) as {
      outputs: { y: { tensorContent: string } };
    };
    const content = Buffer.from(predicted.outputs.y.tensorContent, 'base64');
    assert.deepEqual([content.readFloatLE(0), content.readFloatLE(4)], [2.5, 4]);
    assert.match(await call({ service: 'half_plus_two' }, 'grpc.health.v1.Health/Check'), /"SERVING"/);
  });

  it(
    'the Go and C++ demos: version present and 0, tensor_content only, no deadline',
    { skip: missing('go') },
    async () => {
      const binary = join(mkdtempSync(join(tmpdir(), 'tensorgate-go-')), 'tfsclient');
      const built = await run(tool('go') as string, ['build', '-C', here('go'), '-o', binary, '.'], {
        timeoutMs: 240_000,
      });
      assert.equal(built.code, 0, built.stderr);
      const numeric = await json(run(binary, [gateway('numeric').grpc, 'my_model', 'numeric']));
      assert.deepEqual(numeric, { output: 'output_name', values: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20] });
      const picture = await json(run(binary, [gateway('image').grpc, 'my_model', 'image', image]));
      assert.equal((picture.values as unknown as number[]).length, 3);
    },
  );
});

describe('one image without a dimension, before a real TensorFlow', { skip: missing('tfs') }, () => {
  let server: RunningProcess;
  let address: string;
  before(async () => {
    server = await startProcess(tool('tfs') as string, [here('python/tensorflow_server.py')], {
      ready: /listens at 127/,
      readyTimeoutMs: 90_000,
    });
    address = /listens at (\S+)/.exec(server.output())?.[1] as string;
  });
  after(async () => {
    await server.stop();
  });

  /** As make_tensor_proto(bytes) has it. */
  const image: Tensor = {
    dtype: 'string',
    shape: [],
    values: [readFileSync(here('../../examples/digit-7.png'))],
  };
  async function predict(at: string): Promise<PredictResponse> {
    const client = rawClient(Number(at.split(':')[1]));
    try {
      return await client.predict({ name: 'my_model' }, { input_name: image });
    } finally {
      client.close();
    }
  }

  it('is refused by the server itself, by one of two operations of its graph', async () => {
    await assert.rejects(predict(address), {
      code: 3,
      // they run at the same time
      message:
        /Tensor must be at least a vector, but saw shape: \[\]|slice index 0 of dimension 0 out of bounds/,
    });
  });

  for (const scheme of ['tfs', 'grpc'])
    it(`is answered through the gateway before ${scheme}://`, async () => {
      const gateway = await startTestGateway([`${scheme}://${address}`]);
      try {
        const { outputs } = await predict(gateway.grpc);
        assert.deepEqual(outputs.get('output_name')?.shape, [3]);
      } finally {
        await gateway.stop();
      }
    });
});
