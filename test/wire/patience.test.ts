/** A time-out that is moved. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { IdleTimer } from '../../src/wire/socket/idle-timer.ts';

describe('patience', () => {
  it('ends at the newest time, sooner or later than the one before, and not while it rests', (t) => {
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    let ends = 0;
    const patience = new IdleTimer(() => ends++);
    const pass = (ms: number): void => {
      for (let i = 0; i < ms; i++) {
        now++;
        mock.timers.tick(1);
      }
    };
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
