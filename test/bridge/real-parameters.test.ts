/** Parameters that a real Triton and a real MLServer act on, through each of their transports. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startMlserver } from './servers/mlserver.ts';
import { startTriton } from './servers/triton.ts';

type Parameters = Readonly<Record<string, string | number | boolean>>;

describe('parameters before real servers', { skip: missing('tritonserver', 'mlserver') }, () => {
  const tensor = (datatype: string, data: unknown[], parameters: Parameters = {}) => ({
    name: 'x',
    datatype,
    shape: [data.length],
    data,
    parameters,
  });
  async function infer(gateway: TestGateway, model: string, body: object): Promise<Record<string, unknown>> {
    // Triton listens a moment after it has said so
    await waitFor(async () => (await fetch(`http://${gateway.rest}/v2/models/${model}/ready`)).ok);
    const response = await fetch(`http://${gateway.rest}/v2/models/${model}/infer`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text) as Record<string, unknown>;
  }

  it('a classification of Triton’s', async () => {
    const server = await startTriton([
      { name: 'one', does: 'identity', input: 'x', output: 'x', inputDtype: 'float', outputDtype: 'float' },
    ]);
    try {
      for (const url of [`kserve+http://${server.http}`, `kserve://${server.grpc}`]) {
        const gateway = await startTestGateway([url]);
        try {
          const { outputs } = await infer(gateway, 'one', {
            inputs: [{ ...tensor('FP32', [0.25, 0.5, 0.125]), shape: [1, 3] }],
            outputs: [{ name: 'x', parameters: { classification: 2 } }],
          });
          const [output] = outputs as { datatype: string; data: string[] }[];
          assert.equal(output?.datatype, 'BYTES', url);
          assert.deepEqual(output.data, ['0.500000:1', '0.250000:0'], url);
        } finally {
          await gateway.stop();
        }
      }
    } finally {
      await server.stop();
    }
  });

  it('the content types of MLServer’s', async () => {
    const server = await startMlserver([
      {
        name: 'said',
        does: 'parameters',
        input: 'x',
        output: 'x',
        inputDtype: 'string',
        outputDtype: 'string',
      },
    ]);
    try {
      for (const url of [`kserve+http://${server.http}`, `kserve://${server.grpc}`]) {
        const gateway = await startTestGateway([url]);
        try {
          const { outputs } = await infer(gateway, 'said', {
            parameters: { content_type: 'pd' },
            inputs: [tensor('BYTES', ['a'], { content_type: 'str' })],
            outputs: [{ name: 'x', parameters: { content_type: 'np' } }],
          });
          const [output] = outputs as { data: string[]; parameters?: Parameters }[];
          assert.deepEqual(output?.data, ['pd', 'str', 'np'], url);
          assert.equal(output.parameters?.content_type, 'str', url);
        } finally {
          await gateway.stop();
        }
      }
    } finally {
      await server.stop();
    }
  });
});
