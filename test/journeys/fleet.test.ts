/** Three backends under steady load; one is killed, one is stopped, both come back: no call may fail. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { credentials, makeClientConstructor, Metadata } from '@grpc/grpc-js';
import { decodePredictResponse, encodePredictRequest } from '../../src/codec/index.ts';
import { type DemoBackend, type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { sleep, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';

const raw = (bytes: Buffer): Buffer => bytes;
const Client = makeClientConstructor(
  {
    predict: {
      path: '/tensorflow.serving.PredictionService/Predict',
      requestStream: false,
      responseStream: false,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  },
  'PredictionService',
);

const request = Buffer.concat(
  encodePredictRequest({
    spec: { name: 'half_plus_two', signature: '' },
    inputs: new Map([
      ['x', { dtype: 'float', shape: [1], bytes: Buffer.from(new Float32Array([5]).buffer) }],
    ]),
    outputFilter: [],
  }),
);

/** Keeps so many calls under way, by gRPC and REST in turn, and remembers what failed. */
class Load {
  ok = 0;
  readonly failures: string[] = [];
  #running = true;
  readonly #workers: Promise<void>[];

  constructor(gateway: TestGateway, width: number) {
    const client = new Client(gateway.grpc, credentials.createInsecure());
    type Unary = (
      message: Buffer,
      metadata: Metadata,
      options: object,
      done: (error: Error | null, reply?: Buffer) => void,
    ) => void;
    const unary = (client.predict as Unary).bind(client);
    const grpc = (): Promise<void> =>
      new Promise((resolve, reject) => {
        unary(request, new Metadata(), { deadline: Date.now() + 10_000 }, (error, reply) => {
          if (error !== null || reply === undefined) reject(error ?? new Error('no reply'));
          else if (decodePredictResponse(reply).outputs.get('y') === undefined)
            reject(new Error('no output'));
          else resolve();
        });
      });
    const rest = async (): Promise<void> => {
      const answer = await fetch(`http://${gateway.rest}/v1/models/half_plus_two:predict`, {
        method: 'POST',
        body: '{"instances":[5.0]}',
      });
      const text = await answer.text();
      if (text !== '{"predictions":[4.5]}') throw new Error(`${answer.status} ${text}`);
    };
    this.#workers = Array.from({ length: width }, async (_, i) => {
      while (this.#running) {
        try {
          await (i % 2 === 0 ? grpc() : rest());
          this.ok++;
        } catch (error) {
          this.failures.push((error as Error).message);
        }
        await sleep(5);
      }
    });
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers);
  }
}

/** Calls that a backend has answered so far, by its own count. */
async function served(backend: DemoBackend): Promise<number> {
  const state = (await (await fetch(backend.control)).json()) as { calls: Record<string, number> };
  return Object.values(state.calls).reduce((sum, count) => sum + Number(count), 0);
}

describe('a fleet of three under load', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;

  before(async () => {
    fleet = await startDemoFleet({ replicas: 3, models: ['half_plus_two'] });
    gateway = await startTestGateway(fleet.backends.map(({ url }) => url));
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
  });

  it(
    'loses no call to a SIGKILL and a SIGSTOP, and both backends take traffic again within ten seconds',
    { timeout: 90_000 },
    async () => {
      const [killed, stopped] = fleet.backends as [DemoBackend, DemoBackend, DemoBackend];
      const load = new Load(gateway, 16);
      await sleep(1500);
      assert.ok(load.ok > 100, `only ${load.ok} calls in the first 1.5 s`);
      killed.signal('SIGKILL');
      await sleep(2000);
      stopped.signal('SIGSTOP');
      await sleep(4000);
      const before = load.ok;
      await sleep(1000);
      assert.ok(load.ok - before > 50, 'the one that is left must carry the load');

      stopped.signal('SIGCONT');
      await killed.restart();
      const returned = performance.now();
      for (const backend of [killed, stopped]) {
        const start = await served(backend);
        await waitFor(async () => (await served(backend)) > start + 10, 10_000, `traffic at ${backend.name}`);
      }
      const tookMs = performance.now() - returned;
      await load.stop();
      assert.deepEqual(
        load.failures,
        [],
        `${load.failures.length} of ${load.ok + load.failures.length} calls failed`,
      );
      assert.ok(tookMs < 10_000, `traffic came back after ${Math.round(tookMs)} ms`);
    },
  );
});
