/** The waits between connection attempts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReconnectBackoff } from '../../../src/fleet/connection/reconnect-backoff.ts';
import { type FakeTime, fakeTime } from '../../support/fake-time.ts';
import { manualClock } from '../../support/index.ts';

/** How long the next attempt is put off, in ms. */
function waitOf(redials: ReconnectBackoff, time: FakeTime): number {
  let called = false;
  let ms = 0;
  redials.next(() => (called = true));
  for (; !called; ms++) time.advance(1);
  return ms;
}

describe('connection attempts', () => {
  it('are put off longer with every failure in a row, up to a second', (t) => {
    const time = fakeTime(t);
    const redials = new ReconnectBackoff(manualClock().clock, () => 0.5);
    const waits = Array.from({ length: 8 }, () => {
      redials.failed();
      return waitOf(redials, time);
    });
    assert.deepEqual(waits, [25, 50, 100, 200, 400, 800, 1000, 1000]);
  });

  it('are spread by a fifth either way', (t) => {
    const time = fakeTime(t);
    const waits = [0, 1].map((random) => {
      const redials = new ReconnectBackoff(manualClock().clock, () => random);
      for (let i = 0; i < 10; i++) redials.failed();
      return waitOf(redials, time);
    });
    assert.deepEqual(waits, [800, 1200]);
  });

  it('are made at once after a connection that was of use, and put off after one that only came and went', (t) => {
    const time = fakeTime(t);
    const { clock, advance } = manualClock();
    const redials = new ReconnectBackoff(clock, () => 0.5);
    redials.failed();
    redials.failed();
    advance(50);
    redials.ended(true);
    assert.equal(waitOf(redials, time), 0);
    redials.ended(false);
    assert.equal(waitOf(redials, time), 25);
  });
});
