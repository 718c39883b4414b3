/**
 * The 24 rows of OpenVINO Model Server's client page: each client, unchanged, before whatever server stands behind
 * the gateway.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  makeCertificates,
  missing,
  python,
  run,
  startProcess,
  startTestGateway,
  type TestGateway,
  tool,
  waitFor,
} from '../support/index.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const image = here('../../examples/sunset.jpg');
/** A value of what a client printed: an answer, or the error that it raised. */
export interface Printed {
  readonly [field: string]: unknown;
  readonly values?: readonly unknown[];
  readonly shape?: readonly number[];
  readonly error?: string;
}
export type Results = Readonly<Record<string, Printed | undefined>>;

/**
 * What stands behind the gateway. All servers have my_model and my_matrix, which double numbers of one and of two
 * dimensions, my_string, which makes upper case, my_image, and my_float, which gives its input x back as x; each with
 * version 1 alone.
 */
export interface RowsBefore {
  /** "a real Triton, kserve+http://" */
  readonly title: string;
  /** Asked when the tests begin. */
  readonly backends: () => readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  /** Numbers that my_image makes of one image. */
  readonly imageValues: number;
  /** Why the server cannot have strings of two dimensions: they are refused as InvalidInputError then. */
  readonly noMatrixOfStrings?: string;
  /** Why NaN and infinities cannot reach it: they are refused as InvalidInputError then. */
  readonly noNaN?: string;
  /** Why bytes that are no UTF-8 text cannot reach it: images are refused as InvalidInputError then. */
  readonly noBytes?: string;
  /** Why another input than the model's is no InvalidInputError. */
  readonly takesAnyInput?: string;
}

/** What a client printed. @throws AssertionError when it failed, with what it said */
export async function printed(
  result: Promise<{ code: number | null; stdout: string; stderr: string }>,
): Promise<Results> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stderr.slice(-2000));
  return JSON.parse(stdout) as Results;
}

export const ovmsclient = (
  transport: 'grpc' | 'http',
  url: string,
  operations: readonly string[],
  more: readonly string[] = [],
): Promise<Results> =>
  printed(
    python('ovmsclient', here('python/ovms.py'), [
      transport,
      url,
      'my_model',
      ...operations,
      '--image',
      image,
      ...more,
    ]),
  );

/** tensorflow-serving-api: one process for a file of tests, since TensorFlow takes seconds to begin. */
let tfsProcess: Promise<(args: readonly string[]) => Promise<Results>> | undefined;
async function startTfs(): Promise<(args: readonly string[]) => Promise<Results>> {
  const env = { CUDA_VISIBLE_DEVICES: '', PYTHONUNBUFFERED: '1' };
  const started = await startProcess(tool('tfs') as string, [here('python/tfs.py')], {
    env,
    keepsInput: true,
  });
  const { child } = started;
  const lines = createInterface(child.stdout as Socket);
  const answers = lines[Symbol.asyncIterator]();
  // it must not keep the tests from their end
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref();
  return async (args) => {
    child.stdin?.write(`${JSON.stringify(args)}\n`);
    for (const stream of [child.stdout, child.stderr]) (stream as Socket).ref();
    const { value, done } = await answers.next();
    for (const stream of [child.stdout, child.stderr]) (stream as Socket).unref();
    assert.ok(done !== true, started.output());
    return JSON.parse(value) as Results;
  };
}

/** Asked one after the other. */
export async function tfsApi(url: string, operations: readonly string[]): Promise<Results> {
  tfsProcess ??= startTfs();
  const ask = await tfsProcess;
  return ask([url, 'my_model', ...operations, '--image', image]);
}

export async function curl(
  url: string,
  body?: string,
  more: readonly string[] = [],
): Promise<{ status: number; body: unknown }> {
  const data = body === undefined ? [] : ['-H', 'Content-Type: application/json', '-d', body];
  const { stdout } = await run('curl', ['-s', '-m', '10', '-w', '\n%{http_code}', ...more, ...data, url]);
  const cut = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(cut + 1)), body: JSON.parse(stdout.slice(0, cut)) };
}

