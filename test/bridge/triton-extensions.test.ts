/** Triton's extensions through the gateway, over HTTP and over gRPC, against what a real Triton answers itself. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { missing, startTestGateway, type TestGateway } from '../support/index.ts';
import { bridgeModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

const names = ['identity_string', 'identity_float'];

describe("Triton's extensions", { skip: missing('tritonserver') }, () => {
  let triton: RealServer;
  const gateways: TestGateway[] = [];
  before(async () => {
    const models = bridgeModels.filter(({ name }) => names.includes(name));
    // of two open dimensions Triton cannot tell the shape
    const flat = models.map((model) => ({ ...model, name: `flat_${model.name}`, rank: 1 as const }));
    triton = await startTriton([...models, ...flat]);
    for (const url of [`kserve+http://${triton.http}`, `kserve://${triton.grpc}`])
      gateways.push(await startTestGateway([url]));
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await triton.stop();
  });

  async function ask(
    host: string,
    path: string,
    body?: string | Uint8Array,
    raw = false,
  ): Promise<unknown[]> {
    const answer = await fetch(`http://${host}/v2/models/${path}`, {
      ...(body === undefined
        ? {}
        : { method: 'POST', body: typeof body === 'string' ? body : Buffer.from(body) }),
      ...(raw ? { headers: { 'inference-header-content-length': '0' } } : {}),
    });
    const text = Buffer.from(await answer.arrayBuffer()).toString('latin1');
    // errors are of the gateway's own form
    return [
      answer.status,
      answer.ok ? answer.headers.get('content-type') : '',
      answer.ok ? text : messageIn(text),
    ];
  }
  const messageIn = (text: string): string => (JSON.parse(text) as { error: string }).error;

  for (const [path, body] of [
    ['identity_string/generate', '{"x":"hé\\n","id":"7"}'],
    ['identity_string/generate', '{"x":["a","b"],"parameters":{"a":1}}'],
    ['identity_float/generate_stream', '{"x":[1.5,-2]}'],
    ['identity_float/versions/1/generate', '{"x":0.5}'],
    ['identity_float/generate', '{"x":1,"y":[2]}'],
    ['identity_float/versions/9/generate', '{"x":1}'],
    ['identity_float/generate', '{}'],
  ] as const)
    it(`${path} of ${body}`, async () => {
      const own = await ask(triton.http, path, body);
      for (const { rest } of gateways) assert.deepEqual(await ask(rest, path, body), own);
    });

  it('configuration, to the byte', async () => {
    for (const path of ['identity_string/config', 'identity_float/versions/1/config', 'nobody/config']) {
      const own = await ask(triton.http, path);
      for (const { rest } of gateways) assert.deepEqual(await ask(rest, path), own);
    }
  });

  it('statistics', async () => {
    for (const path of ['identity_float/stats', 'stats']) {
      const own = await ask(triton.http, path);
      for (const { rest } of gateways) {
        const [status, , text] = await ask(rest, path);
        assert.equal(status, 200);
        assert.deepEqual(JSON.parse(text as string), JSON.parse(own[2] as string));
      }
    }
  });

  it('a raw body', async () => {
    const body = new Uint8Array(Float32Array.of(1.5, 3).buffer);
    const [status, type, text] = await ask(triton.http, 'flat_identity_float/infer', body, true);
    assert.equal(status, 200);
    const tensor = Buffer.from(body).toString('latin1');
    assert.ok((text as string).endsWith(tensor));
    for (const { rest } of gateways) {
      const [own, ownType, ownText] = await ask(rest, 'flat_identity_float/infer', body, true);
      assert.deepEqual([own, ownType], [status, type]);
      assert.ok((ownText as string).endsWith(tensor));
      assert.match(ownText as string, /"datatype":"FP32","shape":\[2\]/);
    }
  });
});
