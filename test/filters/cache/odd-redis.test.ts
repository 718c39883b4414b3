/**
 * A Redis that answers, but not what was hoped for: loading, moved, late or in nonsense. Calls go without it, and
 * soon.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../../src/base/log.ts';
import { monotonic } from '../../../src/base/loop-clock.ts';
import { ByModel } from '../../../src/call/index.ts';
import { cacheFilter, RedisStore } from '../../../src/filters/index.ts';
import { readAll, recordingObserver, startFakeRedis, unaryCall, waitFor } from '../../support/index.ts';
import { forModel, halfPlusTwo, request } from './questions.ts';

const pong = '+PONG\r\n';

describe('a Redis that', () => {
  for (const [name, answer] of [
    ['is loading its data', '-LOADING Redis is loading the dataset in memory\r\n'],
    ['sends its clients elsewhere (a cluster)', '-MOVED 3999 127.0.0.1:6381\r\n'],
    ['asks for a password', '-NOAUTH Authentication required.\r\n'],
    ['is out of memory', '-OOM command not allowed when used memory > maxmemory\r\n'],
    ['says nothing', undefined],
    ['answers with another type', ':17\r\n'],
    ['answers with an array', '*1\r\n$1\r\nx\r\n'],
    ['answers with a value of somebody else', '$5\r\nhello\r\n'],
    ['answers with nonsense', 'what?\r\n'],
    ['says that more comes than does', '$1000000\r\nabc\r\n'],
    ['answers twice, the second time with nil', '$-1\r\n$-1\r\n'],
    ['answers twice, the second time with a list of nil', '$-1\r\n*1\r\n$-1\r\n'],
    ['answers with nil without end', '$-1\r\n'.repeat(1000)],
    ['pushes as only RESP3 does', '>1\r\n_\r\n$-1\r\n'],
    ['says that somebody subscribed', '>3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*0\r\n'],
    ['answers with a map of RESP3', '%1\r\n+a\r\n+b\r\n'],
    ['answers with lists within lists', '*1\r\n'.repeat(1000)],
    ['answers with a list of a billion', '*1000000000\r\n'],
    ['answers with a length that is none', '$12x\r\n'],
    ['answers with a line without end', `+${'a'.repeat(100_000)}`],
    ['ends its lines with LF alone', '$-1\n'],
  ] as const) {
    it(`${name}: every call is answered by the backend, and none waits long for it`, async (t) => {
      const redis = await startFakeRedis((command) => (command === 'PING' ? pong : answer));
      const store = new RedisStore(
        {
          url: redis.url,
          timeoutMs: 500,
          connectTimeoutMs: 1000,
          breakerMs: 60_000,
          maxGets: 64,
          maxSets: 8,
          maxSetBytes: 100_000,
        },
        { clock: monotonic, log: silentLog },
      );
      t.after(() => {
        store.close();
        redis.close();
      });
      await waitFor(() => store.up);
      const observer = recordingObserver();
      const backend = halfPlusTwo();
      const models = new ByModel([[{ model: 'm' }, forModel]]);
      const view = { defaultVersion: () => 1n, incarnation: () => '', knows: () => true };
      const handler = cacheFilter(
        { models, defaultFleet: 'default', maxRequestBytes: 10_000, keyPrefix: 'test:', vary: [] },
        { store, observer, view },
      )(backend.handler);
      const start = performance.now();
      const count = 20;
      for (let i = 0; i < count; i++) {
        const reply = await handler(unaryCall(request(i), { target: { model: 'm', signature: '' } }));
        assert.ok((await readAll(reply.body)).bytes.length > 5);
      }
      const ms = performance.now() - start;
      // what a library throws in a turn of its own comes now
      await new Promise(setImmediate);
      assert.equal(backend.calls.length, count);
      assert.equal(observer.count('cache m hit'), 0);
      assert.ok(redis.asked > 0, 'it was asked');
      // one missed time-out takes it out; without that it would be 20 of them
      assert.ok(ms < 5000, `${ms.toFixed()} ms for ${count} calls`);
    });
  }

  for (const [name, graceful, expected] of [
    ['answers what is under way to a store that is closed in order', true, new Uint8Array([120])],
    ['keeps nobody waiting when the store is closed at once', false, 'failed'],
  ] as const)
    it(name, async (t) => {
      const redis = await startFakeRedis((command) => {
        if (command === 'PING') return pong;
        // the answer to GETRANGE comes late, just before the one to QUIT
        return command === 'QUIT' ? '$1\r\nx\r\n+OK\r\n' : undefined;
      });
      const store = new RedisStore(
        {
          url: redis.url,
          timeoutMs: 10_000,
          connectTimeoutMs: 1000,
          breakerMs: 60_000,
          maxGets: 64,
          maxSets: 8,
          maxSetBytes: 100_000,
        },
        { clock: monotonic, log: silentLog },
      );
      t.after(() => {
        redis.close();
      });
      await waitFor(() => store.up);
      const answer = store.get('key', 100);
      store.close(graceful);
      assert.equal(await store.get('key', 100), 'unavailable');
      const got = await answer;
      assert.deepEqual(typeof got === 'string' ? got : new Uint8Array(got), expected);
    });

  it('is loading when it is connected to: it is not used until it has loaded', async (t) => {
    let loading = true;
    const redis = await startFakeRedis((command) => {
      if (loading) return '-LOADING Redis is loading the dataset in memory\r\n';
      return command === 'PING' ? pong : '$0\r\n\r\n';
    });
    const store = new RedisStore(
      {
        url: redis.url,
        timeoutMs: 50,
        connectTimeoutMs: 1000,
        breakerMs: 200,
        maxGets: 64,
        maxSets: 8,
        maxSetBytes: 100_000,
      },
      { clock: monotonic, log: silentLog },
    );
    t.after(() => {
      store.close();
      redis.close();
    });
    assert.equal(await store.get('key', 100), 'unavailable');
    loading = false;
    await waitFor(() => store.up, 20_000, 'the store to be up');
    assert.equal(await store.get('key', 100), 'absent');
  });
});
