/** How fast a line moves: from how many departures on that is said, and what is kept from being the pace. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, constantFrom, double, property } from 'fast-check';
import { Pace } from '../../../src/filters/queue/pace.ts';

/** Departures after these times, one after the other. */
function paceOf(gaps: readonly number[]): Pace {
  const pace = new Pace();
  let now = 1000;
  pace.left(now);
  for (const gap of gaps) pace.left((now += gap));
  return pace;
}

const each = (gap: number, times: number): number[] => Array.from({ length: times }, () => gap);

describe('Pace', () => {
  it('is not known before two measures of a second each', () => {
    assert.equal(paceOf([]).gapMs, undefined);
    assert.equal(paceOf(each(20, 99)).gapMs, undefined);
    assert.equal(paceOf(each(20, 102)).gapMs, 20);
  });

  it('is not known before twelve departures, however slow they are', () => {
    assert.equal(paceOf(each(2000, 11)).gapMs, undefined);
    assert.equal(paceOf(each(2000, 12)).gapMs, 2000);
    assert.equal(paceOf(each(30_000, 12)).gapMs, 30_000);
  });

  it('is that of the quicker of the last two measures', () => {
    assert.equal(paceOf([...each(2000, 12), ...each(20, 50)]).gapMs, 2000);
    const quicker = paceOf([...each(2000, 12), ...each(20, 52)]).gapMs ?? 0;
    assert.ok(Math.abs(quicker - 20) < 1, `${quicker}`);
    assert.equal(paceOf([...each(20, 102), ...each(2000, 6)]).gapMs, 20);
    assert.equal(paceOf([...each(20, 102), ...each(2000, 12)]).gapMs, 2000);
  });

  it('is not that of a pause, however long', () => {
    for (const pause of [500, 2000, 60_000]) {
      const { gapMs } = paceOf([pause, ...each(20, 2000)]);
      assert.ok(gapMs !== undefined && Math.abs(gapMs - 20) < 1e-9, `${gapMs} ms after ${pause} ms`);
      const later = paceOf([...each(20, 130), pause, ...each(20, 2000)]).gapMs;
      assert.ok(later !== undefined && Math.abs(later - 20) < 1e-9, `${later} ms around ${pause} ms`);
    }
  });

  it('is that of a server that works on batches, within a quarter', () => {
    for (const [size, periodMs] of [
      [4, 100],
      [12, 100],
      [64, 500],
      [64, 2000],
    ] as const) {
      const gaps = each(0, 40).flatMap(() => [...each(0, size - 1), periodMs]);
      const { gapMs = 0 } = paceOf(gaps);
      const real = periodMs / size;
      assert.ok(gapMs <= real * 1.01 && gapMs >= real * 0.7, `${gapMs} of ${real} ms`);
    }
  });

  it('is never slower than four times the mean of what it was made of, whatever comes', () => {
    const anyGap = constantFrom(0, 1, 20, 100, 2000, 30_000);
    check(
      property(
        array(anyGap, { maxLength: 300 }),
        double({ min: 0.1, max: 3, noNaN: true }),
        (gaps, scale) => {
          const scaled = gaps.map((gap) => gap * scale);
          const { gapMs } = paceOf(scaled);
          if (gapMs === undefined) return;
          assert.ok(gapMs >= 0 && gapMs <= Math.max(...scaled), `${gapMs}`);
        },
      ),
    );
  });
});
