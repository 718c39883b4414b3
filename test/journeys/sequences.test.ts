/**
 * A stateful model behind two gateways: every sequence adds up, keeps to one backend, and says so when that is gone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { decodePredictResponse, encodePredictRequest, type Tensor } from '../../src/codec/index.ts';
import { type DemoBackend, type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { type PredictClient, predictClient } from './predict-client.ts';

const begin = 1;
const end = 2;

function tensor(dtype: 'float' | 'uint64' | 'uint32', array: ArrayBufferView): Tensor {
  return { dtype, shape: [1], bytes: new Uint8Array(array.buffer) };
}

interface Answer {
  readonly sum: number;
  readonly id: bigint;
  readonly from: string;
}

describe('sequences of a stateful model', () => {
  let fleet: DemoFleet;
  let gateways: TestGateway[];
  let clients: PredictClient[];

  before(async () => {
    fleet = await startDemoFleet({ replicas: 3, models: ['counter'] });
    const urls = fleet.backends.map(({ url }) => url);
    const config = { models: { counter: { stateful: true } } };
    gateways = [await startTestGateway(urls, config), await startTestGateway(urls, config)];
    clients = gateways.map(({ grpc }) => predictClient(grpc));
  });
  after(async () => {
    for (const client of clients) client.close();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await fleet.stop();
  });

  async function predict(at: number, id: bigint, control: number, x: number): Promise<Answer> {
    const inputs = new Map([
      ['x', tensor('float', Float32Array.of(x))],
      ['sequence_id', tensor('uint64', BigUint64Array.of(id))],
      ['sequence_control_input', tensor('uint32', Uint32Array.of(control))],
    ]);
    const spec = { name: 'counter', signature: '' };
    const request = Buffer.concat(encodePredictRequest({ spec, inputs, outputFilter: [] }));
    const { reply, from } = await (clients[at] as PredictClient).predict(request);
    const { outputs } = decodePredictResponse(reply);
    const bytes = (name: string): DataView => {
      const found = outputs.get(name);
      if (found === undefined || !('bytes' in found)) throw new Error(`no output ${name}`);
      return new DataView(found.bytes.buffer, found.bytes.byteOffset);
    };
    return {
      sum: bytes('y').getFloat32(0, true),
      id: bytes('sequence_id').getBigUint64(0, true),
      from,
    };
  }

  it('add up through either gateway, each at one backend, and are spread over all', async () => {
    const hosts = new Set<string>();
    const ids = new Set<bigint>();
    await Promise.all(
      Array.from({ length: 60 }, async (_, nth) => {
        const first = await predict(nth % 2, 0n, begin, 1);
        ids.add(first.id);
        hosts.add(first.from);
        for (let i = 2; i <= 5; i++) {
          const next = await predict((nth + i) % 2, first.id, i === 5 ? end : 0, i);
          assert.deepEqual([next.from, next.sum], [first.from, (i * (i + 1)) / 2]);
        }
      }),
    );
    assert.equal(ids.size, 60);
    assert.equal(hosts.size, 3);
    assert.ok([...ids].every((id) => id > 0n && id < 2n ** 53n));
  });

  it('run one call at a time, in the order of their arrival', async () => {
    const { id } = await predict(0, 0n, begin, 0);
    const sums = await Promise.all(Array.from({ length: 20 }, () => predict(0, id, 0, 1)));
    assert.deepEqual(
      sums.map(({ sum }) => sum),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    await predict(0, id, end, 0);
  });

  it('end with ABORTED when their backend is gone, and others go on', async () => {
    const started = await Promise.all(Array.from({ length: 12 }, () => predict(0, 0n, begin, 1)));
    const lost = fleet.backends.find(({ name }) => name === started[0]?.from) as DemoBackend;
    lost.signal('SIGKILL');
    await waitFor(async () => {
      const page = (await (await fetch(`http://${gateways[0]?.admin}/api/fleet`)).json()) as {
        fleets: { backends: { up: boolean }[] }[];
      };
      return page.fleets[0]?.backends.some(({ up }) => !up) === true;
    });
    for (const { id, from } of started) {
      const answer = predict(0, id, 0, 1);
      if (from !== lost.name) assert.equal((await answer).sum, 2);
      else
        await assert.rejects(answer, (error: ServiceError) => {
          assert.equal(error.code, status.ABORTED);
          assert.match(
            error.details,
            new RegExp(`^sequence ${id} is lost with its backend .*; start a new one$`),
          );
          return true;
        });
    }
    // new ones have somewhere to go
    await Promise.all(Array.from({ length: 10 }, () => predict(1, 0n, begin, 1)));
  });
});
