/** The concurrency limit against a simulated backend with so many places and a queue without end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConcurrencyLimit } from '../../../src/fleet/balance/concurrency.ts';
import { manualClock } from '../../support/index.ts';

/**
 * A closed loop: as many calls as the limit allows are always at the backend, which works on `places` of them at a
 * time.
 * @returns the calls that it finished each second
 */
function run(
  limit: ConcurrencyLimit,
  advance: (ms: number) => void,
  places: number,
  serviceMs: number,
  seconds: number,
): number {
  let done = 0;
  for (let ms = 0; ms < seconds * 1000;) {
    const inFlight = limit.limit;
    const tookMs = serviceMs * Math.max(1, inFlight / places);
    const finished = Math.min(inFlight, places);
    for (let i = 0; i < finished; i++) limit.ended('m', tookMs, inFlight);
    done += finished;
    ms += serviceMs;
    advance(serviceMs);
  }
  return done / seconds;
}

/**
 * The same with a server that batches: what waits when a batch is done, 32 calls at most, is the next one, and takes
 * 10 ms and a quarter of one for each call. New calls wait for the batch under way first.
 */
function runBatches(limit: ConcurrencyLimit, advance: (ms: number) => void, seconds: number): number {
  let done = 0;
  for (let ms = 0; ms < seconds * 1000;) {
    const inFlight = limit.limit;
    const size = Math.min(32, Math.ceil(inFlight / 2));
    const batchMs = 10 + size / 4;
    advance(batchMs);
    ms += batchMs;
    for (let i = 0; i < size; i++) limit.ended('m', 2 * batchMs, inFlight);
    done += size;
  }
  return done / seconds;
}

const options = { maxInFlight: 64, quickMs: 0, minInFlight: 4, adaptive: true };

interface Result {
  readonly perSecond: number;
  readonly limit: number;
}

describe('ConcurrencyLimit', () => {
  it('is what is configured when it is not adaptive', () => {
    const { clock, advance } = manualClock();
    const limit = new ConcurrencyLimit({ ...options, adaptive: false }, clock);
    run(limit, advance, 2, 20, 30);
    assert.equal(limit.limit, 64);
  });

  it('grows with the pace of a backend that is quick, if that is allowed and it is not adaptive', () => {
    for (const [quickMs, adaptive, most] of [
      [20, false, 200],
      [0, false, 64],
      [20, true, 64],
    ] as const) {
      const { clock, advance } = manualClock();
      const limit = new ConcurrencyLimit({ ...options, quickMs, adaptive }, clock);
      for (let ms = 0; ms < 3000; ms++) {
        advance(1);
        for (let i = 0; i < 10; i++) {
          limit.answered();
          limit.ended('m', 5, 50);
        }
      }
      assert.equal(limit.limit, most);
      advance(1000);
      assert.ok(limit.limit <= 64, 'it is silent now');
    }
  });

  for (const places of [1, 4, 16]) {
    it(`settles near twice the ${places} places that the backend has, without leaving one idle`, () => {
      const { clock, advance } = manualClock();
      const limit = new ConcurrencyLimit(options, clock);
      // what an idle backend takes is seen first
      for (let i = 0; i < 20; i++) limit.ended('m', 20, 1);
      run(limit, advance, places, 20, 30);
      const perSecond = run(limit, advance, places, 20, 30);
      assert.ok(perSecond >= (0.95 * places * 1000) / 20, `${perSecond} calls a second`);
      assert.ok(limit.limit >= places && limit.limit <= Math.max(12, places * 4), `limit ${limit.limit}`);
    });
  }

  it('stays at its most while the backend has places for all', () => {
    const { clock, advance } = manualClock();
    const limit = new ConcurrencyLimit(options, clock);
    run(limit, advance, 1000, 20, 30);
    assert.equal(limit.limit, 64);
  });

  it('comes to terms with a model that has become slower for good', () => {
    const { clock, advance } = manualClock();
    const limit = new ConcurrencyLimit(options, clock);
    run(limit, advance, 64, 10, 10);
    run(limit, advance, 64, 100, 200);
    assert.ok(limit.limit > 32, `limit ${limit.limit}`);
  });

  it('takes the line of a server that batches for trouble, which is why it is not adaptive by default', (t) => {
    const [fixed, adaptive] = [false, true].map((isAdaptive) => {
      const { clock, advance } = manualClock();
      const limit = new ConcurrencyLimit({ ...options, adaptive: isAdaptive }, clock);
      for (let i = 0; i < 20; i++) limit.ended('m', 10.25, 1);
      runBatches(limit, advance, 30);
      return { perSecond: runBatches(limit, advance, 30), limit: limit.limit };
    }) as [Result, Result];
    t.diagnostic(JSON.stringify({ fixed, adaptive }));
    assert.ok(adaptive.perSecond < fixed.perSecond, JSON.stringify({ fixed, adaptive }));
  });

  it('is not spoilt by a first answer of two seconds, nor by a stall of two seconds later', () => {
    const { clock, advance } = manualClock();
    const limit = new ConcurrencyLimit(options, clock);
    const least: number[] = [];
    // all that were sent meanwhile waited behind it
    advance(2000);
    for (let i = 0; i < 16; i++) limit.ended('m', 2000, 16);
    for (let second = 0; second < 10; second++) {
      run(limit, advance, 64, 20, 1);
      least.push(limit.limit);
    }
    assert.ok(Math.min(...least) >= 16, least.join());
    assert.equal(limit.limit, 64);
    advance(2000);
    for (let i = 0; i < 64; i++) limit.ended('m', 2000, 64);
    // one window is one step down, and it is made up for
    assert.ok(limit.limit >= 44, `limit ${limit.limit}`);
    run(limit, advance, 64, 20, 5);
    assert.equal(limit.limit, 64);
  });

  for (const at of ['first', 'later'])
    it(`is not shrunk for good by one answer that is twenty times quicker than the others, ${at}`, () => {
      const { clock, advance } = manualClock();
      const limit = new ConcurrencyLimit(options, clock);
      if (at === 'later') run(limit, advance, 64, 20, 5);
      limit.ended('m', 1, 16);
      run(limit, advance, 64, 20, 5);
      assert.equal(limit.limit, 64);
    });

  it('is not shrunk by large batches among small ones', () => {
    const { clock, advance } = manualClock();
    const limit = new ConcurrencyLimit(options, clock);
    for (let i = 0; i < 5000; i++) {
      limit.ended('m', i % 3 === 0 ? 500 : 5, 60);
      advance(5);
    }
    assert.equal(limit.limit, 64);
  });
});
