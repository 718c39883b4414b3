/** Joining tiny chunks: the same bytes, few pieces, and nobody's piece is written into. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { joinInto } from '../../src/base/bytes.ts';

it('keeps a megabyte of one-byte chunks in few pieces', () => {
  const chunks: Uint8Array[] = [];
  const all = Buffer.allocUnsafe(2 ** 20);
  for (let i = 0; i < all.length; i++) {
    all[i] = (i * 31) % 251;
    joinInto(chunks, all.subarray(i, i + 1));
  }
  assert.ok(chunks.length < 80, `${chunks.length} pieces`);
  assert.ok(Buffer.concat(chunks).equals(all));
});

it('leaves large chunks and the first few as they came', () => {
  const given = [Buffer.from('a'), Buffer.from('b'), Buffer.alloc(600), Buffer.from('c'), Buffer.alloc(5000)];
  const chunks: Uint8Array[] = [];
  for (const chunk of given) joinInto(chunks, chunk);
  assert.ok(chunks.every((chunk, i) => chunk === given[i]));
});

it('never changes a piece that somebody holds, whatever lists go on from it', () => {
  const first: Uint8Array[] = [];
  for (let i = 0; i < 10; i++) joinInto(first, Buffer.from('x'));
  const second = [...first];
  const held = [...first].map((piece) => [piece, Buffer.from(piece)] as const);
  for (let i = 0; i < 3000; i++) {
    joinInto(first, Buffer.from('1'));
    joinInto(second, Buffer.from('2'));
  }
  for (const [piece, copy] of held) assert.deepEqual(Buffer.from(piece), copy);
  assert.equal(Buffer.concat(first).toString(), 'x'.repeat(10) + '1'.repeat(3000));
  assert.equal(Buffer.concat(second).toString(), 'x'.repeat(10) + '2'.repeat(3000));
});
