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
      {
        name: 'one',
        does: 'identity',
        input: 'x',
        output: 'x',
        inputDtype: 'float',
        outputDtype: 'float',
        rank: 2,
      },
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

  it('a sequence id for Triton, to the last digit of 64 bits', async () => {
    const server = await startTriton([
      {
        name: 'said',
        does: 'sequence',
        input: 'x',
        output: 'id',
        inputDtype: 'float',
        outputDtype: 'string',
        rank: 1,
      },
    ]);
    try {
      for (const url of [`kserve+http://${server.http}`, `grpc://${server.grpc}`]) {
        const gateway = await startTestGateway([url]);
        try {
          await waitFor(async () => (await fetch(`http://${gateway.rest}/v2/models/said/ready`)).ok);
          for (const id of ['12345678901234567890', '9007199254740993', '18446744073709551615', '7']) {
            const response = await fetch(`http://${gateway.rest}/v2/models/said/infer`, {
              method: 'POST',
              // as text: JSON.stringify would round it
              body:
                `{"parameters":{"sequence_id":${id},"sequence_start":true,"sequence_end":true},` +
                '"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}',
            });
            const text = await response.text();
            assert.equal(response.status, 200, `${url}: ${text}`);
            const { outputs } = JSON.parse(text) as { outputs: { data: string[] }[] };
            assert.deepEqual(outputs[0]?.data, [id], url);
          }
          // what fits no type is nobody's sequence
          const beyond = await fetch(`http://${gateway.rest}/v2/models/said/infer`, {
            method: 'POST',
            body: '{"parameters":{"sequence_id":18446744073709551616},"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}',
          });
          // over REST the server gets it as it came, and says so in its own way
          assert.equal(beyond.status, url.startsWith('grpc') ? 400 : 500, await beyond.text());
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
        rank: 1,
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
