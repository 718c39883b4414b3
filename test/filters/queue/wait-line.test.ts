/** The order and the bounds of a line of waiting calls. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, constant, constantFrom, oneof, property } from 'fast-check';
import { priorities, type Priority, WaitLine } from '../../../src/filters/queue/wait-line.ts';

describe('WaitLine', () => {
  it('serves by priority, then by arrival', () => {
    const line = new WaitLine<string>(10);
    line.add('low', 'low');
    line.add('one', 'normal');
    line.add('two', 'normal');
    line.add('high', 'high');
    const served: string[] = [];
    for (let item = line.first(); item !== undefined; item = line.first()) {
      served.push(item);
      line.delete(item);
    }
    assert.deepEqual(served, ['high', 'one', 'two', 'low']);
  });

  it('sends away the last of the lowest priority when it is full, or the newcomer', () => {
    const line = new WaitLine<string>(2);
    line.add('a', 'normal');
    line.add('b', 'low');
    assert.equal(line.add('c', 'low'), 'c');
    assert.equal(line.add('d', 'high'), 'b');
    assert.equal(line.add('e', 'high'), 'a');
    assert.equal(line.add('f', 'high'), 'f');
    assert.equal(line.length, 2);
  });

  it('never holds more than its bound, loses nobody unsaid, and never serves a lower priority first', () => {
    const arrival = constantFrom(...priorities);
    check(
      property(array(oneof(arrival, constant('leave' as const)), { maxLength: 200 }), (events) => {
        const line = new WaitLine<{ readonly id: number; readonly priority: Priority }>(5);
        const inside = new Set<object>();
        events.forEach((event, id) => {
          if (event === 'leave') {
            const first = line.first();
            if (first === undefined) return;
            const best = priorities.find((priority) =>
              [...inside].some((item) => (item as typeof first).priority === priority),
            );
            assert.equal(first.priority, best);
            line.delete(first);
            inside.delete(first);
            return;
          }
          const item = { id, priority: event };
          const gone = line.add(item, event);
          inside.add(item);
          if (gone !== undefined) inside.delete(gone);
        });
        assert.equal(line.length, inside.size);
        assert.ok(line.length <= 5);
      }),
    );
  });
});
