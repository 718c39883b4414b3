/** One string without a dimension, for models that take lists: before every kind of server, through every door. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  decodePredictResponse,
  encodeExample,
  encodePredictRequest,
  type Tensor,
} from '../../src/codec/index.ts';
import { startDemoServer } from '../../src/demo/index.ts';
import { rawClient } from '../demo/client.ts';
import { startTestGateway, type TestGateway } from '../support/index.ts';

const picture = readFileSync(new URL('../../examples/digit-7.png', import.meta.url));
const one: Tensor = { dtype: 'string', shape: [], values: [picture] };
const message = (tensor: Tensor): Uint8Array =>
  Buffer.concat(
    encodePredictRequest({
      spec: { name: 'image', signature: '' },
      inputs: new Map([['image', tensor]]),
      outputFilter: ['mean_rgb', 'label'],
    }),
  );
const portOf = (address: string): number => Number(address.split(':')[1]);

describe('the batch dimension that a client leaves out', () => {
  let server: Awaited<ReturnType<typeof startDemoServer>>;
  /** Speaks all APIs with the demo server behind it, and adds nothing itself. */
  let plain: TestGateway;
  const gateways = new Map<string, TestGateway>();

  before(async () => {
    server = await startDemoServer({ models: ['image', 'half_plus_two', 'counter'], name: 'one' });
    const tfs = `tfs://127.0.0.1:${server.port}`;
    plain = await startTestGateway([tfs], { inputs: { addBatchDimension: 'off' } });
    const backends = {
      'tfs://': tfs,
      'grpc://': `grpc://127.0.0.1:${server.port}`,
      'tfs+http://': `tfs+http://${plain.rest}`,
      'kserve://': `kserve://${plain.grpc}`,
      'kserve+http://': `kserve+http://${plain.rest}`,
    };
    for (const [name, url] of Object.entries(backends)) gateways.set(name, await startTestGateway([url]));
    gateways.set(
      'all',
      await startTestGateway([tfs], {
        models: { image: { addBatchDimension: 'all' }, half_plus_two: { addBatchDimension: 'all' } },
      }),
    );
  });
  after(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    await plain.stop();
    await server.stop();
  });
  const gateway = (name: string): TestGateway => gateways.get(name) as TestGateway;

  it('is missed by the server itself, in TensorFlow’s words', async () => {
    const client = rawClient(portOf(plain.grpc));
    try {
      await assert.rejects(client.call('Predict', message(one)), {
        code: 3,
        message: /Tensor must be at least a vector, but saw shape: \[\]/,
      });
    } finally {
      client.close();
    }
  });

  for (const name of ['tfs://', 'grpc://', 'tfs+http://', 'kserve://', 'kserve+http://'])
    it(`is added before ${name}, and taken off the answer`, async () => {
      const client = rawClient(portOf(gateway(name).grpc));
      try {
        const { bytes } = await client.call('Predict', message(one));
        const { outputs } = decodePredictResponse(bytes);
        assert.deepEqual(outputs.get('mean_rgb')?.shape, [3]);
        assert.deepEqual(outputs.get('label')?.shape, []);
        const listed = await client.call('Predict', message({ ...one, shape: [1] }));
        assert.deepEqual(decodePredictResponse(listed.bytes).outputs.get('mean_rgb')?.shape, [1, 3]);
      } finally {
        client.close();
      }
      const answer = await fetch(`http://${gateway(name).rest}/v1/models/image:predict`, {
        method: 'POST',
        body: JSON.stringify({ inputs: { b64: picture.toString('base64') } }),
      });
      const { outputs } = (await answer.json()) as { outputs: { label: string[]; mean_rgb: number[][] } };
      // this door has always made a list of it
      assert.deepEqual(outputs.label, ['grey']);
      assert.equal(outputs.mean_rgb[0]?.length, 3);
    });

  it('is added over gRPC-Web, and to compressed messages', async () => {
    const body = message(one);
    const framed = (flag: number, bytes: Uint8Array): Buffer => {
      const prefix = Buffer.alloc(5);
      prefix[0] = flag;
      prefix.writeUInt32BE(bytes.length, 1);
      return Buffer.concat([prefix, bytes]);
    };
    const ways: [Record<string, string>, Buffer][] = [
      [{}, framed(0, body)],
      [{ 'grpc-encoding': 'gzip' }, framed(1, gzipSync(body))],
    ];
    for (const [headers, request] of ways) {
      const answer = await fetch(
        `http://${gateway('tfs://').rest}/tensorflow.serving.PredictionService/Predict`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/grpc-web+proto', ...headers },
          body: new Uint8Array(request),
        },
      );
      const bytes = Buffer.from(await answer.arrayBuffer());
      assert.equal(answer.headers.get('grpc-status') ?? '0', '0', answer.headers.get('grpc-message') ?? '');
      const { outputs } = decodePredictResponse(bytes.subarray(5, 5 + bytes.readUInt32BE(1)));
      assert.deepEqual(outputs.get('mean_rgb')?.shape, [3]);
    }
  });

  it('leaves numbers alone, unless the model’s setting says all', async () => {
    const numbers: Tensor = {
      dtype: 'float',
      shape: [1],
      bytes: new Uint8Array(new Float32Array([2]).buffer),
    };
    const answers = [];
    for (const name of ['tfs://', 'all']) {
      const client = rawClient(portOf(gateway(name).grpc));
      try {
        const { outputs } = await client.predict({ name: 'half_plus_two' }, { x: numbers });
        answers.push(outputs.get('y')?.shape);
      } finally {
        client.close();
      }
    }
    assert.deepEqual(answers, [[1], [1, 1]]);
  });

  it('leaves alone what another signature than the default has no batch for', async () => {
    const client = rawClient(portOf(gateway('tfs://').grpc));
    try {
      const example = encodeExample(new Map([['image', { kind: 'bytes', values: [picture] }]]));
      const reply = await client.predict(
        { name: 'image', signature: 'classify' },
        { inputs: { dtype: 'string', shape: [], values: [example] } },
      );
      assert.deepEqual(reply.outputs.get('scores')?.shape, [1, 10]);
    } finally {
      client.close();
    }
  });
});
