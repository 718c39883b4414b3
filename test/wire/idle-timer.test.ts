/** A time-out that is moved. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdleTimer } from '../../src/wire/socket/idle-timer.ts';
import { fakeTime } from '../support/index.ts';

describe('patience', () => {
  it('ends at the newest time, sooner or later than the one before, and not while it rests', (t) => {
    const time = fakeTime(t);
    const pass = (ms: number): void => {
      time.advance(ms);
    };
    let ends = 0;
    const patience = new IdleTimer(() => ends++);
    patience.expectWithin(10);
    pass(5);
    patience.expectWithin(10);
    pass(9);
    assert.equal(ends, 0);
    pass(1);
    assert.equal(ends, 1);

    patience.expectWithin(100);
    patience.expectWithin(10);
    pass(10);
    assert.equal(ends, 2);

    patience.expectWithin(10);
    patience.rest();
    pass(50);
    assert.equal(ends, 2);
    patience.expectWithin(10);
    pass(10);
    assert.equal(ends, 3);

    patience.expectWithin(10);
    patience.end();
    pass(50);
    assert.equal(ends, 3);
  });
});
