/**
 * Shared rates at a Redis that answers with nonsense: each gateway holds its rate alone, no call fails of it, and the
 * log says so once.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Log, silentLog } from '../../../src/base/log.ts';
import { monotonic } from '../../../src/base/loop-clock.ts';
import { after as later } from '../../../src/base/timer-wheel.ts';
import { createRateLimits, type RateLimit, redisRates } from '../../../src/filters/index.ts';
import { recordingObserver, startFakeRedis, stubHandler, unaryCall, waitFor } from '../../support/index.ts';

const pong = '+PONG\r\n';
/** So slow that no token comes back while a test runs. */
const limit: RateLimit = {
  name: 'all',
  models: [],
  by: 'model',
  perSecond: 0.001,
  burst: 3,
  shared: true,
};

describe('shared rates while Redis', () => {
  for (const [name, answer] of [
    ['answers with nothing', '$-1\r\n'],
    ['answers with no list', '*-1\r\n'],
    ['answers with an empty list', '*0\r\n'],
    ['answers with another type', ':17\r\n'],
    ['answers with a text', '$2\r\nOK\r\n'],
    ['answers with a list of one', '*1\r\n:0\r\n'],
    ['answers with three', '*3\r\n:0\r\n$1\r\n0\r\n$1\r\n0\r\n'],
    ['refuses by a limit that was not asked for', '*2\r\n:7\r\n$2\r\n10\r\n'],
    ['refuses by one before the first', '*2\r\n:-1\r\n$2\r\n10\r\n'],
    ['says which as a text', '*2\r\n$1\r\n1\r\n$2\r\n10\r\n'],
    ['names no time', '*2\r\n:1\r\n$1\r\nx\r\n'],
    ['names nothing as the time', '*2\r\n:1\r\n$-1\r\n'],
    ['names no end', '*2\r\n:1\r\n$3\r\ninf\r\n'],
    ['names a time beyond the limit', '*2\r\n:1\r\n$20\r\n99999999999999999999\r\n'],
    ['names a time that is over', '*2\r\n:1\r\n$2\r\n-5\r\n'],
    ['lists within lists', '*2\r\n*1\r\n:1\r\n*1\r\n:1\r\n'],
    ['is of the wrong type', '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'],
    ['takes no writes', "-READONLY You can't write against a read only replica.\r\n"],
    ['has an error in the list', '*2\r\n-ERR no\r\n$1\r\n0\r\n'],
  ] as const) {
    it(`${name}: the local limit holds`, async (t) => {
      const redis = await startFakeRedis((command) => (command === 'PING' ? pong : answer));
      const said: string[] = [];
      const log: Log = { ...silentLog, warn: (_fields, message) => void said.push(message) };
      const rates = redisRates(
        {
          url: redis.url,
          waitMs: 2000,
          timeoutMs: 3000,
          connectTimeoutMs: 2000,
          breakerMs: 60_000,
          maxAsks: 100,
          keyPrefix: 'test:',
        },
        { clock: monotonic, log },
      );
      t.after(() => {
        rates.close();
        redis.close();
      });
      await waitFor(() => rates.up);
      const observer = recordingObserver();
      const limits = createRateLimits([limit], { observer, clock: monotonic, after: later, shared: rates });
      const handler = limits.filter(stubHandler(new Uint8Array(0)).handler);
      const outcomes: string[] = [];
      for (let i = 0; i < 5; i++)
        outcomes.push(
          await handler(unaryCall()).then(
            () => 'ok',
            (error: Error) => error.message,
          ),
        );
      const refused = 'rate limit all: no more than 0.001 calls a second';
      assert.deepEqual(outcomes, ['ok', 'ok', 'ok', refused, refused]);
      assert.ok(observer.count('shared all error') >= 1);
      assert.equal(observer.count('shared all redis'), 0);
      assert.equal(
        said.filter((line) => line.includes('no answer that means one')).length,
        1,
        said.join('\n'),
      );
    });
  }
});
