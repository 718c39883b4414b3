/** The token bucket on a clock of its own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TokenBucket } from '../../src/base/token-bucket.ts';
import { manualClock } from '../support/index.ts';

const takes = (bucket: TokenBucket, events: number): number =>
  Array.from({ length: events }, () => bucket.take()).filter(Boolean).length;

describe('TokenBucket', () => {
  it('lets the burst pass at once, and its rate from then on', () => {
    const { clock, advance } = manualClock();
    const bucket = new TokenBucket(5, 10, clock);
    assert.equal(takes(bucket, 20), 5);
    advance(99);
    assert.equal(takes(bucket, 20), 0);
    advance(1);
    assert.equal(takes(bucket, 20), 1);
    advance(250);
    assert.equal(takes(bucket, 20), 2, 'half a token stays');
    advance(50);
    assert.equal(takes(bucket, 20), 1);
  });

  it('holds no more than the burst, however long nothing comes and whatever is given back', () => {
    const { clock, advance } = manualClock();
    const bucket = new TokenBucket(3, 10, clock);
    assert.equal(takes(bucket, 20), 3);
    advance(60_000);
    assert.equal(takes(bucket, 20), 3);
    bucket.give(2);
    assert.equal(takes(bucket, 20), 2);
    bucket.give(100);
    assert.equal(takes(bucket, 20), 3);
  });

  it('lets no second burst follow the first one after a pause, when it was full all the time', () => {
    const { clock, advance } = manualClock();
    const bucket = new TokenBucket(5, 10, clock);
    advance(60_000);
    assert.equal(takes(bucket, 20), 5);
  });

  it('never gives a token without a burst', () => {
    const { clock, advance } = manualClock();
    const bucket = new TokenBucket(0, 100, clock);
    advance(10_000);
    assert.equal(takes(bucket, 20), 0);
  });
});
