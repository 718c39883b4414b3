/** Faults by options and by the control port do what they say, to the calls they are meant for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../src/base/status.ts';
import {
  decodeGetModelStatusResponse,
  encodeGetModelStatusRequest,
  encodePredictRequest,
} from '../../src/codec/index.ts';
import { FaultBox } from '../../src/demo/faults.ts';
import { type DemoServerOptions, startDemoServer } from '../../src/demo/index.ts';
import { floatTensor } from '../../src/demo/tensors.ts';
import { type RawClient, rawClient, spec } from './client.ts';
import { control, type ServerState } from './control.ts';

const x = floatTensor([1], [1]);
const predict = (client: RawClient) => client.predict({ name: 'half_plus_two' }, { x });

async function states(client: RawClient): Promise<number[]> {
  const { bytes } = await client.call(
    'GetModelStatus',
    encodeGetModelStatusRequest(spec({ name: 'half_plus_two' })),
  );
  return decodeGetModelStatusResponse(bytes).map(({ state }) => state);
}

async function withServer(
  options: DemoServerOptions,
  body: (client: RawClient, url: string) => Promise<void>,
): Promise<void> {
  const server = await startDemoServer({ models: ['half_plus_two', 'digits'], controlPort: 0, ...options });
  const client = rawClient(server.port);
  try {
    await body(client, `http://127.0.0.1:${server.controlPort}`);
  } finally {
    client.close();
    await server.stop();
  }
}

describe('FaultBox', () => {
  const inference = { inference: true, model: 'm' };

  it('fails the share of calls that the random numbers decide, with the code given', async () => {
    const numbers = [0.1, 0, 0.9, 0];
    const box = new FaultBox({ failRate: 0.5, failCode: Code.INTERNAL }, () => numbers.shift() ?? 1);
    await assert.rejects(
      box.befall(inference, () => undefined),
      { code: Code.INTERNAL },
    );
    assert.equal(await box.befall(inference, () => undefined), 'answer');
  });

  it('spares status calls unless told, and other models', async () => {
    const box = new FaultBox({ failNext: 1, model: 'm' }, () => 0.5);
    assert.equal(await box.befall({ inference: false, model: 'm' }, () => undefined), 'answer');
    assert.equal(await box.befall({ inference: true, model: 'n' }, () => undefined), 'answer');
    box.set({ scope: 'all' });
    await assert.rejects(
      box.befall({ inference: false, model: 'm' }, () => undefined),
      { code: Code.UNAVAILABLE },
    );
    assert.equal(await box.befall(inference, () => undefined), 'answer');
  });
});

describe('faults of a running server', () => {
  it('latency delays, and a hang lasts until the deadline or until it is lifted', async () => {
    await withServer({ faults: { latencyMs: 80 } }, async (client, url) => {
      const started = performance.now();
      await predict(client);
      assert.ok(performance.now() - started >= 75);
      await control(url, 'POST', '/faults', { latencyMs: 0, hang: true });
      const request = Buffer.concat(
        encodePredictRequest({
          spec: spec({ name: 'half_plus_two' }),
          inputs: new Map([['x', x]]),
          outputFilter: [],
        }),
      );
      await assert.rejects(client.call('Predict', request, { timeoutMs: 100 }), {
        code: Code.DEADLINE_EXCEEDED,
      });
      const waiting = predict(client);
      assert.equal(await Promise.race([waiting, sleep(50, 'waits')]), 'waits');
      assert.deepEqual(await states(client), [30], 'status still answers');
      await control(url, 'DELETE', '/faults');
      assert.equal((await waiting).spec?.version, 123n);
    });
  });

  it('the next calls fail with the code asked for, then all is well', async () => {
    await withServer({}, async (client, url) => {
      const state = await control(url, 'POST', '/faults', {
        failNext: 2,
        failCode: 'RESOURCE_EXHAUSTED',
        failMessage: 'full',
      });
      assert.equal(state.faults['failCode'], 'RESOURCE_EXHAUSTED');
      for (let i = 0; i < 2; i++) {
        await assert.rejects(predict(client), { code: Code.RESOURCE_EXHAUSTED, details: 'full' });
      }
      await predict(client);
    });
  });

  it('a dropped connection is UNAVAILABLE to the client, which connects again', async () => {
    await withServer({}, async (client, url) => {
      await predict(client);
      await control(url, 'POST', '/faults', { dropNext: 1 });
      await assert.rejects(predict(client), { code: Code.UNAVAILABLE });
      await predict(client);
      assert.equal((await control(url)).connections, 1);
      await control(url, 'POST', '/connections/drop');
      for (let tries = 0; (await control(url)).connections > 0; tries++) {
        assert.ok(tries < 200, 'the connection stays open');
        await sleep(10);
      }
      await predict(client);
    });
  });

  it('a loading model is not there yet, its label less so, and status says LOADING', async () => {
    await withServer({ loadingMs: 600_000 }, async (client, url) => {
      const [state] = await states(client);
      assert.ok(state === 10 || state === 20, `state ${state}`);
      await assert.rejects(predict(client), {
        code: Code.NOT_FOUND,
        details: 'Servable not found for request: Latest(half_plus_two)',
      });
      await assert.rejects(client.predict({ name: 'digits', label: 'stable' }, { x }), {
        code: Code.UNAVAILABLE,
        details: 'Model labels does not init yet.stable',
      });
      await control(url, 'POST', '/models/half_plus_two/versions/123/load');
      await predict(client);
    });
  });

  it('a version can be unloaded, loaded again, and fail to load; the latest is the highest available', async () => {
    await withServer({}, async (client, url) => {
      const pixels = floatTensor([1, 64], new Array<number>(64).fill(1));
      const version = async () => (await client.predict({ name: 'digits' }, { pixels })).spec?.version;
      assert.equal(await version(), 2n);
      await control(url, 'POST', '/models/digits/versions/2/unload');
      assert.equal(await version(), 1n);
      await assert.rejects(client.predict({ name: 'digits', label: 'canary' }, { pixels }), {
        code: Code.NOT_FOUND,
        details: 'Servable not found for request: Specific(digits, 2)',
      });
      await control(url, 'POST', '/models/digits/versions/2/load', { error: 'no such file' });
      const { bytes } = await client.call(
        'GetModelStatus',
        encodeGetModelStatusRequest(spec({ name: 'digits', version: 2n })),
      );
      assert.deepEqual(decodeGetModelStatusResponse(bytes), [
        { version: 2n, state: 50, errorCode: 13, errorMessage: 'no such file' },
      ]);
      const state = await control(url, 'POST', '/models/digits/versions/2/load');
      assert.deepEqual(state.models.find(({ name }) => name === 'digits')?.versions, [
        { version: 2, state: 'AVAILABLE' },
        { version: 1, state: 'AVAILABLE' },
      ]);
      assert.equal(await version(), 2n);
    });
  });

  it('the control port counts calls, keeps the last one, and refuses what it does not know', async () => {
    await withServer({ name: 'here' }, async (client, url) => {
      const request = Buffer.concat(
        encodePredictRequest({
          spec: spec({ name: 'half_plus_two' }),
          inputs: new Map([['x', x]]),
          outputFilter: [],
        }),
      );
      const reply = await client.call('Predict', request, { timeoutMs: 5000 });
      assert.deepEqual(reply.metadata.get('demo-server'), ['here']);
      await states(client);
      assert.deepEqual((await control(url)).calls, {
        'Predict half_plus_two': 1,
        'GetModelStatus half_plus_two': 1,
      });
      await client.call('Predict', request, { timeoutMs: 5000 });
      const last = await control<{ method: string; timeoutMs: number; request: string }>(url, 'GET', '/last');
      assert.equal(last.method, 'Predict');
      assert.ok(last.timeoutMs > 0 && last.timeoutMs <= 5000);
      assert.equal(last.request, request.toString('base64'));
      await control(url, 'POST', '/reset');
      assert.deepEqual((await control<ServerState>(url)).calls, {});
      await assert.rejects(control(url, 'POST', '/faults', { slow: 1 }), /400 .*unknown fault \\"slow\\"/);
      await assert.rejects(
        control(url, 'POST', '/faults', { failRate: 'a' }),
        /400 .*failRate: expected number/,
      );
      await assert.rejects(control(url, 'POST', '/nowhere'), /404 /);
      await assert.rejects(
        control(url, 'POST', '/models/digits/versions/9/load'),
        /404 .*version 9 of model digits/,
      );
    });
  });
});

describe('slots', () => {
  it('let so many calls pass at a time, in the order of their arrival, and forget a client that leaves', async () => {
    const box = new FaultBox({ latencyMs: 20, slots: 1 }, Math.random);
    const done: number[] = [];
    let leave: (() => void) | undefined;
    const start = performance.now();
    const calls = [0, 1, 2, 3].map((nth) =>
      box
        .befall({ inference: true, model: 'm' }, (stop) => {
          if (nth === 2) leave ??= stop;
        })
        .then(() => done.push(nth)),
    );
    leave?.();
    await Promise.all(calls);
    assert.deepEqual(done, [2, 0, 1, 3]);
    assert.ok(performance.now() - start >= 55, 'three one after another');
  });
});
