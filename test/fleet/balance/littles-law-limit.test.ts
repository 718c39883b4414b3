/** The room of a quick backend, by the pace at which it answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LittlesLawLimit } from '../../../src/fleet/balance/littles-law-limit.ts';
import { manualClock } from '../../support/index.ts';

/** A backend that answers so many calls a second, for so long. @returns its room at the end */
function roomAt(perSecond: number, seconds: number, quickMs = 20): number {
  const { clock, advance } = manualClock();
  const room = new LittlesLawLimit(quickMs, clock);
  for (let ms = 0; ms < seconds * 1000; ms++) {
    advance(1);
    const due = Math.floor((perSecond * (ms + 1)) / 1000) - Math.floor((perSecond * ms) / 1000);
    for (let i = 0; i < due; i++) room.answered();
    assert.ok(room.calls >= 0);
  }
  return room.calls;
}

describe('the room of a quick backend', () => {
  it('is what it answers in the time that is given', () => {
    assert.equal(roomAt(15_000, 1), 300);
    assert.equal(roomAt(100, 1), 2);
    assert.equal(roomAt(15_000, 1, 5), 75);
  });

  it('is bounded, and nothing where no time is given', () => {
    assert.equal(roomAt(10_000_000, 0.3), 1000);
    assert.equal(roomAt(15_000, 1, 0), 0);
  });

  it('is gone a moment after the backend has become slow, or silent', () => {
    const { clock, advance } = manualClock();
    const room = new LittlesLawLimit(20, clock);
    for (let i = 0; i < 1500; i++) room.answered();
    advance(100);
    assert.equal(room.calls, 300);
    advance(50);
    room.answered();
    assert.equal(room.calls, 300);
    advance(100);
    assert.equal(room.calls, 0);
  });
});
