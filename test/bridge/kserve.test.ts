/**
 * KServe's own server, as PyPI has it, behind the gateway: a question by both of its transports, from every kind of
 * door.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { clientOf } from './clients.ts';
import { startKserve } from './servers/kserve.ts';
import type { RealServer } from './servers/triton.ts';

const doubles = {
  dtype: 'double',
  shape: [3],
  bytes: new Uint8Array(Float64Array.of(1, 2.5, -3).buffer),
} as const;

describe('before KServe’s own server', { skip: missing('kserve') }, () => {
  let server: RealServer;
  before(async () => {
    server = await startKserve();
  });
  after(() => server.stop());

  for (const [scheme, over] of [
    ['kserve+http', 'http'],
    ['kserve', 'grpc'],
  ] as const)
    it(`${scheme}:// answers`, async () => {
      const gateway: TestGateway = await startTestGateway([`${scheme}://${server[over]}`]);
      try {
        const url = `http://${gateway.rest}/v2/models/my_model`;
        await waitFor(async () => (await fetch(`${url}/ready`)).ok, 60_000, 'my_model');
        const response = await fetch(`${url}/infer`, {
          method: 'POST',
          body: JSON.stringify({
            id: 'one',
            inputs: [{ name: 'input_name', datatype: 'FP64', shape: [3], data: [1, 2.5, -3] }],
          }),
        });
        const text = await response.text();
        assert.equal(response.status, 200, text);
        const { id, outputs } = JSON.parse(text) as { id: string; outputs: { data: number[] }[] };
        assert.equal(id, 'one');
        assert.deepEqual(outputs[0]?.data, [2, 5, -6]);
        for (const door of ['v2-grpc', 'v2-web', 'v2-binary', 'tfs-grpc'] as const) {
          const client = clientOf(door, gateway);
          try {
            const tensor = await client.infer('my_model', 'input_name', doubles, 'output_name');
            assert.ok(tensor.dtype === 'double', door);
            const bytes = Uint8Array.from(tensor.bytes).buffer;
            assert.deepEqual([...new Float64Array(bytes)], [2, 5, -6], door);
          } finally {
            client.close();
          }
        }
      } finally {
        await gateway.stop();
      }
    });

  async function predict(
    address: string,
    model: string,
    body: string,
    verb = 'predict',
  ): Promise<[number, unknown]> {
    const answer = await fetch(`http://${address}/v1/models/${model}:${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    return [answer.status, await answer.json()];
  }

  it('answers in V1 what the server does, for a model that declares no inputs', async () => {
    const gateway = await startTestGateway([`kserve+http://${server.http}`]);
    try {
      await waitFor(async () => (await fetch(`http://${gateway.rest}/v1/models/both`)).ok, 60_000, 'both');
      const bodies = ['{"instances": [1, 2.5], "extra": {"a": [true, null, "ü"]}}', '{"x": 1}', '[]', '{'];
      for (const body of bodies)
        assert.deepEqual(await predict(gateway.rest, 'both', body), await predict(server.http, 'both', body));
      assert.deepEqual(
        await predict(gateway.rest, 'nobody', '{}'),
        await predict(server.http, 'nobody', '{}'),
      );
      const first = await predict(gateway.rest, 'both', '{"instances": [1, 2.5]}');
      assert.deepEqual(first, [200, { predictions: [2, 5], kept: null }]);
      const explained = await predict(gateway.rest, 'both', '{"instances": [1, 2.5]}', 'explain');
      assert.deepEqual(explained, [200, { explanations: ['twice', 'twice'] }]);
      for (const body of ['{"x": 1}', '{'])
        assert.deepEqual(
          await predict(gateway.rest, 'both', body, 'explain'),
          await predict(server.http, 'both', body, 'explain'),
        );
      assert.equal((await predict(gateway.rest, 'both/versions/1', '{}', 'explain'))[0], 400);
      // the id that such a model needs, and clients of this API cannot give
      const client = clientOf('tfs-grpc', gateway);
      try {
        const tensor = await client.infer('both', 'input_name', doubles, 'output_name');
        assert.ok(tensor.dtype === 'double');
        assert.deepEqual([...new Float64Array(Uint8Array.from(tensor.bytes).buffer)], [2, 5, -6]);
      } finally {
        client.close();
      }
    } finally {
      await gateway.stop();
    }
  });

  it('is asked over gRPC, where there is no V1, for what the JSON says', async () => {
    const gateway = await startTestGateway([`kserve://${server.grpc}`]);
    try {
      await waitFor(async () => (await fetch(`http://${gateway.rest}/v1/models/both`)).ok, 60_000, 'both');
      const cases = [
        ['{"instances": [1, 2.5, -3]}', { predictions: [2, 5, -6] }],
        ['{"instances": [{"x": [1]}, {"x": [2]}]}', { predictions: [[2], [4]] }],
        ['{"inputs": {"x": [[1.0, 2]]}}', { outputs: [[2, 4]] }],
      ] as const;
      for (const [body, answer] of cases)
        assert.deepEqual(await predict(gateway.rest, 'both', body), [200, answer], body);
      assert.equal((await predict(gateway.rest, 'both', '{}', 'explain'))[0], 501);
    } finally {
      await gateway.stop();
    }
  });
});
