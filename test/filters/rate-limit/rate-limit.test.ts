/** Rate limits on a clock of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, double, integer, property } from 'fast-check';
import { Code, type StatusError } from '../../../src/base/status.ts';
import { getMetadata, trailersOf } from '../../../src/call/index.ts';
import {
  createRateLimits,
  type RateLimit,
  type TokenUsage,
  type Verdict,
} from '../../../src/filters/index.ts';
import { GcraLimiter } from '../../../src/filters/rate-limit/gcra-limiter.ts';
import {
  manualClock,
  manualTimers,
  method,
  recordingObserver,
  stubHandler,
  unaryCall,
} from '../../support/index.ts';

describe('Buckets', () => {
  it('never let more through than the burst and the rate allow, and never less when calls come slower', () => {
    check(
      property(
        array(double({ min: 0, max: 500, noNaN: true }), { minLength: 1, maxLength: 100 }),
        integer({ min: 1, max: 100 }),
        integer({ min: 1, max: 20 }),
        (gaps, perSecond, burst) => {
          const { clock, advance } = manualClock();
          const buckets = new GcraLimiter({ perSecond, burst }, 10, clock);
          let passed = 0;
          let elapsedMs = 0;
          for (const gap of gaps) {
            advance(gap);
            elapsedMs += gap;
            const waitMs = buckets.waitMs('k');
            if (waitMs === 0) {
              buckets.charge('k');
              passed++;
            }
            assert.ok(waitMs >= 0 && waitMs <= 1000 / perSecond + 1e-6);
          }
          assert.ok(passed <= burst + (elapsedMs * perSecond) / 1000 + 1e-6);
          if (gaps.every((gap) => gap >= 1000 / perSecond)) assert.equal(passed, gaps.length);
        },
      ),
    );
  });

  it('remember a bounded number of keys', () => {
    const buckets = new GcraLimiter({ perSecond: 1, burst: 1 }, 2, manualClock().clock);
    buckets.charge('a');
    assert.ok(buckets.waitMs('a') > 0);
    buckets.charge('b');
    buckets.charge('c');
    assert.equal(buckets.waitMs('a'), 0);
  });
});

describe('createRateLimits', () => {
  const limit: RateLimit = {
    name: 'l',
    models: [],
    by: 'model',
    perSecond: 2,
    burst: 1,
    shared: false,
  };
  function harness(changes: Partial<RateLimit> = {}) {
    return harnessOf([{ ...limit, ...changes }]);
  }
  /** @param more what Redis says, and where takes go */
  function harnessOf(
    limits: readonly RateLimit[],
    more: { verdict?: () => Verdict; tell?: (takes: TokenUsage) => void } = {},
  ) {
    const { clock, after, advance } = manualTimers();
    const observer = recordingObserver();
    const { handler } = stubHandler(new Uint8Array(0));
    const { verdict, tell } = more;
    const shared = verdict && { take: async () => verdict(), close: () => undefined };
    const { filter, told } = createRateLimits(limits, { observer, clock, after, shared, tell });
    return { handler: filter(handler), told, advance, observer };
  }
  const refused = (answer: Promise<unknown>): Promise<StatusError> =>
    answer.then(
      () => assert.fail('it was let through'),
      (error: unknown) => error as StatusError,
    );

  it('refuses what is too much, says when to come again, and lets it through then', async () => {
    const { handler, advance, observer } = harness();
    await handler(unaryCall());
    const error = await refused(handler(unaryCall()));
    assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
    assert.match(error.message, /rate limit l: no more than 2 calls a second/);
    assert.equal(getMetadata(trailersOf(error), 'grpc-retry-pushback-ms'), '500');
    assert.deepEqual(observer.events, ['limited rate']);
    advance(500);
    await handler(unaryCall());
  });

  it('tells models, header values and clients apart', async () => {
    const models = harness();
    await models.handler(unaryCall());
    await models.handler(unaryCall(undefined, { target: { model: 'other', signature: '' } }));
    const tenants = harness({ by: { header: 'x-tenant' } });
    await tenants.handler(unaryCall(undefined, { metadata: ['x-tenant', 'a'] }));
    await tenants.handler(unaryCall(undefined, { metadata: ['x-tenant', 'b'] }));
    await refused(tenants.handler(unaryCall(undefined, { metadata: ['x-tenant', 'a'] })));
    // a header that comes twice is neither of its values
    const both = { metadata: ['x-tenant', 'c', 'x-tenant', 'a'] };
    await tenants.handler(unaryCall(undefined, both));
    await refused(tenants.handler(unaryCall(undefined, both)));
    await tenants.handler(unaryCall(undefined, { metadata: ['x-tenant', 'c'] }));
    const peers = harness({ by: 'peer' });
    await peers.handler(unaryCall(undefined, { peer: '10.0.0.1:1' }));
    await peers.handler(unaryCall(undefined, { peer: '10.0.0.2:1' }));
    await refused(peers.handler(unaryCall(undefined, { peer: '10.0.0.1:2' })));
    // one client however its address is written, and whichever of its network's it takes
    await refused(peers.handler(unaryCall(undefined, { peer: '::ffff:10.0.0.2:9' })));
    await peers.handler(unaryCall(undefined, { peer: '2001:db8:1:2::1:9' }));
    await refused(peers.handler(unaryCall(undefined, { peer: '2001:db8:1:2::77:9' })));
    await peers.handler(unaryCall(undefined, { peer: '2001:db8:1:3::1:9' }));
  });

  it('hold calls without the header together, and say so, or let them pass', async () => {
    const by = { header: 'x-tenant' };
    for (const withoutHeader of [undefined, 'share'] as const) {
      const { handler } = harness({ by, withoutHeader });
      await handler(unaryCall(undefined, { peer: '10.0.0.1:1' }));
      const error = await refused(handler(unaryCall(undefined, { peer: '10.0.0.2:1' })));
      assert.match(error.message, /no more than 2 calls a second for all that have no x-tenant together/);
    }
    const { handler } = harness({ by, withoutHeader: 'pass' });
    for (let i = 0; i < 5; i++) await handler(unaryCall());
    const from = () => handler(unaryCall(undefined, { metadata: ['x-tenant', 'a'] }));
    await from();
    assert.match((await refused(from())).message, /a second$/);
  });

  it('leaves other models, and questions about models, alone', async () => {
    const { handler } = harness({ models: [{ model: 'other' }] });
    await handler(unaryCall());
    await handler(unaryCall());
    const all = harness();
    const status = method('/tensorflow.serving.ModelService/GetModelStatus');
    for (let i = 0; i < 3; i++) await all.handler(unaryCall(undefined, { method: status }));
  });

  it('take nothing from one limit for a call that another refuses', async () => {
    const wide = { ...limit, name: 'wide', perSecond: 0.001, burst: 2 };
    const narrow: RateLimit = { ...limit, name: 'narrow', by: { header: 'x-tenant' } };
    const { handler } = harnessOf([wide, narrow]);
    const from = (tenant: string) => handler(unaryCall(undefined, { metadata: ['x-tenant', tenant] }));
    await from('a');
    for (let i = 0; i < 5; i++) assert.match((await refused(from('a'))).message, /rate limit narrow/);
    await from('b');
    assert.match((await refused(from('c'))).message, /rate limit wide/);
  });

  it('are held by the workers of a gateway together', async () => {
    const many: RateLimit = { ...limit, perSecond: 100, burst: 10 };
    const workers: ReturnType<typeof harnessOf>[] = [];
    for (let i = 0; i < 2; i++)
      workers.push(harnessOf([many], { tell: (takes) => workers[1 - i]?.told(structuredClone(takes)) }));
    let passed = 0;
    for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 5) {
      for (const { handler, advance } of workers) {
        advance(5);
        // 200 calls a second at each
        await handler(unaryCall()).then(
          () => passed++,
          () => undefined,
        );
      }
    }
    // the burst, ten seconds of the rate, and what two let through before they heard of each other
    assert.ok(passed >= 1000 && passed <= 1020, `${passed} passed`);
    // one that is alone gets the whole rate
    const [alone] = workers as [ReturnType<typeof harnessOf>];
    for (const { advance } of workers) advance(1000);
    passed = 0;
    for (let i = 0; i < 1000; i++) {
      alone.advance(5);
      await alone.handler(unaryCall()).then(
        () => passed++,
        () => undefined,
      );
    }
    assert.ok(passed >= 500 && passed <= 511, `${passed} passed`);
  });

  it('that are shared do as Redis says, and are held here while it says nothing', async () => {
    let verdict: Verdict = { kind: 'taken' };
    const { handler, observer, advance } = harnessOf([{ ...limit, shared: true, burst: 2 }], {
      verdict: () => verdict,
    });
    for (let i = 0; i < 10; i++) await handler(unaryCall());
    verdict = { kind: 'refused', index: 0, waitMs: 321, by: 'redis' };
    const error = await refused(handler(unaryCall()));
    assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
    assert.equal(getMetadata(trailersOf(error), 'grpc-retry-pushback-ms'), '321');
    verdict = { kind: 'unknown', why: 'late' };
    // what was given before Redis went counts
    await refused(handler(unaryCall()));
    advance(60_000);
    await handler(unaryCall());
    await handler(unaryCall());
    await refused(handler(unaryCall()));
    assert.equal(observer.count('shared l redis'), 11);
    assert.equal(observer.count('shared l late'), 4);
    assert.equal(observer.count('limited rate'), 3);
  });
});
