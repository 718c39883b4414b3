/** Real clients, unchanged, before servers that speak another API than they do. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { missing, python, startTestGateway, type TestGateway } from '../support/index.ts';
import { startMlserver } from './servers/mlserver.ts';
import { bridgeModels, sharedDtypes } from './servers/models.ts';
import { startOvms } from './servers/ovms.ts';
import { startTriton } from './servers/triton.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const image = here('../../examples/sunset.jpg');
type Result = Readonly<Record<string, unknown>> & { readonly values?: unknown[]; readonly error?: string };
type Results = Readonly<Record<string, Result>>;

async function json(result: ReturnType<typeof python>): Promise<Results> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stderr.slice(-2000));
  return JSON.parse(stdout) as Results;
}

const triton = (transport: 'grpc' | 'http', url: string, args: readonly string[]): Promise<Results> =>
  json(python('triton', here('python/v2.py'), [transport, url, 'my_model', ...args]));
const ovms = (
  transport: 'grpc' | 'http',
  url: string,
  model: string,
  args: readonly string[],
): Promise<Results> =>
  json(python('ovmsclient', here('../clients/python/ovms.py'), [transport, url, model, ...args]));
const tfs = (url: string, model: string, args: readonly string[]): Promise<Results> =>
  json(python('tfs', here('../clients/python/tfs.py'), [url, model, ...args]));

/** The client page's own numbers: 1 to 1000, doubled. */
const doubled = Array.from({ length: 1000 }, (_, i) => 2 * (i + 1));

