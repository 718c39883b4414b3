/**
 * Errors of HTTP servers: held against one that alone gives them, and against none of those to whom a client brings
 * them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorShares } from '../../../src/fleet/http/error-shares.ts';
import { manualClock } from '../../support/index.ts';
import { seeded } from '../../support/random.ts';

const options = { minCalls: 20 };

describe('errors of HTTP servers', () => {
  it('of a server that answers nothing else speak against it once there are enough of both', () => {
    const { clock, advance } = manualClock();
    const shares = new ErrorShares(() => options, clock);
    const held: boolean[] = [];
    for (let i = 0; i < 30; i++) {
      advance(10);
      shares.count('good', false);
      held.push(shares.count('bad', true));
    }
    assert.equal(held.indexOf(true), 19);
    assert.equal(held.slice(19).every(Boolean), true);
    // and not after its health check has said that it is well again
    shares.clear('bad');
    assert.equal(shares.count('bad', true), false);
  });

  it('of a fleet that all give them speak against nobody, nor do those of the only server', () => {
    const { clock, advance } = manualClock();
    const shares = new ErrorShares(() => options, clock);
    for (let i = 0; i < 1000; i++) {
      advance(5);
      for (const server of ['a', 'b', 'c']) assert.equal(shares.count(server, true), false);
    }
    const alone = new ErrorShares(() => options, clock);
    for (let i = 0; i < 1000; i++) assert.equal(alone.count('a', true), false);
  });

  it('are forgotten after ten seconds', () => {
    const { clock, advance } = manualClock();
    const shares = new ErrorShares(() => options, clock);
    for (let i = 0; i < 40; i++) shares.count(i % 2 === 0 ? 'good' : 'bad', i % 2 === 1);
    assert.equal(shares.count('bad', true), true);
    advance(11_000);
    assert.equal(shares.count('bad', true), false);
  });

  for (const percent of [10, 30, 50, 70, 90])
    it(`of a client that provokes ${percent} % of all answers, for an hour, speak against nobody`, () => {
      const { clock, advance } = manualClock();
      const random = seeded(7);
      const shares = new ErrorShares(() => options, clock);
      // eight a second, so that windows are small and chance is large
      for (let i = 0; i < 8 * 3600; i++) {
        advance(125);
        const server = random() < 0.5 ? 'a' : 'b';
        assert.equal(shares.count(server, random() * 100 < percent), false);
      }
    });
});
