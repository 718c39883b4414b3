/**
 * What the checks of Triton's own repository (qa/L0_http, L0_parameters, L0_infer_zero) and MLServer's tests of its
 * REST and gRPC ends look at and no other test here does: each is asked of the server itself and through the gateway.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startMlserver } from './servers/mlserver.ts';
import { type BridgeModel, bridgeModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** @param chunks more than one are sent as chunks */
async function ask(
  address: string,
  path: string,
  chunks: readonly (Buffer | string)[],
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent = httpRequest(`http://${address}/v2/models/${path}`, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/json',
      ...(chunks.length === 1 ? { 'content-length': Buffer.byteLength(chunks[0] ?? '') } : {}),
      ...headers,
    },
  });
  for (const chunk of chunks) sent.write(chunk);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  const body = Buffer.concat(parts);
  const coding = answer.headers['content-encoding'];
  const plain = coding === 'gzip' ? gunzipSync(body) : coding === 'deflate' ? inflateSync(body) : body;
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: plain };
}

const parsed = ({ body }: Answer): Record<string, unknown> =>
  JSON.parse(body.toString()) as Record<string, unknown>;
const tensor = (
  name: string,
  datatype: string,
  shape: readonly number[],
  data: unknown,
  more: object = {},
) => ({
  name,
  datatype,
  shape,
  data,
  ...more,
});
const infer = (inputs: readonly object[], more: object = {}): string => JSON.stringify({ inputs, ...more });

/** Both gateways before a server, and the server itself first. */
async function everywhere(
  server: RealServer,
  gateways: readonly TestGateway[],
  asked: (address: string) => Promise<unknown>,
): Promise<unknown> {
  const own = await asked(server.http);
  for (const [i, { rest }] of gateways.entries())
    assert.deepEqual(await asked(rest), own, i === 0 ? 'kserve+http://' : 'kserve://');
  return own;
}

async function gatewaysOf(server: RealServer, models: readonly string[]): Promise<TestGateway[]> {
  const gateways: TestGateway[] = [];
  for (const url of [`kserve+http://${server.http}`, `kserve://${server.grpc}`])
    gateways.push(await startTestGateway([url]));
  for (const address of [server.http, ...gateways.map(({ rest }) => rest)])
    for (const model of models)
      await waitFor(
        async () => (await fetch(`http://${address}/v2/models/${model}/ready`)).ok,
        60_000,
        model,
      );
  return gateways;
}

const flat = (dtype: string): BridgeModel => {
  const model = bridgeModels.find(({ name }) => name === `identity_${dtype}`);
  assert.ok(model !== undefined);
  return { ...model, rank: 1 };
};

