/** The decoder against the oracle: random bodies of every type, cut anywhere. CODEC_FUZZ_RUNS says how many. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { seeded } from '../../support/random.ts';
import { below, type Document, randomDocument, readableTypes } from './documents.ts';
import { judge, syntaxError, type Verdict } from './oracle.ts';
import { decode, sourceOf } from './support.ts';

const runs = Number(process.env['CODEC_FUZZ_RUNS'] ?? 28_000);
const seed = Number(process.env['CODEC_FUZZ_SEED'] ?? 1);

/** Lengths of the chunks: mostly a few, sometimes every byte alone. */
function cuts(random: () => number, length: number): number[] {
  const way = random();
  if (way < 0.25) return [length];
  if (way < 0.35) return Array.from({ length }, () => 1);
  const sizes: number[] = [];
  for (let left = length; left > 0;) {
    const size = Math.min(left, 1 + below(random, way < 0.7 ? length : 8));
    sizes.push(size);
    left -= size;
  }
  return sizes;
}

/** Where in a text that is no JSON the fault is, is not compared. */
const plain = (verdict: Verdict): Verdict =>
  'error' in verdict && verdict.error.startsWith(syntaxError) ? { error: syntaxError } : verdict;

function check({ text, signatures }: Document, random: () => number): void {
  const expected = judge(text, signatures);
  const actual = decode(Buffer.from(text), sourceOf(signatures), cuts(random, Buffer.byteLength(text)));
  assert.deepEqual(plain(actual), plain(expected), text);
}

describe('the decoder agrees with the oracle', () => {
  for (const dtype of [...readableTypes, 'complex64']) {
    it(`on ${dtype}`, () => {
      fc.assert(
        fc.property(fc.nat(), (each) => {
          const random = seeded(each);
          check(randomDocument(random, dtype), random);
        }),
        { numRuns: Math.ceil(runs / (readableTypes.length + 1)), seed, endOnFailure: true },
      );
    });
  }
});
