/** Places of an HTTP fleet while some want them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatusError } from '../../../src/base/status.ts';
import type { HttpHolder } from '../../../src/call/index.ts';
import { Shares } from '../../../src/fleet/http/shares.ts';
import { manualClock } from '../../support/index.ts';

interface Holder extends HttpHolder {
  behindMs: number;
  lost: StatusError | undefined;
}

const holder = (peer: string): Holder => ({
  peer,
  behindMs: 0,
  lost: undefined,
  evict(reason) {
    this.lost = reason;
  },
});
const nothing = (): void => undefined;

describe('shares of an HTTP fleet', () => {
  it('are everything for one client alone, and what is fair once another wants some', () => {
    const { clock, advance } = manualClock();
    const shares = new Shares(() => false, clock);
    const back = Array.from({ length: 8 }, () => shares.take(holder('192.0.2.1:1'), nothing));
    assert.equal(shares.hasEnough(holder('192.0.2.1:9'), 8), false);
    shares.refused(holder('192.0.2.1:9'));
    assert.equal(shares.hasEnough(holder('192.0.2.1:9'), 8), false);
    shares.refused(holder('192.0.2.2:1'));
    assert.equal(shares.hasEnough(holder('192.0.2.1:9'), 8), true);
    assert.equal(shares.hasEnough(holder('192.0.2.2:1'), 8), false);
    // half of the places each
    for (const each of back.splice(0, 5)) each();
    assert.equal(shares.hasEnough(holder('192.0.2.1:9'), 8), false);
    const mine = shares.take(holder('192.0.2.1:9'), nothing);
    assert.equal(shares.hasEnough(holder('192.0.2.1:9'), 8), true);
    // who got one, or does not come again, wants no more
    advance(2001);
    assert.equal(shares.hasEnough(holder('192.0.2.1:9'), 8), false);
    for (const each of [...back, mine]) each();
    shares.refused(holder('192.0.2.2:1'));
    shares.take(holder('192.0.2.2:1'), nothing);
    assert.equal(shares.hasEnough(holder('192.0.2.1:9'), 1), false);
  });

  it('are those of connections behind a trusted proxy', () => {
    const { clock } = manualClock();
    const shares = new Shares((address) => address === '10.0.0.1', clock);
    for (let i = 0; i < 4; i++) shares.take(holder('10.0.0.1:1'), nothing);
    shares.refused(holder('10.0.0.1:2'));
    assert.equal(shares.hasEnough(holder('10.0.0.1:1'), 4), true);
    assert.equal(shares.hasEnough(holder('10.0.0.1:2'), 4), false);
  });

  it('give back the place of whoever is furthest behind with a body', () => {
    const { clock } = manualClock();
    const shares = new Shares(() => false, clock);
    const [quick, slow, slower] = [holder('192.0.2.1:1'), holder('192.0.2.1:2'), holder('192.0.2.1:3')];
    const ended: Holder[] = [];
    const give = new Map<Holder, () => void>();
    for (const each of [quick, slow, slower])
      give.set(
        each,
        shares.take(each, () => {
          ended.push(each);
          give.get(each)?.();
        }),
      );
    assert.equal(shares.stalled(), undefined);
    slow.behindMs = 1500;
    slower.behindMs = 2500;
    for (const expected of [slower, slow]) {
      const found = shares.stalled();
      assert.equal(found?.holder, expected);
      found.end();
    }
    assert.equal(shares.stalled(), undefined);
    assert.deepEqual(ended, [slower, slow]);
  });
});