/** OpenVINO Model Server's Go and C++ demos, byte for byte; built once for a file of tests. */
let demo: Promise<string> | undefined;
function demoProgram(): Promise<string> {
  demo ??= (async () => {
    const binary = join(mkdtempSync(join(tmpdir(), 'tensorgate-go-')), 'tfsclient');
    const built = await run(tool('go') as string, ['build', '-C', here('go'), '-o', binary, '.'], {
      timeoutMs: 240_000,
    });
    assert.equal(built.code, 0, built.stderr);
    return binary;
  })();
  return demo;
}

/** The page's own numbers: 1 to 1000, doubled. */
const doubled = Array.from({ length: 1000 }, (_, i) => 2 * (i + 1));
const available = { version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: 'OK' } };

const overOvms = [
  'status',
  'status-version',
  'metadata',
  'image@my_image',
  'numpy',
  'version',
  'scalar@my_float/x',
  'list@my_float/x',
  'floats@my_float/x',
  'nan@my_float/x',
  'string@my_string',
  'strings@my_string',
  'strings-2d@my_string',
  'bytes@my_string',
  'unknown-model',
  'unknown-input',
];
const overTfs = [
  'status',
  'metadata',
  'image@my_image',
  'numpy',
  'single',
  'string@my_string',
  'unknown-model',
  'wrong-version',
];

