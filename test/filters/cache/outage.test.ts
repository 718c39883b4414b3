/**
 * A Redis that is killed, stopped, locked or absent: calls are answered all the same, and no slower than a time-out.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { silentLog } from '../../../src/base/log.ts';
import { monotonic } from '../../../src/base/loop-clock.ts';
import { ByModel, type Handler } from '../../../src/call/index.ts';
import { decodePredictResponse } from '../../../src/codec/index.ts';
import { cacheFilter, RedisStore, type RedisStoreOptions } from '../../../src/filters/index.ts';
import {
  missing,
  readAll,
  recordingObserver,
  type RecordingObserver,
  sleep,
  startRedis,
  type TestRedis,
  unaryCall,
  waitFor,
} from '../../support/index.ts';
import { forModel, halfPlusTwo, request } from './questions.ts';

describe('a Redis that fails in mid-run', { skip: missing('redis-server') }, () => {
  let redis: TestRedis;
  let store: RedisStore;
  let observer: RecordingObserver;
  let handler: Handler;
  let warnings: string[];
  let infos: string[];
  const breakerMs = 400;
  const options = (): RedisStoreOptions => ({
    url: redis.url,
    timeoutMs: 250,
    connectTimeoutMs: 2000,
    breakerMs,
    maxGets: 64,
    maxSets: 8,
    maxSetBytes: 100_000,
  });

  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());
  beforeEach(async () => {
    warnings = [];
    infos = [];
    const log = {
      ...silentLog,
      warn: (_: object, text: string) => void warnings.push(text),
      info: (_: object, text: string) => void infos.push(text),
    };
    store = new RedisStore(options(), { clock: monotonic, log });
    await waitFor(() => store.up);
    observer = recordingObserver();
    const models = new ByModel([[{ model: 'm' }, forModel]]);
    handler = cacheFilter(
      { models, defaultFleet: 'default', maxRequestBytes: 10_000, keyPrefix: 'test:', vary: [] },
      { store, observer, view: { defaultVersion: () => 1n, incarnation: () => '', knows: () => true } },
    )(halfPlusTwo().handler);
  });
  afterEach(() => store.close());

  /** Asks, checks the answer, and gives the milliseconds it took. */
  async function timed(x: number): Promise<number> {
    const start = performance.now();
    const reply = await handler(unaryCall(request(x), { target: { model: 'm', signature: '' } }));
    const { bytes } = await readAll(reply.body);
    const ms = performance.now() - start;
    const y = decodePredictResponse(bytes.subarray(5)).outputs.get('y') as { bytes: Uint8Array };
    assert.deepEqual([...new Float32Array(Uint8Array.from(y.bytes).buffer)], [x / 2 + 2]);
    return ms;
  }
  const hits = (): number => observer.count('cache m hit');

  it('killed: no call fails or waits, and the cache is used again after its return', async () => {
    for (let i = 0; i < 20; i++) await timed(i % 4);
    await waitFor(() => store.up);
    const [said, saidBack] = [warnings.length, infos.length];
    await redis.kill();
    await waitFor(() => !store.up);
    const errors = observer.count('cache m error');
    for (let i = 0; i < 100; i++) await timed(i % 4);
    assert.equal(observer.count('cache m error'), errors, 'none of them asked a Redis that is gone');
    redis = await startRedis({ port: redis.port });
    await waitFor(() => store.up, 20_000, 'the store to be up again');
    const before = hits();
    await waitFor(async () => {
      await timed(1);
      return hits() > before;
    });
    assert.equal(warnings.length, said + 1, 'one line for one outage');
    assert.equal(infos.length, saidBack + 1);
  });

  it('stopped, as behind a black hole: one time-out for those under way, then none until the breaker tries again', async () => {
    for (let i = 0; i < 20; i++) await timed(i % 4);
    await waitFor(() => store.up);
    redis.pause();
    try {
      const first = await Promise.all(Array.from({ length: 50 }, (_, i) => timed(i)));
      assert.ok(Math.max(...first) >= 200, 'they did wait');
      assert.equal(store.up, false);
      const errors = observer.count('cache m error');
      // Two breaker periods: nobody waits any more, since trying is the store's own business.
      const end = performance.now() + 2 * breakerMs;
      while (performance.now() < end) {
        await timed(0);
        await sleep(5);
      }
      assert.equal(observer.count('cache m error'), errors, 'no further time-out');
    } finally {
      redis.resume();
    }
    await waitFor(() => store.up, 20_000, 'the store to be up again');
    const before = hits();
    await waitFor(async () => {
      await timed(2);
      return hits() > before;
    });
  });

  it('is not blamed when this process itself was busy for longer than the time-out', async () => {
    const patient = new RedisStore({ ...options(), timeoutMs: 500 }, { clock: monotonic, log: silentLog });
    await waitFor(() => patient.up);
    assert.equal(await patient.set('k', Buffer.from('v'), 60_000), 'stored');
    for (let i = 0; i < 3; i++) {
      const answer = patient.get('k', 10);
      await Promise.resolve();
      const end = performance.now() + 700;
      while (performance.now() < end);
      assert.deepEqual(await answer, Buffer.from('v'));
    }
    assert.ok(patient.up);
    patient.close();
  });

  it('absent from the start, or locked: calls go on at once; the right password opens it', async () => {
    const guarded = await startRedis({ args: ['--requirepass', 'open sesame'] });
    const storeOf = (fields: Partial<RedisStoreOptions>): RedisStore =>
      new RedisStore(
        {
          url: guarded.url,
          timeoutMs: 20,
          connectTimeoutMs: 200,
          breakerMs,
          maxGets: 4,
          maxSets: 4,
          maxSetBytes: 1000,
          ...fields,
        },
        {
          clock: monotonic,
          log: { ...silentLog, warn: (fields) => void warnings.push(JSON.stringify(fields)) },
        },
      );
    const stores = [
      storeOf({ url: 'redis://127.0.0.1:1' }),
      storeOf({}),
      storeOf({ password: 'open says me' }),
    ];
    const right = storeOf({ password: 'open sesame' });
    await waitFor(() => right.up);
    await waitFor(() => warnings.length === 3);
    for (const down of stores) {
      assert.equal(down.up, false);
      assert.equal(await down.get('k', 10), 'unavailable');
      assert.equal(await down.set('k', Buffer.from('v'), 1000), 'unavailable');
    }
    assert.match(warnings.join(), /ECONNREFUSED/);
    assert.match(warnings.join(), /NOAUTH/);
    assert.match(warnings.join(), /WRONGPASS/);
    assert.doesNotMatch(warnings.join(), /open says me/);
    assert.equal(await right.set('k', Buffer.from('v'), 1000), 'stored');
    for (const each of [...stores, right]) each.close();
    await guarded.stop();
  });

  it('bounds what is under way', async () => {
    redis.pause();
    try {
      const gets = Array.from({ length: 200 }, () => store.get('k', 10));
      const sets = Array.from({ length: 200 }, () => store.set('k', Buffer.alloc(1000), 1000));
      const gotten = await Promise.all(gets);
      assert.equal(gotten.filter((outcome) => outcome === 'unavailable').length, 200 - 64);
      assert.equal((await Promise.all(sets)).filter((outcome) => outcome === 'unavailable').length, 200 - 8);
    } finally {
      redis.resume();
    }
  });
});
