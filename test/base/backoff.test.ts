/** Waits with jitter, and sliding windows against a plain list of events. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backoffMs, jittered } from '../../src/base/backoff.ts';
import { SlidingWindow } from '../../src/base/sliding-window.ts';

describe('a wait between attempts', () => {
  it('is spread by a fifth to either side', () => {
    assert.deepEqual(
      [0, 0.5, 1].map((at) => Math.round(jittered(1000, () => at))),
      [800, 1000, 1200],
    );
  });

  it('doubles with each failure, up to its limit', () => {
    const waits = [0, 1, 2, 3, 10, 2000].map((failures) => backoffMs(100, 1500, failures, () => 0.5));
    assert.deepEqual(waits, [100, 200, 400, 800, 1500, 1500]);
  });
});

describe('a sliding window', () => {
  it('has every event of its last nine tenths, and none older than itself', () => {
    const events = fc.array(fc.tuple(fc.nat(400), fc.nat(3), fc.nat(3)), { maxLength: 60 });
    fc.assert(
      fc.property(events, (list) => {
        const window = new SlidingWindow(1000);
        let nowMs = 0;
        const told: { atMs: number; first: number; second: number }[] = [];
        for (const [laterMs, first, second] of list) {
          nowMs += laterMs;
          window.add(nowMs, first, second);
          told.push({ atMs: nowMs, first, second });
          const since = (ms: number, count: 'first' | 'second'): number =>
            told.filter(({ atMs }) => atMs > nowMs - ms).reduce((sum, event) => sum + event[count], 0);
          const sums = window.sums(nowMs);
          for (const count of ['first', 'second'] as const)
            assert.ok(
              sums[count] >= since(900, count) && sums[count] <= since(1000, count),
              JSON.stringify(sums),
            );
        }
        window.clear();
        assert.deepEqual(window.sums(nowMs), { first: 0, second: 0 });
      }),
    );
  });
});
