/** The order and the bounds of a line of waiting calls. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, constant, constantFrom, oneof, property } from 'fast-check';
import { Places } from '../../../src/filters/queue/places.ts';
import { priorities, type Priority, PriorityQueue } from '../../../src/filters/queue/priority-queue.ts';

const alone = { address: '192.0.2.1', connection: '192.0.2.1:1' };
const nobody = new Places();

describe('WaitLine', () => {
  it('serves by priority, then by arrival', () => {
    const line = new PriorityQueue<string>(10, nobody);
    line.add('low', 'low', alone);
    line.add('one', 'normal', alone);
    line.add('two', 'normal', alone);
    line.add('high', 'high', alone);
    const served: string[] = [];
    for (let item = line.first(); item !== undefined; item = line.first()) {
      served.push(item);
      line.delete(item, alone);
    }
    assert.deepEqual(served, ['high', 'one', 'two', 'low']);
  });

  it('sends away the last of the lowest priority when it is full, or the newcomer', () => {
    const line = new PriorityQueue<string>(2, nobody);
    line.add('a', 'normal', alone);
    line.add('b', 'low', alone);
    assert.equal(line.add('c', 'low', alone), 'c');
    assert.equal(line.add('d', 'high', alone), 'b');
    assert.equal(line.add('e', 'high', alone), 'a');
    assert.equal(line.add('f', 'high', alone), 'f');
    assert.equal(line.length, 2);
  });

  it('never holds more than its bound, loses nobody unsaid, and never serves a lower priority first', () => {
    const arrival = constantFrom(...priorities);
    check(
      property(array(oneof(arrival, constant('leave' as const)), { maxLength: 200 }), (events) => {
        const line = new PriorityQueue<{ readonly id: number; readonly priority: Priority }>(5, nobody);
        const inside = new Set<object>();
        events.forEach((event, id) => {
          if (event === 'leave') {
            const first = line.first();
            if (first === undefined) return;
            const best = priorities.find((priority) =>
              [...inside].some((item) => (item as typeof first).priority === priority),
            );
            assert.equal(first.priority, best);
            line.delete(first, alone);
            inside.delete(first);
            return;
          }
          const item = { id, priority: event };
          const gone = line.add(item, event, alone);
          inside.add(item);
          if (gone !== undefined) inside.delete(gone);
        });
        assert.equal(line.length, inside.size);
        assert.ok(line.length <= 5);
      }),
    );
  });
});

describe('shares of the line', () => {
  const client = (address: string, port = 1): { address: string; connection: string } => ({
    address,
    connection: `${address}:${port}`,
  });
  const [a, b] = [client('192.0.2.1'), client('192.0.2.2')];
  const fill = (
    line: PriorityQueue<string>,
    names: readonly string[],
    of: typeof a,
    priority: Priority = 'normal',
  ): void => {
    for (const name of names) assert.equal(line.add(name, priority, of), undefined);
  };
  const served = (line: PriorityQueue<string>): string => {
    let all = '';
    for (let item = line.first(); item !== undefined; item = line.first()) {
      assert.equal(line.shift(), item);
      all += item;
    }
    return all;
  };

  it('lets clients take turns, each by arrival, and one alone have all', () => {
    const line = new PriorityQueue<string>(20, nobody);
    fill(line, ['1', '2', '3', '4'], a);
    fill(line, ['x', 'y'], b);
    assert.equal(served(line), '1x2y34');
    fill(line, ['1', '2', '3'], a);
    assert.equal(served(line), '123');
  });

  it('shares by address first, and then by connection', () => {
    const line = new PriorityQueue<string>(20, nobody);
    fill(line, ['1', '2', '3'], client('192.0.2.1', 1));
    fill(line, ['5', '6'], client('192.0.2.1', 2));
    fill(line, ['x', 'y', 'z'], b);
    assert.equal(served(line), '1x5y2z63');
  });

  it('serves whoever holds fewer places first', () => {
    const places = new Places();
    const line = new PriorityQueue<string>(20, places);
    places.take(a);
    places.take(a);
    fill(line, ['1', '2'], a);
    fill(line, ['x', 'y', 'z'], b);
    const order: string[] = [];
    for (let item = line.shift(); item !== undefined; item = line.shift()) {
      order.push(item);
      places.take(item < 'a' ? a : b);
    }
    assert.equal(order.join(''), 'xy1z2');
    for (let i = 0; i < 4; i++) places.giveBack(a);
    assert.equal(places.ofAddress(a.address), 0);
  });

  it('sends away the newest of whoever has most when it is full, and the newcomer when nobody has more', () => {
    const line = new PriorityQueue<string>(4, nobody);
    fill(line, ['1', '2', '3', '4'], a);
    assert.equal(line.add('5', 'normal', a), '5');
    assert.equal(line.add('x', 'normal', b), '4');
    assert.equal(line.add('y', 'normal', b), '3');
    assert.equal(line.add('z', 'normal', b), 'z');
    assert.equal(line.add('6', 'normal', a), '6');
    assert.equal(line.length, 4);
    assert.equal(served(line), '1x2y');
  });

  it('within one address, sends away the newest of the connection that has most', () => {
    const line = new PriorityQueue<string>(3, nobody);
    fill(line, ['1', '2', '3'], a);
    assert.equal(line.add('4', 'normal', client('192.0.2.1', 2)), '3');
    assert.equal(served(line), '142');
  });

  it('says how many are ahead of a client, not of the line', () => {
    const line = new PriorityQueue<string>(20, nobody);
    fill(line, ['1', '2', '3', '4', '5'], a);
    fill(line, ['h'], a, 'high');
    assert.equal(line.ahead('normal', a), 6);
    assert.equal(line.ahead('normal', b), 2);
    assert.equal(line.ahead('high', b), 1);
    fill(line, ['x'], b);
    assert.equal(line.ahead('normal', b), 1 + 2 + 1);
  });

  it('keeps its counts through thousands of arrivals, departures and changes of mind', () => {
    check(
      property(
        array(
          oneof(constantFrom(...priorities), constant('serve' as const), constantFrom(0, 1, 2, 3, 4, 5)),
          {
            maxLength: 300,
          },
        ),
        (events) => {
          const line = new PriorityQueue<{ readonly of: typeof a }>(6, nobody);
          const inside = new Set<{ readonly of: typeof a }>();
          events.forEach((event, i) => {
            if (event === 'serve') {
              const first = line.first();
              assert.equal(line.shift(), first);
              if (first !== undefined) assert.ok(inside.delete(first));
            } else if (typeof event === 'number') {
              const item = [...inside][event];
              if (item === undefined) return;
              line.delete(item, item.of);
              inside.delete(item);
            } else {
              const item = { of: client(`192.0.2.${i % 3}`, i % 5) };
              const gone = line.add(item, event, item.of);
              inside.add(item);
              if (gone !== undefined) assert.ok(inside.delete(gone));
            }
            assert.equal(line.length, inside.size);
            assert.equal(line.first() === undefined, inside.size === 0);
            assert.ok(line.length <= 6);
          });
        },
      ),
    );
  });
});
