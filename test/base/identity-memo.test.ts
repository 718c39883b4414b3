/** What is remembered by a list's identity: only what is made of lists that come again. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { markReused, isReused, memoizeByIdentity } from '../../src/base/identity-memo.ts';

it('remembers what it made of a list that recurs, and makes the rest anew', () => {
  const copy = memoizeByIdentity((list) => [...list]);
  const once = ['a', 'b'];
  assert.notEqual(copy(once), copy(once));
  assert.equal(isReused(copy(once)), false);
  const again = markReused(['a', 'b']);
  assert.equal(copy(again), copy(again));
  assert.equal(isReused(copy(again)), true);
  markReused(once);
  assert.equal(copy(once), copy(once));
});
