/** The latency digest and the book that is made of them, on a clock of their own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assert as check, array, double, property } from 'fast-check';
import { LatencyBook } from '../../../src/filters/latencies/book.ts';
import { LatencyDigest } from '../../../src/filters/latencies/digest.ts';
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
  function fill(book: LatencyBook, backends: Readonly<Record<string, number>>, bytes = 100): void {
    for (const [backend, ms] of Object.entries(backends))
      for (let i = 0; i < 20; i++) book.kind('m', bytes).answered(backend, ms);
  }
  const newBook = (): LatencyBook => new LatencyBook(0.95, manualClock().clock);

  it('says nothing while little is known', () => {
    const book = newBook();
    assert.equal(book.find('m', 100), undefined);
    book.kind('m', 100).answered('a', 5);
    assert.equal(book.kind('m', 100).usualMs, undefined);
    assert.equal(book.kind('m', 100).leastMs, 0);
  });

  it('takes the typical backend: one slow of three, or of two, is not usual', () => {
    const three = newBook();
    fill(three, { a: 2, b: 4, c: 900 });
    assert.equal(three.kind('m', 100).usualMs, 4);
    const two = newBook();
    fill(two, { a: 2, b: 900 });
    assert.equal(two.kind('m', 100).usualMs, 2);
  });

  it('finds a fleet usual that is slow as a whole', () => {
    const book = newBook();
    fill(book, { a: 800, b: 900, c: 1000 });
    const { usualMs = 0, leastMs } = book.kind('m', 100);
    assert.ok(usualMs >= 900 && usualMs < 1080, `${usualMs} ms`);
    assert.equal(leastMs, 800);
  });

  it('knows the fastest answer of the last second or two, and counts no attempt that was given up', () => {
    const { clock, advance } = manualClock();
    const kind = new LatencyBook(0.95, clock).kind('m', 1);
    const answer = (ms: number): void => {
      for (let i = 0; i < 10; i++) kind.answered('a', ms);
    };
    answer(50);
    advance(1000);
    answer(400);
    kind.gaveUp('b', 3);
    assert.equal(kind.leastMs, 50);
    advance(1000);
    answer(300);
    assert.equal(kind.leastMs, 300);
    advance(1000);
    assert.equal(kind.leastMs, 300);
    advance(2000);
    assert.equal(kind.leastMs, 0);
  });

  it('does not hold a large request against small ones', () => {
    const book = newBook();
    fill(book, { a: 2, b: 2 }, 100);
    fill(book, { a: 512, b: 512 }, 2 ** 24);
    assert.equal(book.kind('m', 100).usualMs, 2);
    assert.equal(book.kind('m', 2 ** 24).usualMs, 512);
  });

  it('remembers a bounded number of kinds, whatever names clients ask for', () => {
    const book = newBook();
    book.kind('m0', 1);
    for (let i = 1; i <= 1000; i++) book.kind(`m${i}`, 1);
    assert.equal(book.find('m0', 1), undefined);
    assert.notEqual(book.find('m1000', 1), undefined);
  });
});
