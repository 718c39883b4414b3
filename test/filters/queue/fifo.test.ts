/** Tests the line from which anybody may step out, against a Set that does the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fifo } from '../../../src/filters/queue/fifo.ts';

/** A sequence of numbers from 0 to 1 that is the same in every run (a linear congruential generator). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

describe('Fifo', () => {
  it('keeps order and count through 50,000 arrivals, departures and changes of mind', () => {
    const random = sequence(7);
    const fifo = new Fifo<number>();
    const model = new Set<number>();
    for (let i = 0; i < 50_000; i++) {
      const what = random();
      if (what < 0.5) {
        fifo.add(i);
        model.add(i);
      } else if (what < 0.8) {
        const first = fifo.first();
        assert.equal(first, model.values().next().value);
        if (first === undefined) continue;
        assert.equal(fifo.delete(first), true);
        model.delete(first);
      } else {
        const any = [...model][Math.floor(random() * model.size)] ?? -1;
        assert.equal(fifo.delete(any), model.delete(any));
      }
      assert.equal(fifo.size, model.size);
      assert.equal(fifo.last(), [...model].at(-1));
    }
  });

  it('goes on after all have left', () => {
    const fifo = new Fifo<string>();
    for (let round = 0; round < 100; round++) {
      fifo.add('a');
      fifo.add('b');
      assert.equal(fifo.delete('a'), true);
      assert.equal(fifo.delete('a'), false);
      assert.equal(fifo.first(), 'b');
      assert.equal(fifo.delete('b'), true);
      assert.equal(fifo.first(), undefined);
      assert.equal(fifo.last(), undefined);
    }
  });
});
