/** Bad input over REST: the status and the body that TensorFlow Serving gives, and always JSON. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway } from '../support/index.ts';

describe('errors of the REST door', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo', 'digits'] });
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      { rest: { maxBodyBytes: 100_000 } },
    );
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
  });

  async function ask(
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; error: unknown; json: unknown }> {
    const answer = await fetch(
      `http://${gateway.rest}${path}`,
      body === undefined ? {} : { method: 'POST', body: body as never, headers },
    );
    assert.equal(answer.headers.get('content-type'), 'application/json');
    const json = (await answer.json()) as { error?: unknown };
    return { status: answer.status, error: json.error, json };
  }
  const half = '/v1/models/half_plus_two:predict';
  const wrapped = (row: number, text: string): string =>
    `Failed to process element: ${row} of 'instances' list. Error: INVALID_ARGUMENT: ${text}`;

  for (const [name, path, body, status, error] of [
    ['an empty body', half, '', 400, 'JSON Parse error: The document is empty'],
    [
      'text that is no JSON',
      half,
      '{"instances": [1,}',
      400,
      'JSON Parse error: Invalid value. at offset: 17',
    ],
    ['a root that is no object', half, '[1]', 400, 'JSON Value: [1] Is not object'],
    ['neither form', half, '{}', 400, "Missing 'inputs' or 'instances' key"],
    ['no rows', half, '{"instances": []}', 400, /No values in 'instances' array$/],
    [
      'a string for a float',
      half,
      '{"instances": ["a"]}',
      400,
      wrapped(0, 'JSON Value: "a" Type: String is not of expected type: float'),
    ],
    [
      'rows of different shapes',
      half,
      '{"instances": [[1,2],[3]]}',
      400,
      wrapped(1, 'Expecting tensor size: 2 but got: 1'),
    ],
    [
      'an unknown input',
      half,
      '{"instances": [{"z": 1}]}',
      400,
      "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: z",
    ],
    ['a missing input', half, '{"inputs": {"z": [1]}}', 400, "Missing named input: x in 'inputs' object."],
    [
      'an unknown signature',
      half,
      '{"signature_name": "nope", "instances": [1]}',
      400,
      'Serving signature name: "nope" not found in signature def',
    ],
    [
      'a signature that is no string',
      half,
      '{"signature_name": 5, "instances": [1]}',
      400,
      /'signature_name' key must be a string value\.$/,
    ],
    [
      'an unknown model',
      '/v1/models/nope:predict',
      '{"instances": [1]}',
      404,
      'Servable not found for request: Latest(nope)',
    ],
    ['bad JSON for an unknown model', '/v1/models/nope:predict', '{', 400, /^JSON Parse error/],
    [
      'an unknown version',
      '/v1/models/half_plus_two/versions/7:predict',
      '{"instances": [1]}',
      404,
      'Servable not found for request: Specific(half_plus_two, 7)',
    ],
    [
      'an unknown label',
      '/v1/models/digits/labels/nope:predict',
      '{"instances": [1]}',
      400,
      'Unrecognized servable version label: nope',
    ],
    [
      'a version that is no number',
      '/v1/models/half_plus_two/versions/x:predict',
      '{}',
      400,
      /^Malformed request: POST/,
    ],
    ['an unknown verb', '/v1/models/half_plus_two:generate', '{}', 400, /^Malformed request: POST/],
    ['nesting without end', half, `{"inputs": ${'['.repeat(5000)}`, 400, /limit of (32|64)/],
    [
      'a body beyond the limit',
      half,
      `{"instances": [${'1,'.repeat(60_000)}1]}`,
      413,
      'request body is larger than the limit of 100000 bytes',
    ],
    [
      'no examples',
      '/v1/models/half_plus_two:classify',
      '{"examples": []}',
      400,
      /'examples' value is an empty array$/,
    ],
    [
      'a prototype as a key',
      half,
      '{"instances": [{"__proto__": 1}]}',
      400,
      /does not have named input: __proto__$/,
    ],
  ] as const) {
    it(`${name}: ${status}`, async () => {
      const answer = await ask(path, body);
      assert.equal(answer.status, status, JSON.stringify(answer.json));
      if (typeof error === 'string') assert.equal(answer.error, error);
      else assert.match(String(answer.error), error);
    });
  }

  it('a GET of an unknown model: 404', async () => {
    assert.deepEqual(await ask('/v1/models/nope'), {
      status: 404,
      error: 'Could not find any versions of model nope',
      json: { error: 'Could not find any versions of model nope' },
    });
  });

  it('a wrong method says which one works', async () => {
    const answer = await ask(half);
    assert.equal(answer.status, 400);
    assert.match(String(answer.error), /^Malformed request: GET .* \(this path takes POST\)$/);
  });

  it('gzip is read, and a gzip bomb is cut at the limit', async () => {
    const gzip = { 'content-encoding': 'gzip' };
    assert.deepEqual((await ask(half, gzipSync('{"instances": [1.0]}'), gzip)).json, { predictions: [2.5] });
    const bomb = await ask(half, gzipSync(Buffer.alloc(50_000_000, ' ')), gzip);
    assert.equal(bomb.status, 413, JSON.stringify(bomb.json));
    assert.equal((await ask(half, 'not gzip', gzip)).status, 400);
  });

  it('the configuration can be read and not reloaded', async () => {
    const config = (await ask('/v1/config')).json as Record<string, unknown>;
    assert.ok('half_plus_two' in config, JSON.stringify(config));
    assert.equal((await ask('/v1/config/reload', '')).status, 403);
  });

  it('a reload that is refused says so, and what is wrong to operators alone', async () => {
    const own = await startTestGateway(['tfs://127.0.0.1:1'], { rest: { allowReload: true } });
    try {
      await assert.rejects(own.configure({ rest: { allowReload: true }, nope: 'inner.example' }));
      const answer = await fetch(`http://${own.rest}/v1/config/reload`, { method: 'POST' });
      assert.equal(answer.status, 400);
      const { error } = (await answer.json()) as { error: string };
      assert.match(error, /^the new configuration is refused, the one in force stays: .*\/readyz/);
      assert.doesNotMatch(error, /nope/);
      const readyz = await (await fetch(`http://${own.admin}/readyz`)).text();
      assert.match(readyz, /nope: unknown key/);
    } finally {
      await own.stop();
    }
  });

  it('still answers after all that', async () => {
    assert.deepEqual((await ask(half, '{"instances": [1.0, 2.0, 5.0]}')).json, {
      predictions: [2.5, 3, 4.5],
    });
  });
});
