/**
 * The response cache with a real Redis: one backend call for the same tensors, and no failed call whatever Redis
 * does.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import { encodePredictRequest, type Tensor } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  missing,
  run,
  sleep,
  startRedis,
  startTestGateway,
  type TestGateway,
  type TestRedis,
  waitFor,
} from '../support/index.ts';

const raw = (bytes: Buffer): Buffer => bytes;
const codec = {
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
};
const Client = makeClientConstructor(
  {
    predict: {
      path: '/tensorflow.serving.PredictionService/Predict',
      requestStream: false,
      responseStream: false,
      ...codec,
    },
  },
  'PredictionService',
);

function message(values: readonly number[]): Buffer {
  const x: Tensor = {
    dtype: 'float',
    shape: [values.length],
    bytes: Buffer.from(new Float32Array(values).buffer),
  };
  return Buffer.concat(
    encodePredictRequest({
      spec: { name: 'half_plus_two', signature: '' },
      inputs: new Map([['x', x]]),
      outputFilter: [],
    }),
  );
}

describe('the response cache', { skip: missing('redis-server', 'redis-cli') }, () => {
  let fleet: DemoFleet;
  let redis: TestRedis;
  let gateway: TestGateway;

  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    redis = await startRedis();
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      { cache: { redisUrl: redis.url }, models: { half_plus_two: { cache: {} } } },
    );
    await waitFor(async () =>
      (await (await fetch(`http://${gateway.admin}/metrics`)).text()).includes('backend_available'),
    );
  });
  after(async () => {
    await gateway.stop();
    await redis.stop();
    await fleet.stop();
  });

  const rest = async (values: readonly number[]): Promise<{ text: string; from: string | null }> => {
    const answer = await fetch(`http://${gateway.rest}/v1/models/half_plus_two:predict`, {
      method: 'POST',
      body: JSON.stringify({ instances: values }),
    });
    return { text: await answer.text(), from: answer.headers.get('x-served-by') };
  };
  const grpc = (values: readonly number[]): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const client = new Client(gateway.grpc, credentials.createInsecure());
      const predict = client.predict as (
        request: Buffer,
        options: object,
        done: (error: Error | null, reply?: Buffer) => void,
      ) => void;
      predict.call(client, message(values), { deadline: Date.now() + 5000 }, (error, reply) => {
        client.close();
        if (error !== null || reply === undefined) reject(error ?? new Error('no reply'));
        else resolve(reply);
      });
    });
  const predicted = async (): Promise<number> => {
    const state = (await (await fetch(fleet.backends[0]?.control ?? '')).json()) as {
      calls: Record<string, number>;
    };
    return Object.entries(state.calls)
      .filter(([name]) => name.includes('Predict'))
      .reduce((sum, [, count]) => sum + Number(count), 0);
  };

  it('answers a JSON request and the same tensors by gRPC with one backend call', async () => {
    const before = await predicted();
    assert.equal((await rest([1, 2, 5])).text, '{"predictions":[2.5,3.0,4.5]}');
    await waitFor(async () => (await rest([1, 2, 5])).from === 'cache', 2000, 'the entry');
    const reply = await grpc([1, 2, 5]);
    assert.ok(reply.length > 0);
    assert.equal((await predicted()) - before, 1);
  });

  it('gives other tensors their own answers', async () => {
    assert.equal((await rest([1, 2, 6])).text, '{"predictions":[2.5,3.0,5.0]}');
    assert.equal((await rest([1, 2, 5])).text, '{"predictions":[2.5,3.0,4.5]}');
  });

  it('loses no call while Redis is flushed, stopped, killed and back', { timeout: 60_000 }, async () => {
    const failures: string[] = [];
    let calls = 0;
    let running = true;
    const worker = async (i: number): Promise<void> => {
      while (running) {
        const value = (calls++ + i) % 50;
        const { text } = await rest([value]);
        const expected = `{"predictions":[${(value / 2 + 2).toFixed(1)}]}`;
        if (text !== expected) failures.push(`${value}: ${text}`);
        if (i === 0) await grpc([value]).catch((error: unknown) => failures.push(String(error)));
        await sleep(2);
      }
    };
    const workers = Array.from({ length: 6 }, (_, i) => worker(i));
    await sleep(500);
    const { port } = redis;
    const flushed = await run('redis-cli', ['-p', String(port), 'flushall']);
    assert.equal(flushed.stdout.trim(), 'OK');
    await sleep(300);
    redis.pause();
    await sleep(1500);
    redis.resume();
    await sleep(500);
    await redis.kill();
    await sleep(1000);
    redis = await startRedis({ port });
    // back in use within the breaker's time
    await waitFor(async () => (await rest([7])).from === 'cache', 10_000, 'the cache to be used again');
    running = false;
    await Promise.all(workers);
    assert.deepEqual(failures, [], `${failures.length} of ${calls} calls failed`);
    assert.ok(calls > 50, `only ${calls} calls`);
  });
});
