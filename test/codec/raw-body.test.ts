/** A raw body as the one input of its model. The shapes are those that Triton 2.51 gave the same bytes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DType, rawInput, tensorOf } from '../../src/codec/index.ts';

const inputs = (
  dtype: DType | undefined,
  shape: readonly number[] | undefined,
  more: readonly string[] = [],
) =>
  new Map(['x', ...more].map((name) => [name, { dtype, dtypeNumber: 0, shape, tensorName: name }] as const));

describe('a raw body', () => {
  for (const [dtype, shape, bytes, own] of [
    ['float', [-1], 8, [2]],
    ['float', [-1], 0, [0]],
    ['int32', [2], 8, [2]],
    ['float', [-1, -1], 8, [1, 2]],
    ['float', [-1, 2], 16, [2, 2]],
    ['float', undefined, 8, [2]],
    ['string', [1], 9, [1]],
    ['string', [-1, 1], 5, [1, 1]],
    ['string', [-1], 0, [1]],
    ['uint8', [], 1, []],
  ] as const)
    it(`of ${bytes} bytes is ${dtype} of shape [${own.join(',')}] for [${shape?.join(',') ?? 'unknown'}]`, () => {
      const body = Buffer.from(Array.from({ length: bytes }, (_, i) => i));
      const made = [...rawInput(inputs(dtype, shape), body)];
      assert.deepEqual(
        made.map(([name]) => name),
        ['x'],
      );
      const tensor = tensorOf((made[0] as (typeof made)[0])[1]);
      assert.deepEqual([tensor.dtype, tensor.shape], [dtype, own]);
      const value = 'bytes' in tensor ? tensor.bytes : tensor.values[0];
      assert.deepEqual(Buffer.from(value ?? []), body);
    });

  for (const [dtype, shape, bytes] of [
    ['float', [-1], 5],
    ['int32', [2], 4],
    ['int32', [2], 12],
    ['float', [-1, 2], 12],
    ['string', [2], 9],
    ['uint8', [], 2],
  ] as const)
    it(`of ${bytes} bytes is no ${dtype} of shape [${shape.join(',')}]`, () => {
      assert.throws(() => rawInput(inputs(dtype, shape), Buffer.alloc(bytes)), {
        message: new RegExp(`raw body of ${bytes} bytes does not fit input x`),
      });
    });

  it('is for models with one input of a known type', () => {
    assert.throws(() => rawInput(inputs('float', [-1], ['y']), Buffer.alloc(4)), /this model has 2/);
    assert.throws(() => rawInput(new Map(), Buffer.alloc(4)), /this model has 0/);
    assert.throws(() => rawInput(inputs(undefined, [-1]), Buffer.alloc(4)), /datatype/);
  });
});
