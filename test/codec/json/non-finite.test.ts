/** NaN and infinities in replies: as TensorFlow Serving writes them, or as JSON that every parser reads. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  encodeClassifyJson,
  encodePredictJson,
  encodeRegressJson,
  encodeV2ReplyJson,
  type NonFinite,
  type NumericTensor,
  wholeText,
} from '../../../src/codec/index.ts';

const values = [1.5, Number.NaN, -2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 4];

/** Bits of float16 and bfloat16 for these. */
const halves = [0x3e00, 0x7e00, 0xc000, 0x7c00, 0xfc00, 0x4400];
const bfloats = [0x3fc0, 0x7fc0, 0xc000, 0x7f80, 0xff80, 0x4080];

const tensors: readonly NumericTensor[] = [
  { dtype: 'float', shape: [2, 3], bytes: new Uint8Array(Float32Array.from(values).buffer) },
  { dtype: 'double', shape: [2, 3], bytes: new Uint8Array(Float64Array.from(values).buffer) },
  { dtype: 'half', shape: [2, 3], bytes: new Uint8Array(Uint16Array.from(halves).buffer) },
  { dtype: 'bfloat16', shape: [2, 3], bytes: new Uint8Array(Uint16Array.from(bfloats).buffer) },
];

const predicted = (tensor: NumericTensor, nonFinite?: NonFinite): string => {
  const options = nonFinite === undefined ? { extraDtypes: true } : { extraDtypes: true, nonFinite };
  return wholeText(encodePredictJson(new Map([['y', tensor]]), 'columnar', options)).toString();
};

const as: Readonly<Record<NonFinite, readonly unknown[]>> = {
  literal: ['NaN', 'Infinity', '-Infinity'],
  null: ['null', 'null', 'null'],
  string: ['"NaN"', '"Infinity"', '"-Infinity"'],
};

describe('values that are no finite numbers', () => {
  for (const tensor of tensors) {
    for (const [nonFinite, [nan, up, down]] of Object.entries(as) as [NonFinite, string[]][]) {
      it(`of ${tensor.dtype} are written as ${nonFinite}`, () => {
        const wanted = `{"outputs":[[1.5,${nan},-2.0],[${up},${down},4.0]]}`;
        assert.equal(predicted(tensor, nonFinite), wanted);
        if (nonFinite === 'literal') assert.equal(predicted(tensor), wanted);
        else JSON.parse(wanted);
      });
    }
  }

  it('are found wherever they stand among many, over the ends of slices', () => {
    const many = Float32Array.from({ length: 60_000 }, (_, i) => i / 3);
    const places = [0, 7, 8, 9, 4095, 4096, 30_000, 59_999];
    for (const i of places) many[i] = Number.NaN;
    const tensor: NumericTensor = { dtype: 'float', shape: [60_000], bytes: new Uint8Array(many.buffer) };
    const { outputs } = JSON.parse(predicted(tensor, 'null')) as { outputs: (number | null)[] };
    assert.equal(outputs.length, 60_000);
    outputs.forEach((value, i) => {
      if (places.includes(i)) assert.equal(value, null);
      else assert.equal(Math.fround(value as number), many[i]);
    });
    const all = Float32Array.from({ length: 60_000 }, () => Number.NEGATIVE_INFINITY);
    const text = predicted({ ...tensor, bytes: new Uint8Array(all.buffer) }, 'string');
    assert.deepEqual(new Set((JSON.parse(text) as { outputs: string[] }).outputs), new Set(['-Infinity']));
  });

  it('are written so in replies to classify and regress', () => {
    const scores = [[{ label: 'a', score: Number.NaN }]];
    assert.equal(wholeText(encodeClassifyJson(scores, 'null')).toString(), '{"results":[[["a",null]]]}');
    assert.equal(wholeText(encodeClassifyJson(scores)).toString(), '{"results":[[["a",NaN]]]}');
    const results = [Number.POSITIVE_INFINITY, 1];
    assert.equal(wholeText(encodeRegressJson(results, 'string')).toString(), '{"results":["Infinity",1.0]}');
  });

  it('are written so in V2', () => {
    const { bytes } = tensors[0]!;
    const reply = (nonFinite?: NonFinite): string =>
      Buffer.concat(
        encodeV2ReplyJson(
          {
            model: 'm',
            version: '1',
            id: '',
            parameters: new Map(),
            outputs: new Map([['y', { dtype: 'float' as const, shape: [6], pieces: [bytes] }]]),
            outputParameters: new Map(),
          },
          () => false,
          nonFinite,
        ).pieces,
      ).toString();
    assert.match(reply('null'), /"data":\[1\.5,null,-2\.0,null,null,4\.0\]/);
    assert.match(reply(), /"data":\[1\.5,NaN,-2\.0,Infinity,-Infinity,4\.0\]/);
  });
});
