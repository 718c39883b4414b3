/** The latency digest and the book that is made of them, on a clock of their own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, double, property } from 'fast-check';
import { LatencyDigest } from '../../../src/filters/latencies/digest.ts';
import { LatencyStats } from '../../../src/filters/latencies/latency-stats.ts';
import { manualClock } from '../../support/index.ts';

describe('LatencyDigest', () => {
  it('gives quantiles that are never too low and at most a fifth too high', () => {
    check(
      property(
        array(double({ min: 0.25, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        double({ min: 0.01, max: 1, noNaN: true }),
        (samples, share) => {
          const digest = new LatencyDigest(1000, manualClock().clock);
          for (const ms of samples) digest.record(ms);
          const sorted = samples.toSorted((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(sorted.length * share - 1e-6) - 1)] as number;
          const given = digest.quantile(share) as number;
          assert.ok(given >= exact * 0.999 && given <= exact * 1.19, `${given} for ${exact}`);
        },
      ),
    );
  });

  it('forgets: what was half a life ago counts half, what was long ago not at all', () => {
    const { clock, advance } = manualClock();
    const digest = new LatencyDigest(1000, clock);
    for (let i = 0; i < 8; i++) digest.record(500);
    assert.equal(digest.weight, 8);
    advance(1000);
    assert.equal(digest.weight, 4);
    for (let i = 0; i < 12; i++) digest.record(2);
    assert.equal(digest.quantile(0.5), 2);
    advance(60_000);
    assert.equal(digest.weight, 0);
    assert.equal(digest.quantile(0.5), undefined);
  });

  it('takes times beyond its last bucket', () => {
    const digest = new LatencyDigest(1000, manualClock().clock);
    digest.record(1e12);
    digest.record(0);
    assert.ok((digest.quantile(1) as number) > 3_500_000);
  });
});

describe('LatencyBook', () => {
  /** The answers of backends that have answered before. */
  function fill(book: TestBook, backends: Readonly<Record<string, number>>, bytes = 100): void {
    const kind = book.kind({ model: 'm' }, bytes);
    for (const backend of Object.keys(backends)) kind.answered(backend, 1);
    book.advance(Math.max(...Object.values(backends)));
    for (const [backend, ms] of Object.entries(backends))
      for (let i = 0; i < 20; i++) kind.answered(backend, ms);
  }
  type TestBook = LatencyStats & { advance(ms: number): void };
  const newBook = (): TestBook => {
    const { clock, advance } = manualClock();
    return Object.assign(new LatencyStats(0.95, clock), { advance });
  };

  it('says nothing while little is known', () => {
    const book = newBook();
    assert.equal(book.find({ model: 'm' }, 100), undefined);
    book.kind({ model: 'm' }, 100).answered('a', 5);
    assert.equal(book.kind({ model: 'm' }, 100).usualMs, undefined);
    assert.equal(book.kind({ model: 'm' }, 100).leastMs, 0);
  });

  it('takes the typical backend: one slow of three, or of two, is not usual', () => {
    const three = newBook();
    fill(three, { a: 2, b: 4, c: 900 });
    assert.equal(three.kind({ model: 'm' }, 100).usualMs, 4);
    const two = newBook();
    fill(two, { a: 2, b: 900 });
    assert.equal(two.kind({ model: 'm' }, 100).usualMs, 2);
  });

  it('finds a fleet usual that is slow as a whole', () => {
    const book = newBook();
    fill(book, { a: 800, b: 900, c: 1000 });
    const { usualMs = 0, leastMs } = book.kind({ model: 'm' }, 100);
    assert.ok(usualMs >= 900 && usualMs < 1080, `${usualMs} ms`);
    assert.equal(leastMs, 800);
  });

  it('knows the fastest answer of the last second or two, and counts no attempt that was given up', () => {
    const { clock, advance } = manualClock();
    const kind = new LatencyStats(0.95, clock).kind({ model: 'm' }, 1);
    const answer = (ms: number): void => {
      for (let i = 0; i < 10; i++) kind.answered('a', ms);
    };
    kind.answered('a', 1);
    advance(50);
    answer(50);
    advance(900);
    answer(400);
    advance(100);
    answer(400);
    kind.gaveUp('b', 3);
    assert.equal(kind.leastMs, 50);
    advance(1000);
    answer(300);
    advance(900);
    answer(300);
    advance(150);
    answer(300);
    assert.equal(kind.leastMs, 300);
  });

  it('says nothing of the fastest answer a quarter of a second after the last one: there may be no queue any more', () => {
    const book = newBook();
    fill(book, { a: 300 });
    book.advance(250);
    assert.equal(book.kind({ model: 'm' }, 100).leastMs, 300);
    book.advance(1);
    assert.equal(book.kind({ model: 'm' }, 100).leastMs, 0);
  });

  it('learns nothing from calls that were sent before the first answer, however many they are', () => {
    const book = newBook();
    const kind = book.kind({ model: 'm' }, 100);
    // 64 calls at once; the first takes two seconds, the others wait behind it
    book.advance(2000);
    for (let i = 0; i < 64; i++) {
      kind.answered('a', 2000 + i * 21);
      assert.equal(kind.leastMs, 0);
      book.advance(21);
    }
    book.advance(250);
    assert.equal(kind.usualMs, undefined);
    // those that were sent since
    for (let i = 0; i < 20; i++) {
      kind.answered('a', 42);
      book.advance(21);
    }
    assert.equal(kind.leastMs, 42);
    book.advance(250);
    assert.ok(Math.abs((kind.usualMs ?? 0) - 42) < 9, `${kind.usualMs}`);
  });

  it('takes the first answer after a long silence for a first one again', () => {
    const book = newBook();
    fill(book, { a: 20 });
    const before = book.kind({ model: 'm' }, 100).usualMs ?? 0;
    assert.ok(before >= 20 && before < 24, `${before}`);
    book.advance(13_000);
    for (let i = 0; i < 64; i++) book.kind({ model: 'm' }, 100).answered('a', 2000);
    book.advance(250);
    assert.equal(book.kind({ model: 'm' }, 100).leastMs, 0);
    const { usualMs } = book.kind({ model: 'm' }, 100);
    assert.ok(usualMs === undefined || usualMs === before, `${usualMs}`);
  });

  it('learns of a model that really takes two seconds', () => {
    const book = newBook();
    const kind = book.kind({ model: 'm' }, 100);
    for (let i = 0; i < 30; i++) {
      book.advance(500);
      for (const backend of ['a', 'b', 'c']) kind.answered(backend, 2000);
    }
    assert.ok((kind.usualMs ?? 0) >= 2000, `${kind.usualMs}`);
  });

  it('does not hold a large request against small ones', () => {
    const book = newBook();
    fill(book, { a: 2, b: 2 }, 100);
    fill(book, { a: 512, b: 512 }, 2 ** 24);
    assert.equal(book.kind({ model: 'm' }, 100).usualMs, 2);
    assert.equal(book.kind({ model: 'm' }, 2 ** 24).usualMs, 512);
  });

  it('remembers a bounded number of kinds, whatever names clients ask for', () => {
    const book = newBook();
    book.kind({ model: 'm0' }, 1);
    for (let i = 1; i <= 1000; i++) book.kind({ model: `m${i}` }, 1);
    assert.equal(book.find({ model: 'm0' }, 1), undefined);
    assert.notEqual(book.find({ model: 'm1000' }, 1), undefined);
  });

  it('holds a model of one fleet against none of another', () => {
    const book = new LatencyStats(0.95, manualClock().clock);
    const there = book.kind({ fleet: 'a', model: 'm' }, 1);
    assert.notEqual(book.kind({ model: 'm' }, 1), there);
    assert.notEqual(book.kind({ fleet: 'b', model: 'm' }, 1), there);
    assert.equal(book.kind({ fleet: 'a', model: 'm' }, 1), there);
    // names that clients make up push out none that the configuration has
    for (let i = 0; i <= 1000; i++) book.kind({ model: `m${i}` }, 1);
    assert.equal(book.find({ fleet: 'a', model: 'm' }, 1), there);
  });
});
