/** The table of streams against a Map that does the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StreamTable } from '../../src/wire/http2/stream-table.ts';
import type { Http2Stream } from '../../src/wire/http2/stream.ts';

const stream = (id: number): Http2Stream => ({ id }) as Http2Stream;

/** Park and Miller's generator, so that a failure comes again. */
function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

describe('the table of streams', () => {
  it('holds what a Map would through 50,000 openings and closings in any order', () => {
    const random = generator(7);
    const table = new StreamTable();
    const model = new Map<number, Http2Stream>();
    let next = 1;
    for (let i = 0; i < 50_000; i++) {
      if (random() < 0.5 || model.size === 0) {
        const opened = stream(next);
        // now and then a gap, as refused streams leave it
        next += 2 * (1 + Math.floor(random() * random() * 40));
        table.add(opened);
        model.set(opened.id, opened);
      } else {
        const ids = [...model.keys()];
        const id = ids[Math.floor(random() * Math.min(ids.length, 200))] as number;
        table.delete(id);
        model.delete(id);
      }
      const probe = Math.floor(random() * next) | 1;
      assert.equal(table.get(probe), model.get(probe));
      assert.equal(table.size, model.size);
    }
    assert.deepEqual(new Set(table.all()), new Set(model.values()));
    for (const [id, opened] of model) assert.equal(table.get(id), opened);
  });

  it('finds nothing under ids that it does not have, and takes their deletion for nothing', () => {
    const table = new StreamTable();
    table.add(stream(1));
    table.delete(33);
    assert.equal(table.get(33), undefined);
    assert.equal(table.size, 1);
    table.clear();
    assert.equal(table.get(1), undefined);
    assert.equal(table.size, 0);
  });
});
