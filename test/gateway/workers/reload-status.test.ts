/** What several workers say of reloads, as one answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReloadOutcomes } from '../../../src/gateway/workers/reload-status.ts';

describe('reloads of several workers', () => {
  it('begin with a start, which is one that worked', () => {
    assert.deepEqual(new ReloadOutcomes(1000).status, { acceptedAt: 1000 });
  });

  it('are refused as long as one worker has not taken what is in force', () => {
    const outcomes = new ReloadOutcomes(0);
    outcomes.refused(1, 10_000, 'wrong');
    outcomes.refused(2, 10_900, 'wrong');
    // one refusal, seen twice
    assert.deepEqual(outcomes.status, { acceptedAt: 0, refused: { at: 10_000, message: 'wrong' } });
    outcomes.accepted(1, 20_000);
    assert.deepEqual(outcomes.status, { acceptedAt: 20_000, refused: { at: 10_000, message: 'wrong' } });
    outcomes.accepted(2, 20_100);
    assert.deepEqual(outcomes.status, { acceptedAt: 20_100 });
  });

  it('show the newest refusal, and the same one again when somebody has tried again', () => {
    const outcomes = new ReloadOutcomes(0);
    outcomes.refused(1, 10_000, 'wrong');
    outcomes.refused(2, 10_500, 'wrong otherwise');
    assert.equal(outcomes.status.refused?.message, 'wrong otherwise');
    outcomes.refused(1, 60_000, 'wrong');
    assert.deepEqual(outcomes.status.refused, { at: 60_000, message: 'wrong' });
  });

  it('forget what a worker said that has ended', () => {
    const outcomes = new ReloadOutcomes(0);
    outcomes.refused(1, 10_000, 'wrong');
    outcomes.refused(2, 10_000, 'wrong');
    assert.equal(outcomes.ended(1), true);
    assert.equal(outcomes.ended(3), false);
    assert.deepEqual(outcomes.status.refused, { at: 10_000, message: 'wrong' });
    outcomes.ended(2);
    assert.deepEqual(outcomes.status, { acceptedAt: 0 });
  });

  it('keep a sentence of bounded length', () => {
    const outcomes = new ReloadOutcomes(0);
    outcomes.refused(1, 0, 'x'.repeat(10 ** 6));
    assert.ok((outcomes.status.refused?.message.length ?? 0) < 20_000);
  });
});
