/** The histogram with logarithmic buckets against sorted values. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, double, property } from 'fast-check';
import { LogHistogram } from '../../src/base/log-histogram.ts';

const scale = { first: 0.5, perDoubling: 8, buckets: 160 };
const step = 2 ** (1 / 8);

describe('LogHistogram', () => {
  it('gives an upper edge at most one step above the exact quantile, and a middle within half a step', () => {
    const values = array(double({ min: 0.6, max: 400_000, noNaN: true }), { minLength: 1, maxLength: 300 });
    check(
      property(values, double({ min: 0.01, max: 1, noNaN: true }), (samples, share) => {
        const histogram = new LogHistogram(scale);
        for (const value of samples) histogram.add(value);
        const sorted = samples.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(sorted.length * share - 1e-6) - 1)] as number;
        const upper = histogram.upperEdge(share) as number;
        const middle = histogram.middle(share) as number;
        assert.ok(upper >= exact * 0.999_999 && upper <= exact * step * 1.000_001, `${upper} for ${exact}`);
        assert.ok(Math.abs(Math.log2(middle / exact)) <= 1 / 16 + 1e-6, `${middle} for ${exact}`);
      }),
    );
  });

  it('keeps what is below its first edge and above its last in the outermost buckets', () => {
    const histogram = new LogHistogram(scale);
    for (const value of [0, 0.1, 0.5]) histogram.add(value);
    assert.equal(histogram.upperEdge(1), 0.5);
    histogram.add(1e30);
    assert.equal(histogram.upperEdge(1), 0.5 * 2 ** (159 / 8));
  });

  it('is empty when it begins, when it was cleared, and since a copy of itself', () => {
    const histogram = new LogHistogram(scale);
    assert.equal(histogram.upperEdge(0.5), undefined);
    histogram.add(3);
    assert.equal(histogram.since(histogram.copy()).middle(0.5), undefined);
    histogram.clear();
    assert.equal(histogram.total, 0);
    assert.equal(histogram.middle(0.5), undefined);
  });

  it('counts what it was scaled by, so that newer values weigh more', () => {
    const histogram = new LogHistogram(scale);
    for (let i = 0; i < 8; i++) histogram.add(100);
    histogram.scale(1 / 4);
    assert.equal(histogram.total, 2);
    for (let i = 0; i < 3; i++) histogram.add(1);
    assert.equal(histogram.upperEdge(0.5), 1);
  });
});
