/** Tensors to JSON: both forms, every type, slices, and the way there and back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DType,
  encodePredictJson,
  type LentChunks,
  type Tensor,
  wholeText,
  widthOf,
} from '../../../src/codec/index.ts';
import { seeded } from '../../support/random.ts';
import { below, readableTypes } from './documents.ts';
import { decode, options, single } from './support.ts';

function text(
  outputs: Record<string, Tensor>,
  format: 'row' | 'columnar' = 'columnar',
  own = options,
): string {
  return wholeText(encodePredictJson(new Map(Object.entries(outputs)), format, own)).toString('latin1');
}
const float = (shape: number[], ...values: number[]): Tensor => ({
  dtype: 'float',
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const strings = (...values: string[]): Tensor => ({
  dtype: 'string',
  shape: [values.length],
  values: values.map((value) => Buffer.from(value, 'latin1')),
});

describe('a predict reply', () => {
  it('leaves out the name of an only output', () => {
    assert.equal(text({ y: float([3], 2.5, 3, 4.5) }, 'row'), '{"predictions":[2.5,3.0,4.5]}');
    assert.equal(text({ y: float([1, 2], 1, 2) }), '{"outputs":[[1.0,2.0]]}');
    assert.equal(text({ y: float([], 7) }), '{"outputs":7.0}');
  });

  it('has an object for each row, or for all outputs', () => {
    const outputs = { a: float([2, 2], 1, 2, 3, 4), b: float([2], 7, 8) };
    assert.equal(text(outputs, 'row'), '{"predictions":[{"a":[1.0,2.0],"b":7.0},{"a":[3.0,4.0],"b":8.0}]}');
    assert.equal(text(outputs), '{"outputs":{"a":[[1.0,2.0],[3.0,4.0]],"b":[7.0,8.0]}}');
  });

  it('is an empty list when it has no rows, and prints empty dimensions as such', () => {
    assert.equal(text({ y: float([0]) }, 'row'), '{"predictions":[]}');
    assert.equal(text({ a: float([0]), b: float([0, 3]) }, 'row'), '{"predictions":[]}');
    assert.equal(text({ y: float([2, 0]) }), '{"outputs":[[],[]]}');
    assert.equal(text({ y: float([0, 2]) }), '{"outputs":[]}');
    assert.equal(text({ y: float([2, 0, 3]) }), '{"outputs":[[],[]]}');
  });

  it('escapes what JSON must, and leaves every other byte alone', () => {
    assert.equal(
      text({ y: strings('a"b\\c/', '\b\f\n\r\t\x01\x1f', '\xff\x80é') }, 'row'),
      '{"predictions":["a\\"b\\\\c/","\\b\\f\\n\\r\\t\\u0001\\u001F","\xff\x80é"]}',
    );
  });

  it('writes strings as base64 when the name ends in _bytes, dropped or not', () => {
    assert.equal(
      text({ y_bytes: strings('hello', '') }, 'row'),
      '{"predictions":[{"b64":"aGVsbG8="},{"b64":""}]}',
    );
    assert.equal(text({ y_BYTES: strings('hello') }, 'row'), '{"predictions":["hello"]}');
  });

  it('refuses what does not fit the row form, before anything is written', () => {
    assert.throws(() => text({ y: float([], 1) }, 'row'), {
      message: 'Tensor name: y has no shape information ',
    });
    assert.throws(() => text({ a: float([2], 1, 2), b: float([3], 1, 2, 3) }, 'row'), {
      message: 'Tensor name: b has inconsistent batch size: 3 expecting: 2',
    });
    assert.throws(() => text({}), { message: 'Cannot convert empty tensor map to JSON' });
    const complex: Tensor = { dtype: 'complex64', shape: [1], bytes: new Uint8Array(8) };
    assert.throws(() => text({ y: complex }), {
      message: 'Failed to write JSON value for tensor type: complex64',
    });
    assert.equal(text({ y: { ...complex, shape: [0] } }), '{"outputs":[]}');
  });

  it('writes half, bfloat16 and uint16 unless told to be strict', () => {
    const half: Tensor = { dtype: 'half', shape: [2], bytes: Uint8Array.of(0x00, 0x3c, 0x01, 0x00) };
    const bfloat16: Tensor = { dtype: 'bfloat16', shape: [1], bytes: Uint8Array.of(0xc0, 0x3f) };
    assert.equal(text({ y: half }), '{"outputs":[1.0,5.96046448e-08]}');
    assert.equal(text({ y: bfloat16 }), '{"outputs":[1.5]}');
    const strict = { ...options, extraDtypes: false };
    for (const dtype of ['half', 'bfloat16', 'uint16'] as const) {
      const message = `Failed to write JSON value for tensor type: ${dtype}`;
      assert.throws(() => text({ y: { ...half, dtype } }, 'row', strict), { message });
    }
  });

  it('comes in pieces of bounded size, whatever is in it', () => {
    const long = strings('x'.repeat(200_000), '"'.repeat(50_000), 'y');
    const many = { dtype: 'uint8', shape: [300, 1000], bytes: new Uint8Array(300_000).fill(7) } as const;
    for (const outputs of [{ y: long }, { y_bytes: long }, { y: many }, { a: many, b: many }] as Record<
      string,
      Tensor
    >[]) {
      const encode = (): LentChunks =>
        encodePredictJson(new Map(Object.entries(outputs)), 'columnar', options);
      assert.ok([...encode()].length > 1);
      for (const piece of encode()) assert.ok(piece.length <= 65_536);
      const parsed = JSON.parse(wholeText(encode()).toString()) as { outputs: unknown };
      assert.ok(parsed.outputs !== undefined);
    }
  });

  it('reads back as the tensor that it was, for every type', () => {
    const random = seeded(8);
    for (const dtype of readableTypes) {
      for (let i = 0; i < 60; i++) {
        const shape = Array.from({ length: 1 + below(random, 3) }, () => 1 + below(random, i === 0 ? 60 : 4));
        const count = shape.reduce((product, size) => product * size, 1);
        const tensor = randomTensor(random, dtype, shape, count);
        const body = text({ x: tensor }, 'row').replace('predictions', 'instances');
        const verdict = decode(Buffer.from(body, 'latin1'), single(dtype));
        assert.ok('tensors' in verdict, JSON.stringify(verdict).slice(0, 200));
        const { data, shape: back } = verdict.tensors['x'] ?? { data: '', shape: [] };
        assert.deepEqual(back, shape);
        if (tensor.dtype === 'string')
          assert.deepEqual(
            data,
            tensor.values.map((value) => Buffer.from(value).toString('hex')),
          );
        else assert.equal(data, Buffer.from(tensor.bytes).toString('hex'), body.slice(0, 200));
      }
    }
  });
});

function randomTensor(random: () => number, dtype: DType, shape: number[], count: number): Tensor {
  if (dtype === 'string')
    return {
      dtype,
      shape,
      values: Array.from({ length: count }, () =>
        Buffer.from(Array.from({ length: below(random, 20) }, () => below(random, 256))),
      ),
    };
  const bytes = Buffer.from(Array.from({ length: count * widthOf(dtype) }, () => below(random, 256)));
  if (dtype === 'bool') for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) & 1;
  // a NaN has one pattern in text
  const high = { float: 3, double: 7, half: 1, bfloat16: 1 }[dtype as 'float'];
  if (high !== undefined)
    for (let i = high; i < bytes.length; i += high + 1) bytes[i] = (bytes[i] as number) & 0xbb;
  return { dtype, shape, bytes };
}
