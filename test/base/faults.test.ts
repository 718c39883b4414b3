/**
 * The guard: what a listener throws is told and ends what it belongs to, and whoever tells of it cannot make it
 * worse.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { detach, fault, guard, guarded, isFault, onFault } from '../../src/base/faults.ts';

describe('the guard', () => {
  let told: [string, unknown][] = [];
  let stop: () => void;
  beforeEach(() => {
    told = [];
    stop = onFault((where, reason) => told.push([where, reason]));
  });
  afterEach(() => {
    stop();
  });
  const broken = new Error('planted');
  const breaks = (): never => {
    throw broken;
  };

  it('passes arguments on, and tells nothing of a listener that works', () => {
    const seen: unknown[] = [];
    guarded('stream', (a: number, b: string) => seen.push(a, b))(1, 'x');
    assert.deepEqual(seen, [1, 'x']);
    assert.deepEqual(told, []);
  });

  it('tells what a listener throws, and ends what it belongs to with the reason', () => {
    const ended: unknown[] = [];
    guarded('timer', breaks, (reason) => ended.push(reason))();
    assert.deepEqual(told, [['timer', broken]]);
    assert.deepEqual(ended, [broken]);
  });

  it('tells of an end that fails, too', () => {
    const second = new Error('second');
    guard('redis', breaks, () => {
      throw second;
    });
    assert.deepEqual(told, [
      ['redis', broken],
      ['redis', second],
    ]);
  });

  it('tells of the rejection of a promise that nobody waits for', async () => {
    const ended: unknown[] = [];
    detach('backend', Promise.reject(broken), (reason) => ended.push(reason));
    detach('backend', Promise.resolve());
    await new Promise(setImmediate);
    assert.deepEqual(told, [['backend', broken]]);
    assert.deepEqual(ended, [broken]);
  });

  it('goes on with the other listeners when one of them throws', () => {
    const stopFirst = onFault(breaks);
    const seen: unknown[] = [];
    const stopLast = onFault((where) => seen.push(where));
    fault('call', 1);
    stopFirst();
    stopLast();
    assert.deepEqual(told, [['call', 1]]);
    assert.deepEqual(seen, ['call']);
  });

  for (const [name, reason, expected] of [
    ['a TypeError', new TypeError('x is undefined'), true],
    ['a RangeError', new RangeError('offset is out of range'), true],
    ['a ReferenceError', new ReferenceError('x'), true],
    ['something that is no Error', 'text', true],
    [
      'an argument that Node refuses',
      Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' }),
      true,
    ],
    ['an error of the system', Object.assign(new Error('x'), { code: 'ECONNRESET' }), false],
    ['a header that a peer sent', Object.assign(new TypeError('x'), { code: 'ERR_INVALID_CHAR' }), false],
    ['an error of a library', new Error('x'), false],
  ] as const)
    it(`${name} is ${expected ? 'a' : 'no'} fault of the program`, () => {
      assert.equal(isFault(reason), expected);
    });
});