/** Describes the rows before one server. Each client runs once; the rows that are its own look at what it printed. */
export function clientRows(server: RowsBefore): void {
  const { title, imageValues, noMatrixOfStrings, noNaN, noBytes, takesAnyInput } = server;
  describe(`the client page before ${title}`, { skip: missing('ovmsclient', 'tfs', 'curl') }, () => {
    let plain: TestGateway;
    let secure: TestGateway;
    let mutual: TestGateway;
    let file: (name: string) => string;
    const asked = new Map<string, Promise<Results>>();
    const once = (name: string, ask: () => Promise<Results>): Promise<Results> => {
      const known = asked.get(name) ?? ask();
      asked.set(name, known);
      return known;
    };
    const ovms = (transport: 'grpc' | 'http'): Promise<Results> =>
      once(transport, () => ovmsclient(transport, transport === 'grpc' ? plain.grpc : plain.rest, overOvms));
    const tfs = (): Promise<Results> => once('tfs', () => tfsApi(plain.grpc, overTfs));
    const model = (name: string): string => `http://${plain.rest}/v1/models/${name}`;

    before(async () => {
      file = await makeCertificates('door', 'client');
      const config = server.config ?? {};
      const start = (tls?: object): Promise<TestGateway> =>
        startTestGateway(server.backends(), tls === undefined ? config : { ...config, doors: { tls } });
      const pair = { cert: file('door.pem'), key: file('door.key') };
      plain = await start();
      secure = await start(pair);
      mutual = await start({ ...pair, clientCa: file('ca.pem') });
      for (const name of ['my_model', 'my_matrix', 'my_string', 'my_image', 'my_float'])
        await waitFor(async () => (await curl(model(name))).status === 200, 30_000, name);
    });
    after(async () => {
      for (const gateway of [plain, secure, mutual]) await gateway.stop();
    });

    const isAvailable = (results: Results, key: string): void => {
      const state = (results[key]?.['1'] as { state?: string } | undefined)?.state;
      assert.equal(state, 'AVAILABLE', JSON.stringify(results[key]));
    };
    const hasValues = (results: Results, key: string, values: readonly unknown[]): void => {
      assert.deepEqual(results[key]?.values, values, JSON.stringify(results[key]).slice(0, 500));
    };
    const hasImage = (results: Results): void => {
      const said = results['image@my_image'];
      if (noBytes === undefined) assert.equal(said?.values?.length, imageValues, JSON.stringify(said));
      else assert.match(String(said?.error), /^(InvalidInputError|INVALID_ARGUMENT)$/, JSON.stringify(said));
    };

    for (const [transport, rows] of [
      ['grpc', [1, 5, 9, 13, 17]],
      ['http', [2, 6, 10, 14, 18]],
    ] as const) {
      it(`${rows[0]}: ovmsclient, ${transport}: status`, async () => {
        const results = await ovms(transport);
        isAvailable(results, 'status');
        isAvailable(results, 'status-version');
        assert.equal(results['unknown-model']?.error, 'ModelNotFoundError', JSON.stringify(results));
      });

      it(`${rows[1]}: ovmsclient, ${transport}: metadata`, async () => {
        const { metadata } = await ovms(transport);
        assert.equal(metadata?.model_version, 1, JSON.stringify(metadata));
        assert.deepEqual(Object.keys(metadata.inputs as object), ['input_name']);
        assert.deepEqual(Object.keys(metadata.outputs as object), ['output_name']);
      });

      it(`${rows[2]}: ovmsclient, ${transport}: predict on an image`, async () => {
        hasImage(await ovms(transport));
      });

      it(`${rows[3]}: ovmsclient, ${transport}: predict on arrays`, async () => {
        const results = await ovms(transport);
        hasValues(results, 'numpy', doubled);
        hasValues(results, 'version', [2, 4]);
        hasValues(results, 'scalar@my_float/x', [3.5]);
        hasValues(results, 'list@my_float/x', [1, 2, 3]);
        const floats = results['floats@my_float/x']?.values as number[] | undefined;
        assert.deepEqual(floats?.map(Math.fround), [1.1, 2.5].map(Math.fround), JSON.stringify(results));
        if (takesAnyInput === undefined)
          assert.equal(results['unknown-input']?.error, 'InvalidInputError', JSON.stringify(results));
      });

      it(`${rows[3]}: ovmsclient, ${transport}: NaN and infinities${noNaN === undefined ? '' : ` (${noNaN})`}`, async () => {
        const results = await ovms(transport);
        if (noNaN === undefined) hasValues(results, 'nan@my_float/x', ['nan', 'inf', '-inf', 1.5]);
        else assert.equal(results['nan@my_float/x']?.error, 'InvalidInputError', JSON.stringify(results));
      });

      it(`${rows[4]}: ovmsclient, ${transport}: predict on strings`, async () => {
        const results = await ovms(transport);
        hasValues(results, 'string@my_string', ['<STRING>']);
        hasValues(results, 'strings@my_string', ['ONE', 'ZWEI', 'ТРИ']);
        hasValues(results, 'bytes@my_string', ['ONE', 'TWO']);
        const matrix = results['strings-2d@my_string'];
        if (noMatrixOfStrings === undefined) {
          assert.deepEqual(matrix?.values, ['A', 'BC', 'DEF', 'GHIJ'], JSON.stringify(matrix));
          assert.deepEqual(matrix.shape, [2, 2]);
        } else assert.equal(matrix?.error, 'InvalidInputError', JSON.stringify(matrix));
      });
    }

    it('3: tensorflow-serving-api: status', async () => {
      const results = await tfs();
      isAvailable(results, 'status');
      assert.equal(results['unknown-model']?.error, 'NOT_FOUND', JSON.stringify(results['unknown-model']));
      assert.equal(results['wrong-version']?.error, 'NOT_FOUND', JSON.stringify(results['wrong-version']));
    });

    it('7: tensorflow-serving-api: metadata', async () => {
      const { metadata } = await tfs();
      assert.equal(metadata?.model_version, 1, JSON.stringify(metadata));
      assert.deepEqual(Object.keys(metadata.inputs as object), ['input_name']);
    });

    it('11: tensorflow-serving-api: predict on an image, without a dimension', async () => {
      hasImage(await tfs());
    });

    it('15: tensorflow-serving-api: predict on arrays', async () => {
      const results = await tfs();
      hasValues(results, 'numpy', doubled);
      hasValues(results, 'single', [5]);
    });

    it('19: tensorflow-serving-api: predict on a string', async () => {
      hasValues(await tfs(), 'string@my_string', ['<STRING>']);
    });

    it('4: curl: status', async () => {
      const { status, body } = await curl(model('my_model'));
      assert.equal(status, 200);
      const { model_version_status: versions } = body as Record<string, unknown>;
      assert.deepEqual(versions, [available]);
      assert.deepEqual(await curl(`${model('my_model')}/versions/1`), {
        status: 200,
        body: { model_version_status: [available] },
      });
    });

    it('8: curl: metadata', async () => {
      const { status, body } = await curl(`${model('my_model')}/metadata`);
      assert.equal(status, 200);
      assert.equal((body as { modelSpec: { version: string } }).modelSpec.version, '1');
    });

    const predicted = async (name: string, body: string): Promise<unknown> => {
      const answer = await curl(`${model(name)}:predict`, body);
      assert.equal(answer.status, 200, JSON.stringify(answer));
      return (answer.body as { predictions: unknown }).predictions;
    };

    it('12: curl: predict on an image', async () => {
      const b64 = readFileSync(here('../../examples/digit-7.png')).toString('base64');
      const body = JSON.stringify({ instances: [{ input_name: { b64 } }] });
      if (noBytes !== undefined) {
        assert.equal((await curl(`${model('my_image')}:predict`, body)).status, 400);
        return;
      }
      const predictions = await predicted('my_image', body);
      assert.equal((predictions as unknown[]).flat().length, imageValues, JSON.stringify(predictions));
    });

    it('16: curl: predict on an array', async () => {
      const body = '{"instances": [{"input_name": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}]}';
      assert.deepEqual(await predicted('my_matrix', body), [[2, 4, 6, 8, 10, 12, 14, 16, 18, 20]]);
    });

    it('20: curl: predict on a string', async () => {
      const body = '{"instances": [{"input_name": "<string>"}]}';
      assert.deepEqual(await predicted('my_string', body), ['<STRING>']);
    });

    describe('the Go and C++ demos, which read tensor_content alone', { skip: missing('go') }, () => {
      async function demos(gateway: TestGateway, flags: readonly string[]): Promise<void> {
        const program = await demoProgram();
        const numeric = await printed(run(program, [...flags, gateway.grpc, 'my_matrix', 'numeric']));
        assert.deepEqual(numeric, { output: 'output_name', values: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20] });
        const pictured = run(program, [...flags, gateway.grpc, 'my_image', 'image', image]);
        if (noBytes !== undefined) {
          assert.match((await pictured).stderr, /InvalidArgument/);
          return;
        }
        const picture = await printed(pictured);
        assert.equal((picture.values as unknown as number[]).length, imageValues);
      }

      it('21: the Go demo: numbers and an image', async () => {
        await demos(plain, []);
      });

      it('22: the C++ demo, which looks like any other client: numbers and an image', async () => {
        const config = { ...server.config, outputs: { tensorContent: 'all' } };
        const gateway = await startTestGateway(server.backends(), config);
        try {
          await demos(gateway, ['-no-version']);
        } finally {
          await gateway.stop();
        }
      });
    });

    const samples = (more: readonly string[], base = `http://${plain.rest}`): Promise<Results> =>
      printed(
        python('ovmsclient', here('python/rest_formats.py'), [base, 'my_matrix', 'input_name', ...more], {
          // an authority that the machine has set goes before the one that a client names (requests, trust_env)
          env: { REQUESTS_CA_BUNDLE: file('ca.pem'), CURL_CA_BUNDLE: '' },
        }),
      );
    const answer = [
      [2, 4, 6],
      [8, 10, 12],
    ];
    const answersSamples = (results: Results): void => {
      for (const name of ['row_name', 'row_noname'])
        assert.deepEqual(results[name], { status: 200, predictions: answer });
      for (const name of ['column_name', 'column_noname'])
        assert.deepEqual(results[name], { status: 200, outputs: answer });
      assert.ok('model_version_status' in (results.status ?? {}), JSON.stringify(results.status));
      assert.ok(!('error' in (results.metadata ?? {})), JSON.stringify(results.metadata));
    };

    it('23: the REST samples: four body formats, with and without a version', async () => {
      answersSamples(await samples([]));
      answersSamples(await samples(['--version', '1']));
    });

    it('23: the REST samples over TLS, with a certificate of the client', async () => {
      const tls = ['--ca', file('ca.pem'), '--cert', file('client.pem'), '--key', file('client.key')];
      answersSamples(await samples(tls, `https://${mutual.rest}`));
    });

    it('24: ovmsclient, grpc, over TLS, with and without a certificate of its own', async () => {
      const operations = ['status', 'metadata', 'numpy', 'string@my_string', 'image@my_image'];
      const ca = ['--cert', file('ca.pem')];
      const own = ['--client-cert', file('client.pem'), '--client-key', file('client.key')];
      for (const [gateway, flags] of [
        [secure, ca],
        [mutual, [...ca, ...own]],
      ] as const) {
        const results = await ovmsclient('grpc', gateway.grpc, operations, flags);
        isAvailable(results, 'status');
        hasValues(results, 'numpy', doubled);
        hasValues(results, 'string@my_string', ['<STRING>']);
        hasImage(results);
      }
    });
  });
}
