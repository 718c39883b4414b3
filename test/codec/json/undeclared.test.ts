/** Tensors that nobody has declared: their names and dtypes as a predict request shows them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OutOfBounds, undeclaredSignature } from '../../../src/codec/index.ts';

const shown = (body: string): Record<string, string | undefined> =>
  Object.fromEntries(
    [...undeclaredSignature(Buffer.from(body)).inputs].map(([name, { dtype }]) => [name, dtype]),
  );

describe('a JSON request for a model that declares no tensors', () => {
  const cases: readonly (readonly [body: string, tensors: Record<string, string>])[] = [
    ['{"instances": [1, 2]}', { 'input-0': 'int64' }],
    // 1.0 is an integer to JSON.parse, and none to who wrote it
    ['{"instances": [[1, 2], [3, 4.0]]}', { 'input-0': 'double' }],
    ['{"instances": [1e3]}', { 'input-0': 'double' }],
    ['{"instances": [9007199254740993]}', { 'input-0': 'int64' }],
    ['{"instances": ["a"]}', { 'input-0': 'string' }],
    ['{"instances": [{"b64": "YQ=="}]}', { 'input-0': 'string' }],
    ['{"instances": [true]}', { 'input-0': 'bool' }],
    ['{"instances": [[]]}', { 'input-0': 'double' }],
    ['{"instances": [{"a": 1, "b": "x"}, {"a": 2.5, "b": "y"}]}', { a: 'double', b: 'string' }],
    ['{"inputs": {"a": [1], "__proto__": [0.5]}}', { a: 'int64', ['__proto__']: 'double' }],
    ['{"inputs": [[1]]}', { 'input-0': 'int64' }],
  ];
  for (const [body, tensors] of cases)
    it(`has its types made out from its values: ${body}`, () => {
      assert.deepEqual(Object.entries(shown(body)), Object.entries(tensors));
    });

  it('has no tensors when it is no JSON object, and is refused when it is too long or too deep to be read twice', () => {
    for (const body of ['', '{', '[]', '1', 'null', '{}']) assert.deepEqual(shown(body), {}, body);
    assert.throws(() => shown(`{"inputs": [1${' '.repeat(2 ** 20)}]}`), OutOfBounds);
    assert.throws(() => shown(`{"inputs": ${'['.repeat(50)}${']'.repeat(50)}}`), OutOfBounds);
  });
});