describe(
  'clients before servers of the other API',
  { skip: missing('triton', 'ovmsclient', 'tfs', 'tritonserver', 'mlserver') },
  () => {
    const stops: (() => Promise<unknown>)[] = [];
    let demo: TestGateway;
    const v2 = new Map<string, TestGateway>();
    let old: TestGateway;
    let untouched: TestGateway;

    before(async () => {
      const fleet: DemoFleet = await startDemoFleet({
        replicas: 1,
        models: [
          ...bridgeModels
            .filter(({ does }) => does === 'identity')
            .map(({ name, inputDtype }) => `${name}=echo:${inputDtype}`),
          'my_model',
        ],
      });
      stops.push(() => fleet.stop());
      const begin = async (url: string, config = {}): Promise<TestGateway> => {
        const gateway = await startTestGateway([url], config);
        stops.unshift(() => gateway.stop());
        return gateway;
      };
      const [real, pure, ovmsServer] = await Promise.all([startTriton(), startMlserver(), startOvms('both')]);
      for (const each of [real, pure, ovmsServer]) stops.push(() => each.stop());
      demo = await begin(fleet.backends[0]?.url ?? '');
      v2.set('Triton', await begin(`grpc://${real.grpc}`));
      v2.set('MLServer', await begin(`grpc://${pure.grpc}`));
      old = await begin(`grpc://${ovmsServer.grpc}`);
      untouched = await begin(`tfs://${ovmsServer.grpc}`);
    });
    after(async () => {
      for (const stop of stops) await stop();
    });

    const echoes = sharedDtypes.map((dtype) => `echo:${dtype}`);
    const forms = [
      ['grpc', 'raw', []],
      ['http', 'binary', ['--binary', 'in,out']],
      ['http', 'JSON in, binary out', ['--binary', 'out']],
      ['http', 'JSON', ['--binary', 'none']],
    ] as const;
    for (const [transport, form, flags] of forms) {
      it(`tritonclient over ${transport} (${form}) before a TensorFlow Serving backend`, async () => {
        // the client itself sends these in binary only, and strings that are no text
        const own = form.startsWith('JSON')
          ? echoes.filter((each) => !/half|bfloat16|string/.test(each))
          : echoes;
        const about = ['live', 'ready', 'model-ready', 'version-ready', 'unknown-ready', 'metadata', 'index'];
        const calls = ['numpy', 'all-outputs', 'version', 'parameters', 'unknown-model', 'unknown-input'];
        const wrong = ['wrong-version', 'unknown-output', 'wrong-dtype'];
        const url = transport === 'grpc' ? demo.grpc : demo.rest;
        const results = await triton(transport, url, [...about, ...calls, ...wrong, ...own, ...flags]);
        for (const name of ['live', 'ready', 'model-ready', 'version-ready'])
          assert.equal(results[name], true, name);
        assert.equal(results['unknown-ready'], false);
        assert.deepEqual(results.metadata?.versions, ['1'], JSON.stringify(results.metadata));
        assert.deepEqual(results.numpy, {
          shape: [3],
          values: ['2.0', '4.0', '6.0'],
          id: 'request 1',
          version: '1',
        });
        for (const name of ['all-outputs', 'version', 'parameters'])
          assert.deepEqual(results[name]?.values, ['2.0', '4.0', '6.0'], name);
        const notFound = transport === 'grpc' ? 'StatusCode.NOT_FOUND' : '404';
        const invalid = transport === 'grpc' ? 'StatusCode.INVALID_ARGUMENT' : '400';
        assert.equal(results['unknown-model']?.error, notFound);
        assert.equal(results['wrong-version']?.error, notFound);
        for (const name of ['unknown-input', 'unknown-output', 'wrong-dtype'])
          assert.equal(results[name]?.error, invalid, JSON.stringify(results[name]));
        for (const name of own) {
          const { back, sent } = results[name] as unknown as { back: unknown; sent: unknown };
          assert.ok(sent !== undefined, JSON.stringify(results[name]));
          assert.deepEqual(back, sent, name);
        }
      });
    }

    for (const server of ['Triton', 'MLServer']) {
      for (const transport of ['grpc', 'http'] as const) {
        it(`ovmsclient over ${transport} before ${server}`, async () => {
          const gateway = v2.get(server) as TestGateway;
          const url = transport === 'grpc' ? gateway.grpc : gateway.rest;
          const results = await ovms(transport, url, 'my_model', [
            'status',
            'metadata',
            'numpy',
            'version',
            'unknown-model',
            'string@my_string',
            'strings@my_string',
            'image@my_image',
            '--image',
            image,
          ]);
          assert.equal(
            (results.status?.['1'] as { state?: string } | undefined)?.state,
            'AVAILABLE',
            JSON.stringify(results.status),
          );
          assert.equal(results.metadata?.model_version, 1, JSON.stringify(results.metadata));
          assert.deepEqual(results.numpy?.values, doubled, JSON.stringify(results.numpy).slice(0, 500));
          assert.deepEqual(results.version?.values, [2, 4]);
          assert.equal(
            results['unknown-model']?.error,
            'ModelNotFoundError',
            JSON.stringify(results['unknown-model']),
          );
          assert.deepEqual(results['string@my_string']?.values, ['<STRING>'], JSON.stringify(results));
          assert.deepEqual(results['strings@my_string']?.values, ['ONE', 'ZWEI', 'ТРИ']);
          assert.deepEqual(
            results['image@my_image']?.values,
            [1469],
            JSON.stringify(results['image@my_image']),
          );
        });
      }

      it(`tensorflow-serving-api before ${server}: an image without a dimension among it`, async () => {
        const { grpc } = v2.get(server) as TestGateway;
        const results = await tfs(grpc, 'my_model', [
          'status',
          'metadata',
          'numpy',
          'single',
          'string@my_string',
          'image@my_image',
          '--image',
          image,
        ]);
        assert.equal(
          (results.status?.['1'] as { state?: string } | undefined)?.state,
          'AVAILABLE',
          JSON.stringify(results.status),
        );
        assert.deepEqual(results.numpy?.values, doubled, JSON.stringify(results.numpy).slice(0, 500));
        assert.deepEqual(results.single?.values, [5]);
        assert.deepEqual(results['string@my_string']?.values, ['<STRING>']);
        assert.deepEqual(results['image@my_image']?.values, [1469]);
      });
    }

    describe('before OpenVINO Model Server 2026.2, whose TensorFlow Serving API takes one encoding of each type', () => {
      const cases = [
        ['a Python scalar (float_val)', 'scalar@identity_float', [3.5]],
        ['float16 (tensor_content)', 'half@identity_half', [1.5, -2]],
        ['uint16 (tensor_content)', 'uint16@identity_uint16', [1, 65535]],
      ] as const;
      it('ovmsclient’s encodings work, and fail untouched', async () => {
        const args = [...cases.map(([, operation]) => operation), '--input', 'x'];
        const results = await ovms('grpc', old.grpc, 'my_model', args);
        const refused = await ovms('grpc', untouched.grpc, 'my_model', args);
        for (const [what, operation, values] of cases) {
          assert.deepEqual(
            results[operation]?.values,
            values,
            `${what}: ${JSON.stringify(results[operation])}`,
          );
          assert.equal(refused[operation]?.error, 'InvalidInputError', what);
        }
      });

      it('tensorflow-serving-api’s (an array of one in double_val, an image without a dimension) work, and fail untouched', async () => {
        const args = ['single', 'image@my_image', '--image', image];
        const results = await tfs(old.grpc, 'my_model', args);
        assert.deepEqual(results.single?.values, [5]);
        assert.deepEqual(results['image@my_image']?.values, [1469]);
        const refused = await tfs(untouched.grpc, 'my_model', args);
        assert.equal(refused.single?.error, 'INVALID_ARGUMENT');
        assert.match(
          String(refused['image@my_image']?.message),
          /binary input shape dimensions: 1; Actual: 0/,
        );
      });

      it('ovmsclient’s version 0, which it always sends, means the default', async () => {
        const results = await ovms('grpc', old.grpc, 'my_model', ['status', 'numpy']);
        assert.equal((results.status?.['1'] as { state?: string } | undefined)?.state, 'AVAILABLE');
        assert.deepEqual(results.numpy?.values, doubled);
      });
    });
  },
);
