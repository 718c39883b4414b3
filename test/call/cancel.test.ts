/** Who is told of a cancellation, against a plain set of listeners. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Code, StatusError } from '../../src/base/status.ts';
import { Cancellation } from '../../src/call/index.ts';

describe('a cancellation', () => {
  it('tells those who listen then, each once, and those who come later at once', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ who: fc.nat(4), listens: fc.boolean() })), (steps) => {
        const told: number[] = [0, 0, 0, 0, 0];
        const listeners = told.map((_, i) => ({ onCancelled: () => void (told[i] = (told[i] ?? 0) + 1) }));
        const cancellation = new Cancellation();
        const listening = new Set<number>();
        for (const { who, listens } of steps) {
          const listener = listeners[who] as (typeof listeners)[0];
          if (listens && !listening.has(who)) cancellation.listen(listener);
          if (!listens) cancellation.unlisten(listener);
          if (listens) listening.add(who);
          else listening.delete(who);
        }
        cancellation.cancel();
        cancellation.cancel();
        assert.deepEqual(
          told,
          told.map((_, i) => (listening.has(i) ? 1 : 0)),
        );
        let late = 0;
        const stop = cancellation.onCancel(() => void late++);
        stop();
        assert.equal(late, 1);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it('keeps its first reason', () => {
    const cancellation = new Cancellation();
    const seen: string[] = [];
    cancellation.onCancel((reason) => seen.push(reason.message));
    cancellation.cancel(new StatusError(Code.ABORTED, 'first'));
    cancellation.cancel(new StatusError(Code.ABORTED, 'second'));
    assert.deepEqual(seen, ['first']);
    assert.equal(cancellation.reason?.message, 'first');
  });
});
