/** What is remembered by a list's identity: only what is made of lists that come again. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { recur, recurs, remembered } from '../src/base/identity-memo.ts';

it('remembers what it made of a list that recurs, and makes the rest anew', () => {
  const copy = remembered((list) => [...list]);
  const once = ['a', 'b'];
  assert.notEqual(copy(once), copy(once));
  assert.equal(recurs(copy(once)), false);
  const again = recur(['a', 'b']);
  assert.equal(copy(again), copy(again));
  assert.equal(recurs(copy(again)), true);
  recur(once);
  assert.equal(copy(once), copy(once));
});
