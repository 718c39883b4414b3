/** Which PredictRequests hold a string without a dimension, and the messages with a dimension more or less. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodePredictRequest,
  decodePredictResponse,
  encodePredictRequest,
  encodePredictResponse,
  mayBeScalarText,
  readInputOutlines,
  type Tensor,
  withLeadingDimension,
  withoutLeadingDimension,
} from '../../../src/codec/index.ts';
import { Writer } from '../../../src/codec/proto/writer.ts';

const text = (shape: readonly number[], ...values: string[]): Tensor => ({
  dtype: 'string',
  shape,
  values: values.map((value) => Buffer.from(value)),
});
const float = (shape: readonly number[]): Tensor => ({ dtype: 'float', shape, bytes: new Uint8Array(8) });
const requestOf = (inputs: Record<string, Tensor>): Uint8Array =>
  Buffer.concat(
    encodePredictRequest({ spec: undefined, inputs: new Map(Object.entries(inputs)), outputFilter: ['y'] }),
  );

describe('the look for a string without a dimension', () => {
  const whole: [string, Uint8Array, boolean][] = [
    ['one string without a dimension', requestOf({ x: text([], 'abc') }), true],
    ['a list of strings', requestOf({ x: text([1], 'abc') }), false],
    ['a matrix of strings', requestOf({ x: text([1, 1], 'abc') }), false],
    ['numbers', requestOf({ x: float([2]) }), false],
    ['one of no inputs', requestOf({}), true],
    ['nothing', new Uint8Array(0), false],
    [
      'no shape at all',
      new Writer()
        .message(2, new Writer().string(1, 'x').message(2, new Writer().int32(1, 7).string(8, 'abc')))
        .finish(),
      true,
    ],
    [
      'a shape of unknown rank, which is none to TensorFlow',
      new Writer()
        .message(
          2,
          new Writer()
            .string(1, 'x')
            .message(2, new Writer().int32(1, 7).message(2, new Writer().bool(3, true)).string(8, 'abc')),
        )
        .finish(),
      true,
    ],
    [
      'a value before its key',
      new Writer()
        .message(2, new Writer().message(2, new Writer().int32(1, 7).string(8, 'abc')).string(1, 'x'))
        .finish(),
      true,
    ],
  ];
  for (const [name, message, expected] of whole)
    it(`says ${expected ? 'yes' : 'no'} of ${name}`, () => {
      assert.equal(mayBeScalarText(message, 0, true), expected);
    });

  it('is never denied by what has not come yet, and looks at no byte behind what has', () => {
    const message = requestOf({ a_name: text([], 'abc') });
    for (let length = 0; length <= message.length; length++)
      assert.equal(mayBeScalarText(message.subarray(0, length), 0, length === message.length), true);
    const numbers = requestOf({ a_name: float([2]) });
    const dtypeAt = Buffer.from(numbers).indexOf('a_name') + 'a_name'.length + 3;
    for (let length = 0; length <= numbers.length; length++)
      assert.equal(mayBeScalarText(numbers.subarray(0, length), 0, false), length <= dtypeAt, String(length));
  });
});

describe('a dimension more', () => {
  it('goes before those of every input, and leaves every other byte alone', () => {
    const x = text([], 'abc');
    const message = Buffer.concat([
      requestOf({ x, n: float([2]) }),
      // a field of a later TensorFlow Serving
      new Writer().string(7, 'options').finish(),
    ]);
    assert.deepEqual(readInputOutlines(message)?.get('x'), { dtypeNumber: 7, shape: [] });
    const changed = Buffer.concat(withLeadingDimension(message));
    const { inputs, outputFilter } = decodePredictRequest(changed);
    assert.deepEqual(inputs.get('x')?.shape, [1]);
    assert.deepEqual(inputs.get('n')?.shape, [1, 2]);
    assert.deepEqual(outputFilter, ['y']);
    assert.ok(changed.includes('options'));
  });

  it('is not for entries that two readers take differently', () => {
    const entry = new Writer().string(1, 'x').message(2, new Writer().int32(1, 7));
    const bytes = new Writer().message(2, entry).finish();
    assert.equal(readInputOutlines(Buffer.concat([bytes, bytes])), undefined);
    const odd = new Writer().message(2, new Writer().string(1, 'x').string(3, 'odd')).finish();
    assert.equal(readInputOutlines(odd), undefined);
  });
});

describe('a dimension less', () => {
  const outputs = new Map([
    ['row', text([1], 'abc')],
    ['rows', text([2], 'abc', 'def')],
    ['scalar', text([], 'abc')],
    ['fixed', float([1, 2])],
  ]);
  const response = Buffer.concat(encodePredictResponse({ spec: { name: 'm', signature: 's' }, outputs }));

  it('is taken off where it is 1 and may go', () => {
    const changed = decodePredictResponse(
      Buffer.concat(withoutLeadingDimension(response, (name) => name !== 'fixed')),
    );
    const shapes = [...changed.outputs].map(([name, { shape }]) => [name, shape]);
    assert.deepEqual(Object.fromEntries(shapes), { row: [], rows: [2], scalar: [], fixed: [1, 2] });
    assert.equal(changed.spec?.name, 'm');
    assert.deepEqual(changed.outputs.get('row'), text([], 'abc'));
  });
});
