/** What a reload leaves as it is, and when the rest ends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Kept } from '../../../src/gateway/kept.ts';

describe('Kept', () => {
  const ended: string[] = [];
  const end = (value: string, graceful: boolean): void => void ended.push(`${value} ${graceful}`);
  const made = (kept: Kept, what: string, settings: unknown, name: string): string =>
    kept.keep(what, settings, () => name, end);

  it('takes over what has the same settings, makes the rest anew, and ends what nobody has any more', () => {
    const first = new Kept();
    assert.equal(made(first, 'a', { models: new Set(['m']) }, 'a1'), 'a1');
    made(first, 'b', 1, 'b1');
    made(first, 'c', 1, 'c1');
    first.settle();
    const second = new Kept(first);
    assert.equal(made(second, 'a', { models: new Set(['m']) }, 'a2'), 'a1');
    assert.equal(made(second, 'b', 2, 'b2'), 'b2');
    assert.deepEqual(ended, []);
    second.settle();
    assert.deepEqual(ended.splice(0), ['b1 true', 'c1 true']);
    second.close();
    assert.deepEqual(ended.splice(0), ['a1 false', 'b2 false']);
  });

  it('ends only what was made for a configuration that is refused', () => {
    const first = new Kept();
    made(first, 'a', 1, 'a1');
    made(first, 'b', 1, 'b1');
    first.settle();
    const refused = new Kept(first);
    made(refused, 'a', 1, 'a2');
    made(refused, 'b', 2, 'b2');
    refused.undo();
    assert.deepEqual(ended.splice(0), ['b2 true']);
    const next = new Kept(first);
    assert.equal(made(next, 'b', 1, 'b3'), 'b1');
  });
});
