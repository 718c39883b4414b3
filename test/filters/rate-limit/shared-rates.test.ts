/**
 * Rates in a real Redis: two gateways hold one together, and no call fails or waits when Redis is stopped, killed, or
 * wrong.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import type { Clock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { monotonic } from '../../../src/base/loop-clock.ts';
import { after as later } from '../../../src/base/timer-wheel.ts';
import {
  createRateLimits,
  type RateLimit,
  redisRates,
  type SharedRatesOptions,
} from '../../../src/filters/index.ts';
import {
  manualClock,
  missing,
  type RecordingObserver,
  recordingObserver,
  startRedis,
  stubHandler,
  type TestRedis,
  unaryCall,
  waitFor,
} from '../../support/index.ts';

/** So slow that no token comes back while a test runs. */
const slow: RateLimit = {
  name: 'per tenant',
  models: [],
  by: { header: 'x-tenant' },
  perSecond: 0.001,
  burst: 50,
  shared: true,
};
const cell = { name: 'l', key: 'k', emissionMs: 1_000_000, toleranceMs: 1_000_000 };

describe('rates in Redis', { skip: missing('redis-server') }, () => {
  let redis: TestRedis;
  let admin: Redis;
  let open: { close(): void }[] = [];
  before(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url);
    // a test kills it
    admin.on('error', () => undefined);
  });
  after(async () => {
    admin.disconnect();
    await redis.stop();
  });
  afterEach(async () => {
    for (const each of open) each.close();
    open = [];
    await admin.flushall();
  });

  async function ratesOf(fields: Partial<SharedRatesOptions> = {}, clock: Clock = monotonic) {
    const rates = redisRates(
      {
        url: redis.url,
        waitMs: 2000,
        timeoutMs: 3000,
        connectTimeoutMs: 2000,
        breakerMs: 100,
        maxAsks: 1000,
        keyPrefix: 'test:',
        ...fields,
      },
      { clock, log: silentLog },
    );
    open.push(rates);
    await waitFor(() => rates.up, 10_000, 'the connection');
    return rates;
  }

  interface Gateway {
    readonly ask: (tenant: string) => Promise<boolean>;
    readonly observer: RecordingObserver;
    readonly rates: Awaited<ReturnType<typeof ratesOf>>;
  }
  async function gatewayOf(limit: RateLimit, fields: Partial<SharedRatesOptions> = {}): Promise<Gateway> {
    const rates = await ratesOf(fields);
    const observer = recordingObserver();
    const limits = createRateLimits([limit], { observer, clock: monotonic, after: later, shared: rates });
    const handler = limits.filter(stubHandler(new Uint8Array(0)).handler);
    return {
      rates,
      observer,
      ask: (tenant) =>
        handler(unaryCall(undefined, { metadata: ['x-tenant', tenant] })).then(
          () => true,
          (error: Error) => {
            assert.match(error.message, /^rate limit per tenant/);
            return false;
          },
        ),
    };
  }

  /** Waits until Redis decides; a machine that is busy may have taken the link down for a moment. */
  const asksRedis = ({ ask, observer }: Gateway): Promise<boolean> =>
    waitFor(async () => {
      await ask('nobody');
      return observer.events.findLast((event) => event.startsWith('shared')) === 'shared per tenant redis';
    }, 10_000);

  it('are one for two gateways that ask at the same time, and one for each key', async () => {
    const gateways = [await gatewayOf(slow), await gatewayOf(slow)];
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => (gateways[i % 2] as Gateway).ask(i % 3 === 0 ? 'a' : 'b')),
    );
    const passed = (rest: number): number =>
      answers.filter((ok, i) => ok && (i % 3 === 0) === (rest === 0)).length;
    assert.deepEqual([passed(0), passed(1)], [50, 50]);
    for (const { observer } of gateways) {
      assert.ok(observer.count('shared per tenant redis') > 50);
      assert.equal(observer.count('shared per tenant late'), 0);
    }
  });

  it('keep what clients wrote out of Redis, and their keys for no longer than they mean something', async () => {
    const gateway = await gatewayOf({ ...slow, perSecond: 0.1, burst: 3 });
    await gateway.ask('Bearer 1234');
    const keys = await admin.keys('*');
    assert.equal(keys.length, 1);
    assert.match(keys[0] as string, /^test:\{rate\}:per%20tenant:[\w-]{22}$/);
    const ttlMs = await admin.pttl(keys[0] as string);
    assert.ok(ttlMs > 0 && ttlMs <= 10_000, `${ttlMs} ms`);
  });

  it('take from all limits of a call or from none', async () => {
    const rates = await ratesOf();
    const other = { ...cell, name: 'other', toleranceMs: 0 };
    assert.equal((await rates.take([cell, other])).kind, 'taken');
    const refused = await rates.take([cell, other]);
    assert.deepEqual({ ...refused, waitMs: 0 }, { kind: 'refused', index: 1, waitMs: 0, by: 'redis' });
    assert.equal((await rates.take([cell])).kind, 'taken');
    assert.equal((await rates.take([cell])).kind, 'refused');
  });

  it('remember a refusal for as long as it holds, and ask again afterwards', async () => {
    const { clock, advance } = manualClock();
    const rates = await ratesOf({}, clock);
    const one = { ...cell, toleranceMs: 0 };
    await rates.take([one]);
    const asked = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1]);
    const by = async (): Promise<string> => {
      const verdict = await rates.take([one]);
      return verdict.kind === 'refused' ? verdict.by : verdict.kind;
    };
    assert.equal(await by(), 'redis');
    const before = await asked();
    for (let i = 0; i < 100; i++) assert.equal(await by(), 'memory');
    assert.equal(await asked(), before, 'refusals cost Redis nothing');
    advance(one.emissionMs);
    assert.equal(await by(), 'redis');
  });

  it('survive foreign values, clocks that went back, and a script that was forgotten', async () => {
    const rates = await ratesOf();
    await rates.take([cell]);
    const [key] = (await admin.keys('*')) as [string];
    await admin.set(key, 'garbage');
    assert.equal((await rates.take([cell])).kind, 'taken');
    await admin.set(key, '1e300');
    const far = await rates.take([{ ...cell, emissionMs: 50, toleranceMs: 0 }]);
    assert.ok(far.kind === 'refused' && far.waitMs <= 50, JSON.stringify(far));
    await admin.del(key);
    await admin.lpush(key, 'x');
    const other = await ratesOf();
    assert.deepEqual(await other.take([cell]), { kind: 'unknown', why: 'error' });
    await admin.del(key);
    await admin.script('FLUSH');
    assert.equal((await other.take([cell])).kind, 'taken');
  });

  it('bound the questions under way', async () => {
    const rates = await ratesOf({ maxAsks: 10, waitMs: 300 });
    redis.pause();
    try {
      const verdicts = await Promise.all(Array.from({ length: 50 }, () => rates.take([cell])));
      const count = (why: string): number =>
        verdicts.filter((verdict) => verdict.kind === 'unknown' && verdict.why === why).length;
      assert.deepEqual([count('late'), count('busy')], [10, 40]);
    } finally {
      redis.resume();
    }
  });

  it('are held by each gateway alone while Redis is stopped, without a call that waits for it, and together afterwards', async () => {
    const gateway = await gatewayOf(slow, { waitMs: 5, timeoutMs: 50 });
    const { observer, rates } = gateway;
    await asksRedis(gateway);
    assert.equal(await gateway.ask('a'), true);
    await asksRedis(gateway);
    redis.pause();
    try {
      let passed = 0;
      // until the link is down each call waits 5 ms, and none at all from then on
      for (let i = 0; i < 500; i++) if (await gateway.ask('a')) passed++;
      assert.equal(passed, slow.burst - 1);
      await waitFor(() => !rates.up);
      const late = observer.count('shared per tenant late');
      assert.ok(late > 0 && late < 50, `${late} calls waited`);
      const downBefore = observer.count('shared per tenant down');
      for (let i = 0; i < 1000; i++) await gateway.ask('b');
      assert.equal(observer.count('shared per tenant down') - downBefore, 1000);
      assert.equal(observer.count('shared per tenant late'), late);
    } finally {
      redis.resume();
    }
    await asksRedis(gateway);
  });

  it('go on when Redis is killed, and are shared again when it is back', async () => {
    const gateways = [await gatewayOf(slow), await gatewayOf(slow)] as const;
    const answers: Promise<boolean>[] = [];
    const kill = redis.kill();
    for (let i = 0; i < 200; i++) {
      answers.push(gateways[0].ask('a'));
      await new Promise(setImmediate);
    }
    await kill;
    await waitFor(() => !gateways[0].rates.up);
    for (let i = 0; i < 200; i++) answers.push(gateways[0].ask('a'));
    const passed = (await Promise.all(answers)).filter(Boolean).length;
    assert.equal(passed, slow.burst);
    redis = await startRedis({ port: redis.port });
    await waitFor(() => gateways.every(({ rates }) => rates.up), 10_000, 'both connections');
    let together = 0;
    for (let i = 0; i < 100; i++) if (await (gateways[i % 2] as Gateway).ask('b')) together++;
    assert.equal(together, slow.burst);
  });
});
