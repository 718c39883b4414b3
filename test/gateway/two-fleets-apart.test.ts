/**
 * What is kept of models of one name in two fleets: cached answers, copies, versions, and what a reload makes of
 * them.
 */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { startDemoServer } from '../../src/demo/index.ts';
import {
  missing,
  predictMessage,
  predictReply,
  rawAnswer,
  type RawCall,
  startRawBackend,
  startRedis,
  startTestGateway,
  waitFor,
} from '../support/index.ts';
import { predictClient } from '../journeys/predict-client.ts';
import { counted, metricsOf, name, predictCalls } from './two-fleets.ts';

describe('the response cache between two fleets', { skip: missing('redis-server') }, () => {
  it('gives neither the answers of the other', async () => {
    const redis = await startRedis();
    const old = await startDemoServer({ models: [name] });
    const fresh = await startDemoServer({ models: [name] });
    const gateway = await startTestGateway([], {
      cache: { redisUrl: redis.url },
      fleets: {
        default: { backends: [`tfs://127.0.0.1:${old.port}`] },
        new: { backends: [`tfs://127.0.0.1:${fresh.port}`] },
      },
      models: {
        [name]: { cache: { enabled: true } },
        fresh: { model: name, fleet: 'new', cache: { enabled: true } },
      },
    });
    const servedBy = async (model: string): Promise<string | null> => {
      const body = '{"instances":[7.0]}';
      const answer = await fetch(`http://${gateway.rest}/v1/models/${model}:predict`, {
        method: 'POST',
        body,
      });
      assert.equal(answer.status, 200, await answer.text());
      return answer.headers.get('x-served-by');
    };
    try {
      await waitFor(async () => (await servedBy(name)) === 'cache', 20_000, 'an entry of the one');
      const asked = predictCalls(old);
      assert.equal(await servedBy('fresh'), `127.0.0.1:${fresh.port}`);
      await waitFor(async () => (await servedBy('fresh')) === 'cache', 20_000, 'an entry of the other');
      assert.equal(await servedBy(name), 'cache');
      assert.equal(predictCalls(old), asked);
      assert.ok((await counted(gateway, /cache_events_total/, /fleet="new"/, /event="hit"/)) >= 1);
    } finally {
      await gateway.stop();
      await Promise.all([old.stop(), fresh.stop(), redis.stop()]);
    }
  });
});

describe('a mirror in another fleet', () => {
  it('gets copies of the calls, and gives no answers', async () => {
    const old = await startDemoServer({ models: [name], name: 'old' });
    const fresh = await startDemoServer({ models: [name], name: 'new' });
    const gateway = await startTestGateway([], {
      fleets: {
        default: { backends: [`tfs://127.0.0.1:${old.port}`] },
        new: { backends: [`tfs://127.0.0.1:${fresh.port}`] },
      },
      models: { [name]: { mirror: { fleet: 'new' } } },
    });
    const client = predictClient(gateway.grpc);
    try {
      await waitFor(async () => (await counted(gateway, /backend_available/, /fleet="new"/)) === 1);
      for (let i = 0; i < 5; i++) assert.equal((await client.predict(predictMessage())).from, 'old');
      await waitFor(() => predictCalls(fresh) === 5, 5000, 'the copies');
      assert.equal(predictCalls(old), 5);
      await waitFor(
        async () => (await counted(gateway, /mirrored_total/, /outcome="ok"/)) === 5,
        5000,
        'their ends',
      );
      assert.equal(await counted(gateway, /requests_success/, /method="Predict"/), 5);
    } finally {
      client.close();
      await gateway.stop();
      await Promise.all([old.stop(), fresh.stop()]);
    }
  });
});

