/** Rate limits on a clock of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, double, integer, property } from 'fast-check';
import { Code, getMetadata, type StatusError, trailersOf } from '../../../src/call/index.ts';
import { type RateLimit, rateLimitFilter } from '../../../src/filters/index.ts';
import { Buckets } from '../../../src/filters/rate-limit/buckets.ts';
import { manualClock, method, recordingObserver, stubHandler, unaryCall } from '../../support/index.ts';

describe('Buckets', () => {
  it('never let more through than the burst and the rate allow, and never less when calls come slower', () => {
    check(
      property(
        array(double({ min: 0, max: 500, noNaN: true }), { minLength: 1, maxLength: 100 }),
        integer({ min: 1, max: 100 }),
        integer({ min: 1, max: 20 }),
        (gaps, perSecond, burst) => {
          const { clock, advance } = manualClock();
          const buckets = new Buckets({ perSecond, burst }, 10, clock);
          let passed = 0;
          let elapsedMs = 0;
          for (const gap of gaps) {
            advance(gap);
            elapsedMs += gap;
            const waitMs = buckets.take('k');
            if (waitMs === 0) passed++;
            assert.ok(waitMs >= 0 && waitMs <= 1000 / perSecond + 1e-6);
          }
          assert.ok(passed <= burst + (elapsedMs * perSecond) / 1000 + 1e-6);
          if (gaps.every((gap) => gap >= 1000 / perSecond)) assert.equal(passed, gaps.length);
        },
      ),
    );
  });

  it('remember a bounded number of keys', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, 2, manualClock().clock);
    assert.equal(buckets.take('a'), 0);
    assert.ok(buckets.take('a') > 0);
    buckets.take('b');
    buckets.take('c');
    assert.equal(buckets.take('a'), 0);
  });
});

describe('rateLimitFilter', () => {
  const limit: RateLimit = { name: 'l', models: new Set(), by: 'model', perSecond: 2, burst: 1 };
  function harness(changes: Partial<RateLimit> = {}) {
    const { clock, advance } = manualClock();
    const observer = recordingObserver();
    const { handler } = stubHandler(new Uint8Array(0));
    return {
      handler: rateLimitFilter([{ ...limit, ...changes }], { observer, clock })(handler),
      advance,
      observer,
    };
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
    const peers = harness({ by: 'peer' });
    await peers.handler(unaryCall(undefined, { peer: '10.0.0.1:1' }));
    await peers.handler(unaryCall(undefined, { peer: '10.0.0.2:1' }));
    await refused(peers.handler(unaryCall(undefined, { peer: '10.0.0.1:2' })));
  });

  it('leaves other models, and questions about models, alone', async () => {
    const { handler } = harness({ models: new Set(['other']) });
    await handler(unaryCall());
    await handler(unaryCall());
    const all = harness();
    const status = method('/tensorflow.serving.ModelService/GetModelStatus');
    for (let i = 0; i < 3; i++) await all.handler(unaryCall(undefined, { method: status }));
  });
});
