/** Values by model: the same name in two fleets is two models, whatever else clients call theirs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByModel, isSameModel, type ModelRef } from '../../src/call/index.ts';

describe('ByModel', () => {
  it('keeps a model of each fleet apart, and of the default one', () => {
    const refs: readonly ModelRef[] = [
      { model: 'm' },
      { model: 'm', fleet: 'a' },
      { model: 'm', fleet: 'b' },
      { model: 'n', fleet: 'a' },
      // what a client may call its model
      { model: 'a\0m' },
      { model: '\0a\0m' },
    ];
    const values = new ByModel(refs.map((ref, i) => [ref, i]));
    assert.equal(values.size, refs.length);
    assert.deepEqual(
      refs.map((ref) => values.get(ref)),
      refs.map((_, i) => i),
    );
    assert.equal(values.get({ model: 'n' }), undefined);
    assert.equal(values.has({ model: 'n', fleet: 'b' }), false);
    assert.equal(values.has({ model: 'n', fleet: 'a' }), true);
    values.delete({ model: 'm', fleet: 'b' });
    values.delete({ model: 'm', fleet: 'nowhere' });
    assert.equal(values.get({ model: 'm', fleet: 'b' }), undefined);
    assert.equal(values.get({ model: 'm' }), 0);
    assert.equal(values.size, refs.length - 1);
  });

  it('can be gone through while entries go', () => {
    const values = new ByModel<number>([
      [{ model: 'm' }, 1],
      [{ model: 'n' }, 2],
      [{ model: 'm', fleet: 'a' }, 3],
      [{ model: 'm', fleet: 'b' }, 4],
    ]);
    const seen: number[] = [];
    for (const [ref, value] of values.entries()) {
      seen.push(value);
      values.delete(ref);
    }
    assert.deepEqual(seen, [1, 2, 3, 4]);
    assert.equal(values.size, 0);
  });

  it('knows the same model', () => {
    assert.ok(isSameModel({ model: 'm' }, { model: 'm', fleet: undefined }));
    assert.ok(!isSameModel({ model: 'm' }, { model: 'm', fleet: 'a' }));
    assert.ok(!isSameModel({ model: 'm', fleet: 'a' }, { model: 'n', fleet: 'a' }));
  });
});
