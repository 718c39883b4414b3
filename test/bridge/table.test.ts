/** The table of docs/bridging.md: every door before every backend, for states, metadata and a tensor of each dtype. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import { type DType, dtypes, type Tensor } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { httpStatus } from '../../src/front/json/index.ts';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { clientOf, type DoorClient, Refused } from './clients.ts';
import { type BackendName, backends, doors, exceptionOf, operations } from './matrix.ts';
import { startMlserver } from './servers/mlserver.ts';
import { bridgeModels } from './servers/models.ts';
import { startOvms } from './servers/ovms.ts';
import { startTriton } from './servers/triton.ts';

/** A small tensor of each dtype, with values at the edges of it. */
function sample(dtype: DType): Tensor {
  if (dtype === 'string')
    return { dtype, shape: [2], values: [Buffer.from('one "1"\n'), Buffer.from('три')] };
  const bytes = {
    float: Float32Array.of(1.5, -3.4028234663852886e38),
    double: Float64Array.of(0.1, -5e-324),
    half: Uint16Array.of(0x3e00, 0x8001),
    bfloat16: Uint16Array.of(0x3fc0, 0xc000),
    int64: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n),
    uint64: BigUint64Array.of(0n, 2n ** 64n - 1n),
    int32: Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
    uint32: Uint32Array.of(0, 2 ** 32 - 1),
    int16: Int16Array.of(-(2 ** 15), 2 ** 15 - 1),
    uint16: Uint16Array.of(0, 2 ** 16 - 1),
    int8: Int8Array.of(-128, 127),
    uint8: Uint8Array.of(0, 255),
    bool: Uint8Array.of(1, 0),
  }[dtype as 'float'];
  return { dtype, shape: [2, 1], bytes: new Uint8Array(bytes.buffer) };
}

const plain = (tensor: Tensor): object => ({
  dtype: tensor.dtype,
  shape: [...tensor.shape],
  values:
    tensor.dtype === 'string'
      ? tensor.values.map((value) => Buffer.from(value).toString())
      : Buffer.from(tensor.bytes).toString('hex'),
});

describe('the table of doors and backends', { skip: missing('tritonserver', 'mlserver') }, () => {
  const stops: (() => Promise<unknown>)[] = [];
  const gateways = new Map<BackendName, TestGateway>();

  before(async () => {
    const config = {
      rest: { extraDtypes: true },
      models: Object.fromEntries(bridgeModels.map(({ name }) => [name, {}])),
    };
    const demo: DemoFleet = await startDemoFleet({
      replicas: 1,
      models: bridgeModels
        .filter(({ does }) => does === 'identity')
        .map(({ name, inputDtype }) => `${name}=echo:${inputDtype}`),
    });
    const [triton, mlserver, old, current] = await Promise.all([
      startTriton(),
      startMlserver(),
      startOvms('both'),
      startOvms('kserve'),
    ]);
    for (const each of [demo, triton, mlserver, old, current]) stops.push(() => each.stop());
    const begin = async (name: BackendName, url: string): Promise<TestGateway> => {
      const gateway = await startTestGateway([url], config);
      gateways.set(name, gateway);
      stops.unshift(() => gateway.stop());
      return gateway;
    };
    const { rest } = await begin('demo', demo.backends[0]?.url ?? '');
    await begin('demo-rest', `tfs+http://${rest}`);
    await begin('triton', `grpc://${triton.grpc}`);
    await begin('triton-rest', `kserve+http://${triton.http}`);
    await begin('mlserver', `kserve://${mlserver.grpc}`);
    await begin('mlserver-rest', `kserve+http://${mlserver.http}`);
    await begin('ovms-2026.2', `grpc://${old.grpc}`);
    await begin('ovms-2026.4', `grpc://${current.grpc}`);
  });
  after(async () => {
    for (const stop of stops) await stop();
  });

  for (const backend of backends) {
    for (const door of doors) {
      it(`${door.title} before ${backend.title} (${backend.server})`, async () => {
        const client = clientOf(door.name, gateways.get(backend.name) as TestGateway);
        try {
          for (const operation of operations) {
            const exception = exceptionOf(door.name, backend.name, operation);
            const what = `${door.name} before ${backend.name}: ${operation}`;
            if (exception === undefined) await works(client, operation, what);
            else
              await assert.rejects(works(client, operation, what), (error) =>
                refusedAs(error, exception.codes, what),
              );
          }
        } finally {
          client.close();
        }
      });
    }
  }
});

async function works(
  client: DoorClient,
  operation: (typeof operations)[number],
  what: string,
): Promise<void> {
  const model =
    operation === 'status' || operation === 'metadata' ? 'identity_float' : `identity_${operation}`;
  if (operation === 'status') {
    // a backend's first look may still be under way
    await waitFor(() => client.status(model), 10_000, what);
  } else if (operation === 'metadata') {
    assert.deepEqual(await client.metadata(model), { inputs: ['x'], outputs: ['x'] }, what);
  } else {
    const sent = sample(operation);
    assert.ok(operation in dtypes);
    assert.deepEqual(plain(await client.infer(model, 'x', sent, 'x')), plain(sent), what);
  }
}

function refusedAs(error: unknown, codes: readonly string[], what: string): boolean {
  assert.ok(error instanceof Refused, `${what}: ${String(error)}`);
  const overHttp = codes.map((code) => `HTTP ${httpStatus(Code[code as keyof typeof Code])}`);
  assert.ok([...codes, ...overHttp].includes(error.code), `${what}: ${error.message}`);
  return true;
}
