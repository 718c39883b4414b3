/** The raw form of V2's binary extension (Inference-Header-Content-Length: 0) before each kind of server. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway } from '../support/index.ts';

describe('a raw body through the gateway', () => {
  let fleet: DemoFleet;
  const gateways = new Map<string, TestGateway>();
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const plain = await startTestGateway(fleet.backends.map(({ url }) => url));
    gateways.set('tfs', plain);
    // a gateway is a V2 server, too
    gateways.set('kserve', await startTestGateway([`kserve://${plain.grpc}`]));
    gateways.set('kserve+http', await startTestGateway([`kserve+http://${plain.rest}`]));
  });
  after(async () => {
    for (const gateway of [...gateways.values()].reverse()) await gateway.stop();
    await fleet.stop();
  });

  const post = (name: string, model: string, body: Uint8Array, length = '0'): Promise<Response> =>
    fetch(`http://${gateways.get(name)?.rest}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: { 'inference-header-content-length': length },
      body: Buffer.from(body),
    });

  for (const name of ['tfs', 'kserve', 'kserve+http'])
    it(`is the model's one input before ${name}, and the outputs come as bytes`, async () => {
      const answer = await post(name, 'half_plus_two', new Uint8Array(Float32Array.of(1, 4).buffer));
      const body = Buffer.from(await answer.arrayBuffer());
      assert.equal(answer.status, 200, body.toString());
      const end = Number(answer.headers.get('inference-header-content-length'));
      const { outputs } = JSON.parse(body.subarray(0, end).toString()) as { outputs: object[] };
      assert.deepEqual(outputs, [
        { name: 'y', datatype: 'FP32', shape: [2, 1], parameters: { binary_data_size: 8 } },
      ]);
      assert.deepEqual([body.readFloatLE(end), body.readFloatLE(end + 4)], [2.5, 4]);
    });

  it('is refused where it does not fit, and the header where it is none', async () => {
    for (const [body, length, message] of [
      [new Uint8Array(5), '0', /does not fit input x/],
      [new Uint8Array(4), '-1', /must be a number of bytes/],
      [new Uint8Array(4), '5', /should have 5/],
    ] as const) {
      const answer = await post('tfs', 'half_plus_two', body, length);
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), message);
    }
    const unknown = await post('tfs', 'nobody', new Uint8Array(4));
    assert.equal(unknown.status, 404);
    await unknown.arrayBuffer();
  });
});
