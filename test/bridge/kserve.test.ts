/** KServe's own server, as PyPI has it, behind the gateway: a question by both of its transports, from every kind of door. */
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
});
