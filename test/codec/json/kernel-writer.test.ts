/** Lists that are written many values at once, against each value written alone and plain recursion around it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DType,
  encodePredictJson,
  type NumericTensor,
  wholeText,
  widthOf,
} from '../../../src/codec/index.ts';
import { kernel } from '../../../src/codec/json/kernel/kernel.ts';
import { maxFloatBytes, writeFloat32 } from '../../../src/codec/json/number/format-float.ts';
import { type Random, seeded } from '../../support/random.ts';
import { below, pick } from './documents.ts';
import { options } from './support.ts';

const room = new Uint8Array(maxFloatBytes);
const out = { bytes: room, view: new DataView(room.buffer) };
const pattern = new DataView(new ArrayBuffer(4));

function alone(bits: number): string {
  pattern.setUint32(0, bits);
  const end = writeFloat32(out, 0, pattern.getFloat32(0), pattern.getInt32(0));
  return Buffer.from(room.subarray(0, end)).toString('latin1');
}

function written(dtype: Exclude<DType, 'string'>, shape: readonly number[], bytes: Uint8Array): string {
  const tensor: NumericTensor = { dtype, shape, bytes };
  const body = wholeText(encodePredictJson(new Map([['y', tensor]]), 'columnar', options));
  return body.toString('latin1').slice('{"outputs":'.length, -1);
}

function assertEach(patterns: readonly number[]): void {
  const bytes = new Uint8Array(Uint32Array.from(patterns).buffer);
  const texts = written('float', [patterns.length], bytes).slice(1, -1).split(',');
  assert.equal(texts.length, patterns.length);
  for (const [i, text] of texts.entries())
    if (text !== alone(patterns[i] as number)) assert.equal(text, alone(patterns[i] as number));
}

const bitsOf = (value: number): number => {
  pattern.setFloat32(0, value);
  return pattern.getUint32(0);
};

function nested(shape: readonly number[], value: (i: number) => string): string {
  let next = 0;
  const list = (level: number): string =>
    level === shape.length
      ? value(next++)
      : `[${Array.from({ length: shape[level] as number }, () => list(level + 1)).join(',')}]`;
  return list(0);
}

describe('the kernel writes float32', () => {
  it('in the same way as one at a time, of every exponent', () => {
    assert.ok(kernel !== undefined);
    const random = seeded(21);
    const patterns: number[] = [];
    for (let exponent = 0; exponent < 256; exponent++)
      for (let i = 0; i < 600; i++) {
        const mantissa =
          i < 40 ? pick(random, [0, 1, 2, 0x7fffff, 0x7ffffe, 0x400000]) : below(random, 2 ** 23);
        patterns.push(below(random, 2) * 2 ** 31 + exponent * 2 ** 23 + mantissa);
      }
    assertEach(patterns);
  });

  it('in the same way where digits end, round up or tie', () => {
    const random = seeded(22);
    const patterns: number[] = [];
    for (let i = 0; i < 60_000; i++) {
      // few digits and their neighbours, whole numbers, few bits, powers of ten
      const digits = below(random, 10 ** (1 + below(random, 9)));
      const bits = pick(random, [
        () => bitsOf(digits / 10 ** below(random, 14)) + below(random, 3) - 1,
        () => bitsOf(digits),
        () => bitsOf(below(random, 4096) * 2 ** (below(random, 60) - 40)),
        () => bitsOf(10 ** (below(random, 76) - 38)) + below(random, 5) - 2,
      ])();
      patterns.push(Math.max(0, bits));
    }
    assertEach(patterns);
  });

  it('nothing odd for long', () => {
    // each second value is for the slow way
    const values = Array.from({ length: 3000 }, (_, i) =>
      i % 2 === 0 ? i / 7 : pick(seeded(i), [NaN, Infinity, -Infinity, 1e-42]),
    );
    assertEach(values.map(bitsOf));
    assertEach(Array.from({ length: 9000 }, () => 0x7fc00000));
  });
});

describe('nested lists', () => {
  /** Up to 30,000 values: a few slices. */
  const shapeOf = (random: Random): number[] => {
    const shape = Array.from({ length: below(random, 5) }, () => below(random, random() < 0.1 ? 2 : 7));
    const product = shape.reduce((all, size) => all * Math.max(1, size), 1);
    const long = below(random, 30_000 / product);
    if (random() < 0.2) shape.push(long);
    else if (random() < 0.2) shape.unshift(long);
    return shape;
  };

  for (const dtype of ['float', 'half', 'bfloat16', 'double', 'int16', 'uint8', 'int64', 'bool'] as const)
    it(`of ${dtype} have their brackets and commas, however they are cut into slices`, () => {
      const random = seeded(widthOf(dtype) + dtype.length);
      for (let run = 0; run < 40; run++) {
        const shape = shapeOf(random);
        const count = shape.reduce((product, size) => product * size, 1);
        const bytes = Uint8Array.from({ length: count * widthOf(dtype) }, () =>
          below(random, dtype === 'bool' ? 2 : 256),
        );
        const values = written(dtype, [count], bytes).slice(1, -1).split(',');
        assert.equal(
          written(dtype, shape, bytes),
          nested(shape, (i) => values[i] as string),
        );
      }
    });
});
