/**
 * The REST door by an OpenAPI description of the Open Inference Protocol: schemathesis sends what fits it, and looks
 * at what comes.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { missing, run, startTestGateway, tool, waitFor } from '../support/index.ts';
import { type DescribedModel, openApi } from './schema/openapi.ts';
import { startMlserver } from './servers/mlserver.ts';
import { type BridgeModel, bridgeModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

/** Written as integers, which a generator makes of "type: integer" only now and then: 5.0 is one, too. */
const integers = (...values: number[]): object => ({ enum: values });
const values: Readonly<Record<string, readonly [datatype: string, value: object]>> = {
  bool: ['BOOL', { type: 'boolean' }],
  uint8: ['UINT8', integers(0, 1, 127, 255)],
  int32: ['INT32', integers(-(2 ** 31), -1, 0, 7, 2 ** 31 - 1)],
  float: ['FP32', { type: 'number', minimum: -3e38, maximum: 3e38 }],
  double: ['FP64', { type: 'number', minimum: -1e308, maximum: 1e308 }],
  string: ['BYTES', { type: 'string', maxLength: 20 }],
};
const models = Object.keys(values).map((dtype): BridgeModel => {
  const model = bridgeModels.find(({ name }) => name === `identity_${dtype}`);
  assert.ok(model !== undefined);
  return { ...model, rank: 1 };
});
const described = models.map(({ name, input, output, inputDtype }): DescribedModel => {
  const [datatype, value] = values[inputDtype] as readonly [string, object];
  return { name, input, output, datatype, value };
});

/** Of each operation. */
const examples = process.env.TENSORGATE_SCHEMA_EXAMPLES ?? '15';
const seed = process.env.TENSORGATE_FUZZ_SEED ?? '17';
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
].join(',');

describe('by the protocol’s schema', { skip: missing('schemathesis', 'tritonserver', 'mlserver') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-schema-'));
  const servers = new Map<string, RealServer>();
  before(async () => {
    servers.set('Triton', await startTriton(models));
    // one that answers whatever it is asked, as Triton's refuse what they do not know
    const echoes = described.map(({ name, input, datatype }) => {
      const tensors = [{ name: input, datatype, shape: [-1] }];
      const parameters = { version: '1' };
      return {
        name,
        implementation: 'mlserver_echo.EchoModel',
        inputs: tensors,
        outputs: tensors,
        parameters,
      };
    });
    servers.set('MLServer', await startMlserver([], echoes));
  });
  after(async () => {
    for (const server of servers.values()) await server.stop();
    rmSync(folder, { recursive: true });
  });

  async function fits(address: string, extensions: boolean): Promise<void> {
    const path = join(folder, 'openapi.json');
    writeFileSync(path, JSON.stringify(openApi(described, extensions)));
    const python = tool('schemathesis') ?? '';
    const { code, stdout, stderr } = await run(
      join(dirname(python), 'schemathesis'),
      [
        '--no-color',
        'run',
        path,
        `--url=http://${address}`,
        `--checks=${checks}`,
        '--mode=positive',
        '--phases=fuzzing',
        `--max-examples=${examples}`,
        `--seed=${seed}`,
        '--generation-database=none',
        '--suppress-health-check=all',
        '--warnings=off',
        '--request-timeout=20',
      ],
      { cwd: folder, timeoutMs: 240_000 },
    );
    assert.equal(code, 0, `${stdout.slice(-6000)}${stderr.slice(-2000)}`);
  }

  for (const [name, scheme, over] of [
    ['Triton', 'kserve+http', 'http'],
    ['Triton', 'kserve', 'grpc'],
    ['MLServer', 'kserve+http', 'http'],
    ['MLServer', 'kserve', 'grpc'],
  ] as const)
    it(`answers before ${name}, ${scheme}://`, async () => {
      const server = servers.get(name);
      assert.ok(server !== undefined);
      const gateway = await startTestGateway([`${scheme}://${server[over]}`]);
      try {
        for (const model of models)
          await waitFor(
            async () => (await fetch(`http://${gateway.rest}/v2/models/${model.name}/ready`)).ok,
            60_000,
          );
        await fits(gateway.rest, name === 'Triton');
      } finally {
        await gateway.stop();
      }
    });
});
