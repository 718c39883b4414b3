/** The clock that stands still for a turn of the event loop. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTurnClock, monotonic } from '../../src/call/turn-clock.ts';

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

  it('never survives a wait for input', async () => {
    const before = monotonic();
    // a blocking wait of the loop itself, which a timer ends
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(monotonic() - before >= 28, `${monotonic() - before} ms`);
  });
});
