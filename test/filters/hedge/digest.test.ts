/** The latency digest and the delays that follow from it, on a clock of their own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assert as check, array, double, property } from 'fast-check';
import { HedgeDelays } from '../../../src/filters/hedge/delays.ts';
import { LatencyDigest } from '../../../src/filters/hedge/digest.ts';
import { manualClock } from '../../support/index.ts';

describe('LatencyDigest', () => {
  it('gives quantiles that are never too low and at most a fifth too high', () => {
    check(
      property(
        array(double({ min: 0.25, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        double({ min: 0.01, max: 1, noNaN: true }),
        (samples, share) => {
          const digest = new LatencyDigest(1000, manualClock().clock);
          for (const ms of samples) digest.record(ms);
          const sorted = samples.toSorted((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(sorted.length * share - 1e-6) - 1)] as number;
          const given = digest.quantile(share) as number;
          assert.ok(given >= exact * 0.999 && given <= exact * 1.19, `${given} for ${exact}`);
        },
      ),
    );
  });

  it('forgets: what was half a life ago counts half, what was long ago not at all', () => {
    const { clock, advance } = manualClock();
    const digest = new LatencyDigest(1000, clock);
    for (let i = 0; i < 8; i++) digest.record(500);
    assert.equal(digest.weight, 8);
    advance(1000);
    assert.equal(digest.weight, 4);
    for (let i = 0; i < 12; i++) digest.record(2);
    assert.equal(digest.quantile(0.5), 2);
    advance(60_000);
    assert.equal(digest.weight, 0);
    assert.equal(digest.quantile(0.5), undefined);
  });

  it('takes times beyond its last bucket', () => {
    const digest = new LatencyDigest(1000, manualClock().clock);
    digest.record(1e12);
    digest.record(0);
    assert.ok((digest.quantile(1) as number) > 3_500_000);
  });
});

describe('HedgeDelays', () => {
  const options = { factor: 3, quantile: 0.95, minDelayMs: 100, coldDelayMs: 1000 };
  function fill(delays: HedgeDelays, backends: Readonly<Record<string, number>>, bytes = 100): void {
    for (const [backend, ms] of Object.entries(backends))
      for (let i = 0; i < 20; i++) delays.kind('m', bytes).record(backend, ms);
  }

  it('waits the cold delay while little is known', () => {
    const delays = new HedgeDelays(options, manualClock().clock);
    assert.equal(delays.kind('m', 100).delayMs(), 1000);
    delays.kind('m', 100).record('a', 5);
    assert.equal(delays.kind('m', 100).delayMs(), 1000);
  });

  it('is not made patient by one slow backend of three, nor by one of two', () => {
    const three = new HedgeDelays(options, manualClock().clock);
    fill(three, { a: 2, b: 3, c: 900 });
    assert.equal(three.kind('m', 100).delayMs(), 100);
    const two = new HedgeDelays(options, manualClock().clock);
    fill(two, { a: 2, b: 900 });
    assert.equal(two.kind('m', 100).delayMs(), 100);
  });

  it('is patient with a fleet that is slow as a whole', () => {
    const delays = new HedgeDelays(options, manualClock().clock);
    fill(delays, { a: 800, b: 900, c: 1000 });
    const delay = delays.kind('m', 100).delayMs();
    assert.ok(delay >= 2700 && delay < 3300, `${delay} ms`);
  });

  it('does not hold a large request against small ones', () => {
    const delays = new HedgeDelays(options, manualClock().clock);
    fill(delays, { a: 2, b: 2 }, 100);
    fill(delays, { a: 400, b: 400 }, 2 ** 24);
    assert.equal(delays.kind('m', 100).delayMs(), 100);
    assert.ok(delays.kind('m', 2 ** 24).delayMs() >= 1200);
  });

  it('remembers a bounded number of kinds, whatever names clients ask for', () => {
    const delays = new HedgeDelays(options, manualClock().clock);
    const first = delays.kind('m0', 1);
    for (let i = 1; i <= 1000; i++) delays.kind(`m${i}`, 1);
    assert.notEqual(delays.kind('m0', 1), first);
  });
});
