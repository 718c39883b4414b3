/** The client page before a real TensorFlow, which answers as TensorFlow Serving does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { PredictResponse, Tensor } from '../../src/codec/index.ts';
import { rawClient } from '../demo/client.ts';
import { missing, type RunningProcess, startTestGateway } from '../support/index.ts';
import { answersAsRecorded, passesOn } from '../recorded/compare.ts';
import { tfsQuestions } from '../recorded/questions.ts';
import { clientRows, tfsApi } from './rows.ts';
import { startTensorFlow } from './tensorflow.ts';

describe('before a real TensorFlow', { skip: missing('tfs') }, () => {
  let server: RunningProcess;
  let address: string;
  before(async () => {
    ({ server, address } = await startTensorFlow());
  });
  after(async () => {
    await server.stop();
  });

  for (const scheme of ['grpc', 'tfs'])
    clientRows({
      title: `a real TensorFlow, ${scheme}://`,
      backends: () => [`${scheme}://${address}`],
      imageValues: 3,
    });

  it('tensorflow-serving-api: classify, regress and multi-inference', async () => {
    const gateway = await startTestGateway([`grpc://${address}`]);
    try {
      const results = await tfsApi(gateway.grpc, ['classify', 'regress', 'multi']);
      assert.deepEqual(results.regress, [2.5, 3, 4.5], JSON.stringify(results.regress));
      assert.equal((results.classify as unknown as unknown[]).length, 3, JSON.stringify(results.classify));
      assert.deepEqual(results.multi, ['regression_result', 'classification_result']);
    } finally {
      await gateway.stop();
    }
  });

  answersAsRecorded('tensorflow', tfsQuestions, () => address, {
    'Predict: a string without a dimension': 'two operations run at the same time',
  });

  it('its errors arrive as they are', async () => {
    const gateway = await startTestGateway([`grpc://${address}`]);
    try {
      await passesOn('tensorflow', tfsQuestions, gateway, {
        // OpenVINO Model Server's clients mean the default by it
        'Predict: version 0, which is a version': { code: 0, message: /^$/ },
        'Predict: a string without a dimension': { code: 3, message: /^Unknown image file format/ },
      });
    } finally {
      await gateway.stop();
    }
  });

  describe('one image without a dimension', () => {
    /** As make_tensor_proto(bytes) has it. */
    const image: Tensor = {
      dtype: 'string',
      shape: [],
      values: [readFileSync(new URL('../../examples/digit-7.png', import.meta.url))],
    };
    async function predict(at: string): Promise<PredictResponse> {
      const client = rawClient(Number(at.split(':')[1]));
      try {
        return await client.predict({ name: 'my_image' }, { input_name: image });
      } finally {
        client.close();
      }
    }

    it('is refused by the server itself, by one of two operations of its graph', async () => {
      await assert.rejects(predict(address), {
        code: 3,
        // they run at the same time
        message:
          /Tensor must be at least a vector, but saw shape: \[\]|slice index 0 of dimension 0 out of bounds/,
      });
    });

    for (const scheme of ['tfs', 'grpc'])
      it(`is answered through the gateway before ${scheme}://`, async () => {
        const gateway = await startTestGateway([`${scheme}://${address}`]);
        try {
          const { outputs } = await predict(gateway.grpc);
          assert.deepEqual(outputs.get('output_name')?.shape, [3]);
        } finally {
          await gateway.stop();
        }
      });
  });
});