describe('what Triton’s own checks look at', { skip: missing('tritonserver') }, () => {
  let triton: RealServer;
  let gateways: TestGateway[] = [];
  before(async () => {
    const two = bridgeModels.filter(({ name }) => name === 'identity_int64');
    triton = await startTriton([flat('float'), flat('string'), ...two]);
    gateways = await gatewaysOf(triton, ['identity_float', 'identity_string', 'identity_int64']);
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await triton.stop();
  });

  const floats = Buffer.from(Float32Array.from({ length: 32 }, (_, i) => i).buffer);
  const json = infer([tensor('x', 'FP32', [3], [0.5, -1, 3])]);
  const outputs = (answer: Answer): unknown => [answer.status, parsed(answer).outputs];

  it('raw bodies, also in chunks that cut numbers', async () => {
    const cuts = [[floats], [floats.subarray(0, 3), floats.subarray(3, 50), floats.subarray(50)]];
    for (const chunks of cuts) {
      const own = await everywhere(triton, gateways, async (address) => {
        const raw = { 'inference-header-content-length': '0', 'content-type': 'application/octet-stream' };
        const { status, headers, body } = await ask(address, 'identity_float/infer', chunks, raw);
        const length = Number(headers['inference-header-content-length']);
        return [status, body.subarray(length).toString('hex')];
      });
      assert.deepEqual(own, [200, floats.toString('hex')]);
    }
  });

  it('compressed requests and answers', async () => {
    for (const [coding, compress] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const) {
      const headers = { 'content-encoding': coding, 'accept-encoding': coding };
      const own = await everywhere(triton, gateways, async (address) =>
        outputs(await ask(address, 'identity_float/infer', [compress(json)], headers)),
      );
      assert.deepEqual(own, [200, [tensor('x', 'FP32', [3], [0.5, -1, 3])]], coding);
    }
  });

  it('tensors without values', async () => {
    for (const shape of [
      [0, 2],
      [2, 0],
    ]) {
      const body = infer([tensor('x', 'INT64', shape, [])]);
      const own = await everywhere(triton, gateways, async (address) =>
        outputs(await ask(address, 'identity_int64/infer', [body])),
      );
      assert.deepEqual(own, [200, [tensor('x', 'INT64', shape, [])]]);
    }
  });

  it('classes of values that are alike, and more than there are', async () => {
    for (const count of [2, 3, 9]) {
      const wanted = { outputs: [{ name: 'x', parameters: { classification: count } }] };
      const body = infer([tensor('x', 'FP32', [3], [1, 1, 1])], wanted);
      const own = (await everywhere(triton, gateways, async (address) =>
        outputs(await ask(address, 'identity_float/infer', [body])),
      )) as [number];
      assert.equal(own[0], 200);
    }
  });

  /** Refused by the server itself, in its words, whichever way it is asked. Triton 2.51 dies of classes of strings. */
  const refused: Readonly<Record<string, readonly [model: string, body: string]>> = {
    'a parameter of its own': [
      'identity_float',
      infer([tensor('x', 'FP32', [1], [1])], { parameters: { triton_mine: true } }),
    ],
    'an unknown input': ['identity_float', infer([tensor('y', 'FP32', [1], [1])])],
    'an unknown output': [
      'identity_float',
      infer([tensor('x', 'FP32', [1], [1])], { outputs: [{ name: 'y' }] }),
    ],
    'another datatype': ['identity_float', infer([tensor('x', 'INT32', [1], [1])])],
    'another rank': ['identity_float', infer([tensor('x', 'FP32', [1, 1], [1])])],
    'an input too many': [
      'identity_float',
      infer([tensor('x', 'FP32', [1], [1]), tensor('y', 'FP32', [1], [1])]),
    ],
    'no input': ['identity_float', infer([])],
    'a model that is not there': ['nobody', json],
    'a version that is not there': ['identity_float/versions/7', json],
  };
  for (const [what, [model, body]] of Object.entries(refused))
    it(`refused: ${what}`, async () => {
      const own = await ask(triton.http, `${model}/infer`, [body]);
      assert.ok(own.status === 400 || own.status === 404, own.body.toString());
      const answers = await Promise.all(gateways.map(({ rest }) => ask(rest, `${model}/infer`, [body])));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [own.status, own.status],
      );
      // its gRPC has other words for some
      const [overHttp, overGrpc] = answers as [Answer, Answer];
      assert.equal(parsed(overHttp).error, parsed(own).error);
      assert.equal(typeof parsed(overGrpc).error, 'string');
    });

  /**
   * Where Triton speaks of a fault of its own (500), or says it in the words of its parser, the gateway has 400 and
   * its own words.
   */
  const wrong: Readonly<Record<string, string>> = {
    'a negative dimension': infer([tensor('x', 'FP32', [2, -5], [1])]),
    'fewer values than the shape has': infer([tensor('x', 'FP32', [2], [1])]),
    'a value of another type': infer([tensor('x', 'FP32', [1], ['a'])]),
    'no inputs at all': '{}',
    'an id that is no text': infer([tensor('x', 'FP32', [1], [1])], { id: 5 }),
    'no JSON': '{"inputs":',
  };
  for (const [what, body] of Object.entries(wrong))
    it(`wrong: ${what}`, async () => {
      const own = await ask(triton.http, 'identity_float/infer', [body]);
      assert.ok(own.status >= 400, `${own.status} ${own.body.toString()}`);
      for (const { rest } of gateways) {
        const answer = await ask(rest, 'identity_float/infer', [body]);
        // a body that passes as it came is the server's to refuse
        assert.ok(
          [400, 429, own.status].includes(answer.status),
          `${answer.status} ${answer.body.toString()}`,
        );
        assert.equal(typeof parsed(answer).error, 'string');
      }
    });

  /** Triton 2.51 itself dies of these, and newer ones refuse them: they end at the gateway. */
  const fatal: Readonly<Record<string, string>> = {
    'a shape of too many elements': infer([tensor('x', 'FP32', [2 ** 4, 2 ** 50], [1])]),
    'a shape whose elements overflow': infer([tensor('x', 'FP32', [2 ** 40, 2 ** 40, 2 ** 40], [1])]),
    'the same with an escape': infer([tensor('x', 'FP32', [2 ** 4, 2 ** 50], [1])]).replace(
      '"shape"',
      '"\\u0073hape"',
    ),
  };
  for (const [what, body] of Object.entries(fatal))
    it(`kept from it: ${what}`, async () => {
      for (const { rest } of gateways) {
        const answer = await ask(rest, 'identity_float/infer', [body]);
        assert.ok([400, 429].includes(answer.status), `${answer.status} ${answer.body.toString()}`);
        assert.equal(typeof parsed(answer).error, 'string');
      }
      assert.equal((await ask(triton.http, 'identity_float/infer', [json])).status, 200);
    });

  it('JSON that is deep, but not too deep', async () => {
    const body = infer([tensor('x', 'FP32', [1], 1)]).replace(
      '"data":1',
      `"data":${'['.repeat(20)}1${']'.repeat(20)}`,
    );
    await everywhere(triton, gateways, async (address) =>
      outputs(await ask(address, 'identity_float/infer', [body])),
    );
  });
});

