/** A Redis that is killed, stopped, locked or absent: calls are answered all the same, and no slower than a time-out. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type Handler, monotonic, silentLog } from '../../../src/call/index.ts';
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
    store = new RedisStore(
      {
        url: redis.url,
        timeoutMs: 20,
        connectTimeoutMs: 200,
        breakerMs,
        maxGets: 64,
        maxSets: 8,
        maxSetBytes: 100_000,
      },
      { clock: monotonic, log },
    );
    await waitFor(() => store.up);
    observer = recordingObserver();
    handler = cacheFilter(
      { models: { m: forModel }, maxRequestBytes: 10_000, keyPrefix: 'test:', vary: [] },
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
    await redis.kill();
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      times.push(await timed(i % 4));
      await sleep(2);
    }
    assert.ok(times.filter((ms) => ms > 15).length <= 2, `slow: ${times.filter((ms) => ms > 15).join(' ')}`);
    redis = await startRedis({ port: redis.port });
    await waitFor(() => store.up, 3 * breakerMs, 'the store to be up again');
    const before = hits();
    await waitFor(async () => {
      await timed(1);
      return hits() > before;
    });
    assert.equal(warnings.length, 1, 'one line for one outage');
    assert.equal(infos.length, 1);
  });

  it('stopped, as behind a black hole: one time-out for those under way, then none until the breaker tries again', async () => {
    for (let i = 0; i < 20; i++) await timed(i % 4);
    redis.pause();
    try {
      const first = await Promise.all(Array.from({ length: 50 }, (_, i) => timed(i)));
      assert.ok(Math.max(...first) >= 15, 'they did wait');
      assert.ok(Math.max(...first) < 20 + 60, `${Math.max(...first)} ms`); // 20 ms, and the machine's own delays
      const errors = observer.count('cache m error');
      // Two breaker periods: nobody waits any more, since trying is the store's own business.
      const end = performance.now() + 2 * breakerMs;
      const times: number[] = [];
      while (performance.now() < end) {
        times.push(await timed(times.length % 50));
        await sleep(5);
      }
      times.sort((a, b) => a - b);
      assert.ok(
        times[Math.floor(times.length * 0.95)]! < 10,
        `95 % under 10 ms, got ${times[Math.floor(times.length * 0.95)]}`,
      );
      assert.equal(observer.count('cache m error'), errors, 'no further time-out');
    } finally {
      redis.resume();
    }
    await waitFor(() => store.up, 5 * breakerMs, 'the store to be up again');
    const before = hits();
    await waitFor(async () => {
      await timed(2);
      return hits() > before;
    });
  });

  it('is not blamed when this process itself was busy for longer than the time-out', async () => {
    await timed(3);
    await waitFor(() => observer.count('cache m store') > 0 || hits() > 0);
    for (let i = 0; i < 5; i++) {
      const answer = timed(3);
      await Promise.resolve();
      const end = performance.now() + 40;
      while (performance.now() < end);
      await answer;
    }
    assert.equal(observer.count('cache m error'), 0);
    assert.ok(store.up);
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