describe('versions and labels of a model in another fleet', () => {
  it('are those of that fleet: split, resolved by the gateway, or left to the servers', async () => {
    const old = await startDemoServer({ models: [name, 'digits'] });
    const fresh = await startDemoServer({ models: ['digits'] });
    let share = 0.5;
    const gateway = await startTestGateway(
      [],
      {
        fleets: {
          default: { backends: [`tfs://127.0.0.1:${old.port}`] },
          new: { backends: [`tfs://127.0.0.1:${fresh.port}`] },
        },
        models: {
          digits: {},
          parted: {
            model: 'digits',
            fleet: 'new',
            split: [
              { version: 1, weight: 50 },
              { version: 2, weight: 50 },
            ],
            labels: { first: 1 },
          },
        },
      },
      {},
      undefined,
      () => share,
    );
    const instance = JSON.stringify({ instances: [Array.from({ length: 64 }, () => 0)] });
    const ask = async (path: string): Promise<[from: string | null, version: string | null]> => {
      const answer = await fetch(`http://${gateway.rest}/v1/models/${path}:predict`, {
        method: 'POST',
        body: instance,
      });
      assert.equal(answer.status, 200, await answer.text());
      return [answer.headers.get('x-served-by'), answer.headers.get('x-model-version')];
    };
    const there = `127.0.0.1:${fresh.port}`;
    try {
      share = 0.1;
      assert.deepEqual(await ask('parted'), [there, '1']);
      share = 0.9;
      assert.deepEqual(await ask('parted'), [there, '2']);
      assert.deepEqual(await ask('parted/versions/1'), [there, '1']);
      assert.deepEqual(await ask('parted/labels/first'), [there, '1']);
      assert.equal((await ask('parted/labels/stable'))[0], there);
      assert.deepEqual(await ask('digits'), [`127.0.0.1:${old.port}`, '2']);
      assert.equal(await counted(gateway, /requests_success/, /fleet="new"/, /version="1"/, /Predict/), 3);
    } finally {
      await gateway.stop();
      await Promise.all([old.stop(), fresh.stop()]);
    }
  });
});

describe('a reload', () => {
  let held: RawCall[] = [];
  afterEach(() => {
    held = [];
  });

  it('moves a model from one fleet to the other: new calls go there, those under way end where they began', async () => {
    const old = await startRawBackend({ onCall: (call) => held.push(call) });
    const fresh = await startDemoServer({ models: [name], name: 'new' });
    const fleets = {
      default: { backends: [old.url] },
      new: { backends: [`tfs://127.0.0.1:${fresh.port}`] },
    };
    const rest = { fleets, hedge: { enabled: false } };
    const gateway = await startTestGateway([], { ...rest, models: { [name]: {} } });
    const client = predictClient(gateway.grpc);
    try {
      const before = client.predict(predictMessage());
      await waitFor(() => held.length === 1, 5000, 'the call at the old fleet');
      await gateway.configure({ ...rest, models: { [name]: { fleet: 'new' } } });
      assert.equal((await client.predict(predictMessage())).from, 'new');
      for (const call of held) call.send(rawAnswer(call.id, predictReply));
      assert.equal((await before).from, '');
      assert.equal(held.length, 1);
      // and back
      await gateway.configure({ ...rest, models: { [name]: {} } });
      const after = client.predict(predictMessage());
      await waitFor(() => held.length === 2, 5000, 'the call at the old fleet');
      held[1]?.send(rawAnswer(held[1].id, predictReply));
      await after;
      assert.equal(predictCalls(fresh), 1);
    } finally {
      client.close();
      await gateway.stop();
      old.close();
      await fresh.stop();
    }
  });

  it('that makes another fleet the default one tells its models under the names that they have now', async () => {
    const old = await startDemoServer({ models: [name] });
    const fresh = await startDemoServer({ models: [name] });
    const fleets = {
      old: { backends: [`tfs://127.0.0.1:${old.port}`] },
      new: { backends: [`tfs://127.0.0.1:${fresh.port}`] },
    };
    const models = { a: { model: name, fleet: 'old' }, b: { model: name, fleet: 'new' } };
    const gateway = await startTestGateway([], { fleets, models, defaultFleet: 'old' });
    const available = async (): Promise<string[]> =>
      (await metricsOf(gateway))
        .split('\n')
        .filter((line) => line.startsWith('tensorgate_backend_available{') && line.endsWith(' 1'))
        .map((line) => `${/:(\d+)"/.exec(line)?.[1]} ${/fleet="(\w+)"/.exec(line)?.[1] ?? ''}`)
        .sort();
    const expected = (...lines: string[]): Promise<unknown> =>
      waitFor(async () => {
        assert.deepEqual(await available(), lines.sort());
        return true;
      });
    try {
      await expected(`${old.port} `, `${fresh.port} new`);
      await gateway.configure({ fleets, models, defaultFleet: 'new' });
      await expected(`${old.port} old`, `${fresh.port} `);
      for (const [model, { port }] of [
        ['a', old],
        ['b', fresh],
      ] as const) {
        const body = '{"instances":[1.0]}';
        const answer = await fetch(`http://${gateway.rest}/v1/models/${model}:predict`, {
          method: 'POST',
          body,
        });
        assert.equal(answer.headers.get('x-served-by'), `127.0.0.1:${port}`, await answer.text());
      }
    } finally {
      await gateway.stop();
      await Promise.all([old.stop(), fresh.stop()]);
    }
  });
});
