/**
 * Pieces of a body that wait: all bytes come out in order, however they went in, and tiny ones do not wait one by
 * one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChunkQueue } from '../../../src/front/json/chunk-queue.ts';
import { seededBelow } from '../../support/random.ts';

describe('PieceQueue', () => {
  it('gives back what it was given, in order, whenever it is asked', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededBelow(seed);
      const queue = new ChunkQueue();
      const given: Buffer[] = [];
      const taken: Buffer[] = [];
      for (let i = 0; i < 2000; i++) {
        if (random(5) > 1) {
          const chunk = Buffer.alloc([1, 1, 7, 512, 513, 5000][random(6)] ?? 1, i % 251);
          given.push(chunk);
          queue.push({ chunk, memory: undefined });
        } else {
          const piece = queue.shift();
          // the piece is the taker's: what is pushed later may not change it
          if (piece !== undefined) taken.push(piece.chunk);
        }
      }
      for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) taken.push(piece.chunk);
      assert.equal(queue.length, 0);
      assert.ok(Buffer.concat(given).equals(Buffer.concat(taken)), `seed ${seed}`);
    }
  });

  it('joins tiny pieces behind the first few, and leaves the others as they came', () => {
    const queue = new ChunkQueue();
    for (let i = 0; i < 100_000; i++) queue.push({ chunk: Buffer.from([i % 251]), memory: undefined });
    assert.ok(queue.length < 50, `${queue.length} pieces`);
    const large = Buffer.alloc(10_000);
    queue.push({ chunk: large, memory: undefined });
    let last: Buffer | undefined;
    for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) last = piece.chunk;
    assert.equal(last, large);
  });
});