describe('what MLServer’s own tests look at', { skip: missing('mlserver') }, () => {
  let mlserver: RealServer;
  let gateways: TestGateway[] = [];
  before(async () => {
    mlserver = await startMlserver(
      [],
      [{ name: 'echo', implementation: 'mlserver_echo.EchoModel', ...{ parameters: { version: 'v1.2.3' } } }],
    );
    gateways = await gatewaysOf(mlserver, ['echo']);
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await mlserver.stop();
  });
  const body = infer([tensor('x', 'FP32', [3], [1, 2, 3])], { id: 'one', outputs: [{ name: 'x' }] });

  it('a version that is a text, with and without it in the path', async () => {
    for (const path of ['echo/infer', 'echo/versions/v1.2.3/infer']) {
      const own = (await everywhere(mlserver, gateways, async (address) => {
        const answer = await ask(address, path, [body]);
        const { model_name, model_version, id, outputs: tensors } = parsed(answer);
        const [{ name, datatype, shape, data }] = tensors as [ReturnType<typeof tensor>];
        return [answer.status, model_name, model_version, id, name, datatype, shape, data];
      })) as unknown[];
      assert.deepEqual(own.slice(0, 4), [200, 'echo', 'v1.2.3', 'one']);
    }
  });

  it('compressed requests', async () => {
    await everywhere(mlserver, gateways, async (address) => {
      const answer = await ask(address, 'echo/infer', [gzipSync(body)], { 'content-encoding': 'gzip' });
      return [answer.status, parsed(answer).id];
    });
  });

  it('models and versions that are not there', async () => {
    for (const path of ['nobody/infer', 'echo/versions/v0/infer']) {
      const own = (await everywhere(mlserver, gateways, async (address) => {
        const answer = await ask(address, path, [body]);
        // its gRPC has two spaces where there is no version, and names it
        return [answer.status, String(parsed(answer).error).replace(/ with version +not/, ' not')];
      })) as unknown[];
      assert.equal(own[0], 404);
    }
  });

  it('a datatype that there is not', async () => {
    for (const address of [mlserver.http, ...gateways.map(({ rest }) => rest)]) {
      const answer = await ask(address, 'echo/infer', [infer([tensor('x', 'FP31', [1], [1])])]);
      assert.ok([400, 422].includes(answer.status), `${answer.status}`);
      assert.match(answer.body.toString(), /FP31|datatype/);
    }
  });
});
