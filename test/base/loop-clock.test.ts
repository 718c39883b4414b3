/** The clock that stands still for a turn of the event loop. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { createTurnClock, monotonic } from '../../src/base/loop-clock.ts';

describe('the clock of a turn', () => {
  it('is looked at once a turn', () => {
    let looks = 0;
    const ends: (() => void)[] = [];
    const clock = createTurnClock(
      () => ++looks,
      (end) => ends.push(end),
    );
    assert.deepEqual([clock(), clock(), clock()], [1, 1, 1]);
    assert.equal(ends.length, 1);
    ends.shift()?.();
    assert.deepEqual([clock(), clock()], [2, 2]);
    assert.equal(ends.length, 1);
  });

  it('ends with the immediates of the turn, which come before the process waits for input', async () => {
    monotonic();
    // behind the clock's own; a timer would not do, since one that is late rings before them
    await new Promise((resolve) => setImmediate(resolve));
    const afterMs = performance.now();
    assert.ok(monotonic() >= afterMs);
  });
});
