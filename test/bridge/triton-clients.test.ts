/**
 * Every client of Triton's, unchanged: what each asks has through the gateway the answer that it has from a real
 * Triton itself.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing, python, startTestGateway, type TestGateway, type Venv, waitFor } from '../support/index.ts';
import { pageModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

const more = [
  {
    name: 'batched',
    file: 'triton_model.py',
    config: `
      name: "batched" backend: "python" max_batch_size: 8
      input [{ name: "input_name" data_type: TYPE_FP64 dims: [-1] }]
      output [{ name: "output_name" data_type: TYPE_FP64 dims: [-1] }]
      instance_group [{ kind: KIND_CPU count: 1 }]
      parameters: { key: "does" value: { string_value: "double" } }`,
  },
  {
    name: 'decoupled',
    file: 'triton_repeat.py',
    config: `
      name: "decoupled" backend: "python" max_batch_size: 0
      model_transaction_policy { decoupled: true }
      input [{ name: "x" data_type: TYPE_INT32 dims: [-1] }]
      output [{ name: "sum" data_type: TYPE_INT32 dims: [1] }]
      instance_group [{ kind: KIND_CPU count: 1 }]`,
  },
];

/** What a script prints: an object for each address. */
async function told(venv: Venv, script: string, args: readonly string[]): Promise<Record<string, unknown>[]> {
  const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  const { code, stdout, stderr } = await python(venv, path, args);
  assert.equal(code, 0, stderr.slice(-3000));
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("Triton's clients", { skip: missing('tritonserver', 'triton') }, () => {
  let triton: RealServer;
  const gateways = new Map<string, TestGateway>();
  before(async () => {
    triton = await startTriton(
      pageModels.filter(({ name }) => name === 'my_model'),
      { more },
    );
    await waitFor(async () => (await fetch(`http://${triton.http}/v2/models/batched/ready`)).ok, 60_000);
    gateways.set('grpc://', await startTestGateway([`grpc://${triton.grpc}`]));
    gateways.set('kserve+http://', await startTestGateway([`kserve+http://${triton.http}`]));
    for (const { rest } of gateways.values())
      await waitFor(async () => (await fetch(`http://${rest}/v2/models/batched/ready`)).ok, 60_000);
  });
  after(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    await triton.stop();
  });

  /**
   * Which door before which transport; ModelStreamInfer, ModelConfig and ModelStatistics have no equivalent before V2
   * over HTTP.
   */
  const ways = { http: ['grpc://', 'kserve+http://'], grpc: ['grpc://'] } as const;
  const transports = ['http', 'grpc'] as const;
  const addresses = (door: 'http' | 'grpc'): string[] =>
    ways[door].map((scheme) => {
      const gateway = gateways.get(scheme);
      return (door === 'http' ? gateway?.rest : gateway?.grpc) ?? '';
    });

  for (const [what, venv, script] of [
    ['PyTriton’s', 'tritonserver', 'pytriton_clients.py'],
    ['tritonclient’s, plain and by asyncio, with all that they have', 'triton', 'v2_aio.py'],
  ] as const)
    for (const door of transports)
      it(`${what} over ${door}`, async () => {
        const [own, ...all] = await told(venv, script, [door, triton[door], ...addresses(door)]);
        assert.equal(all.length, ways[door].length);
        all.forEach((each, i) => assert.deepEqual(each, own, ways[door][i]));
      });

  for (const door of transports)
    it(`a measurement in closed loops by the server’s statistics over ${door}`, async () => {
      for (const found of await told('triton', 'measure.py', [door, 'batched', '1', ...addresses(door)])) {
        assert.deepEqual(found.errors, []);
        assert.equal(found.batch, 8);
        assert.ok((found.requests as number) > 10);
        assert.equal(found.served, found.requests);
        assert.ok((found.serverUs as number) > 0 && (found.serverUs as number) < (found.p99us as number));
      }
    });
});
