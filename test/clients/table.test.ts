/**
 * The client page before the embedded model servers, and what else the clients of TensorFlow Serving's API can do
 * there.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { missing, run, startTestGateway, type TestGateway, tool } from '../support/index.ts';
import { clientRows, curl, tfsApi } from './rows.ts';

const models = [
  'my_model',
  'my_matrix=my_model:numeric',
  'my_string=my_model:string',
  'my_image=my_model:image',
  'my_float=echo:float',
  'half_plus_two',
];

for (const tensorContent of [false, true])
  describe(`before embedded servers that answer ${tensorContent ? 'tensor_content' : 'typed values'}`, () => {
    let fleet: DemoFleet;
    before(async () => {
      fleet = await startDemoFleet({ replicas: 3, models, tensorContent });
    });
    after(async () => {
      await fleet.stop();
    });

    clientRows({
      title: tensorContent ? 'embedded servers, tensor_content' : 'embedded servers',
      backends: () => fleet.backends.map(({ url }) => url),
      imageValues: 3,
    });
  });

describe('beyond the page', { skip: missing('tfs', 'curl', 'grpcurl') }, () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 3, models, tensorContent: true });
    gateway = await startTestGateway(fleet.backends.map(({ url }) => url));
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
  });

  it('tensorflow-serving-api: classify, regress and multi-inference', async () => {
    const results = await tfsApi(gateway.grpc, ['classify', 'regress', 'multi']);
    assert.deepEqual(results.regress, [2.5, 3, 4.5], JSON.stringify(results.regress));
    assert.equal((results.classify as unknown as unknown[]).length, 3, JSON.stringify(results.classify));
    assert.deepEqual(
      results.multi,
      ['regression_result', 'classification_result'],
      JSON.stringify(results.multi),
    );
  });

  it('curl: a model as clients of OpenAI’s API see it, in the same answer', async () => {
    const { body } = await curl(`http://${gateway.rest}/v1/models/my_model`);
    const { model_version_status: versions, ...openAi } = body as Record<string, unknown>;
    assert.ok(Array.isArray(versions));
    assert.deepEqual(Object.keys(openAi), ['name', 'ready', 'id', 'object', 'created', 'owned_by']);
  });

  it('grpcurl: needs no proto file', async () => {
    const { grpc } = gateway;
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
});
