/** The messages of TensorFlow Serving's parser and JSON rules, word for word, and the limits that it lacks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, single, sourceOf } from './support.ts';

const wrapped = (row: number, text: string): string =>
  `Failed to process element: ${row} of 'instances' list. Error: INVALID_ARGUMENT: ${text}`;

/** Whole, and in pieces: byte by byte unless that takes too long. */
function messages(body: string | Buffer, source = single('float'), own = {}): string {
  const bytes = Buffer.from(body as string);
  const told = [[bytes.length], pieces(bytes.length)].map((sizes) => {
    const verdict = decode(bytes, source, sizes, own);
    return 'error' in verdict ? verdict.error : 'no error';
  });
  assert.equal(told[0], told[1]);
  return told[0] as string;
}

function pieces(length: number): number[] {
  const size = length > 20_000 ? 4093 : 1;
  return Array.from({ length: Math.ceil(length / size) }, () => size);
}

describe('a predict body that fits no tensors', () => {
  for (const [body, message] of [
    ['{"instances": ["a"]}', wrapped(0, 'JSON Value: "a" Type: String is not of expected type: float')],
    ['{"inputs": ["a"]}', 'JSON Value: "a" Type: String is not of expected type: float'],
    ['{"instances": [[1,2],[3]]}', wrapped(1, 'Expecting tensor size: 2 but got: 1')],
    [
      '{"instances": [[[1,2],[3]]]}',
      wrapped(0, 'Encountered list at unexpected size: 1 at level: 1 expected size: 2'),
    ],
    ['{"instances": [[[1],[2]],[[3,4]]]}', wrapped(1, 'Expecting shape [2,1] but got: [1,2]')],
    [
      '{"inputs": [[1,2],3]}',
      'JSON Value: 3 found at incorrect level: 2 in the JSON DOM. Expected at level: 2',
    ],
    ['{"inputs": [1,[2]]}', 'Encountered list at unexpected level: 1 expected < 1'],
    [
      '{"instances": [{"x":1},{"y":2}]}',
      "Failed to process element: 1 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: y",
    ],
    [
      '{"instances": [{"x":1},{}]}',
      "Failed to process element: 1 of 'instances' list. JSON object: {} keys must be equal to: x",
    ],
    ['{"instances": 5}', 'JSON Value: {\n    "instances": 5\n} Expecting \'instances\' to be an list/array'],
    ['{"instances": []}', 'JSON Value: {\n    "instances": []\n} No values in \'instances\' array'],
    [
      '{"instances": [1], "inputs": 1}',
      'JSON Value: {\n    "instances": [1],\n    "inputs": 1\n} Not formatted correctly expecting only one of \'inputs\' or \'instances\' keys to exist ',
    ],
    ['{}', "Missing 'inputs' or 'instances' key"],
    ['[1]', 'JSON Value: [1] Is not object'],
    [
      '{"signature_name": 5, "instances": ["a"]}',
      'JSON Value: {\n    "signature_name": 5,\n    "instances": ["a"]\n} not formatted correctly. \'signature_name\' key must be a string value.',
    ],
    ['{"instances": [1,{"x":2}]}', 'Expecting value/list but got object at item 1 of input list'],
    ['{"instances": [{"x":2},1]}', 'Expecting object but got list at item 1 of input list'],
    ['{"inputs": {"y":2}}', "Missing named input: x in 'inputs' object."],
    ['{"inputs": {}}', "Missing named input: x in 'inputs' object."],
  ] as const) {
    it(`is refused in words: ${body}`, () => {
      assert.equal(messages(body), message);
    });
  }

  it('takes an object of base64 for no row of names, even when an input is called b64 and its name is written in escapes', () => {
    const b64 = sourceOf({ serving_default: { b64: { dtype: 'int8' } } });
    for (const name of ['b64', '\\u0062\\u0036\\u0034'])
      assert.equal(
        messages(`{"instances":[{"b64":-10},{"${name}":"s"}]}`, b64),
        'Expecting object but got list at item 1 of input list',
      );
  });

  it('is refused when several inputs have no names', () => {
    const two = sourceOf({ serving_default: { a: { dtype: 'float' }, b: { dtype: 'float' } } });
    assert.match(
      messages('{"instances": [1]}', two),
      /^instances is a plain list, but expecting list of objects/,
    );
    assert.match(messages('{"inputs": [1]}', two), /^inputs is a plain value\/list, but expecting an object/);
    assert.equal(
      messages('{"instances": [{"b":1}]}', two),
      'Failed to process element: 0 of \'instances\' list. JSON object: {\n    "b": 1\n} keys must be equal to: a,b',
    );
  });

  it('shows a value as far as 256 bytes, however far the text goes on', () => {
    const long = `{"x": "${'v'.repeat(100)}", "y": [${'1, '.repeat(5000)}2]}`;
    const told = messages(`{"instances": [[${long}]]}`, single('int32'));
    assert.match(told, /Type: Object is not of expected type: int32$/);
    assert.ok(told.length < 600, told);
  });
});

describe('a predict body that is no JSON', () => {
  for (const [body, message] of [
    ['', 'The document is empty'],
    ['  ', 'The document is empty. at offset: 2'],
    ['{"instances": [1,}', 'Invalid value. at offset: 17'],
    ['{"instances": [1', "Missing a comma or ']' after an array element. at offset: 16"],
    ['{"instances": [1 2]}', "Missing a comma or ']' after an array element. at offset: 17"],
    ['{"instances": [01]}', "Missing a comma or ']' after an array element. at offset: 16"],
    ['{"instances": [1]', "Missing a comma or '}' after an object member. at offset: 17"],
    ['{instances: [1]}', 'Missing a name for object member. at offset: 1'],
    ['{"instances" [1]}', 'Missing a colon after a name of object member. at offset: 13'],
    ['{"a": "\\x"}', 'Invalid escape character in string. at offset: 7'],
    ['{"a": "\n"}', 'Invalid escape character in string. at offset: 7'],
    ['{"a": "\\u00g0"}', 'Incorrect hex digit after \\u escape in string. at offset: 7'],
    ['{"a": "\\ud800x"}', 'The surrogate pair in string is invalid. at offset: 7'],
    ['{"a": "\\ud800\\u0041"}', 'The surrogate pair in string is invalid. at offset: 7'],
    ['{"a": "abc', 'Missing a closing quotation mark in string. at offset: 6'],
    ['{"instances": [1.]}', 'Miss fraction part in number. at offset: 17'],
    ['{"instances": [1e]}', 'Miss exponent in number. at offset: 17'],
    ['{"instances": [1e309]}', 'Number too big to be stored in double. at offset: 15'],
    ['{"a": -1e309, "instances": [1]}', 'Number too big to be stored in double. at offset: 6'],
    [`{"instances": [${'9'.repeat(400)}]}`, 'Number too big to be stored in double. at offset: 15'],
    ['{"instances": [+1]}', 'Invalid value. at offset: 15'],
    ['{"instances": [.5]}', 'Invalid value. at offset: 15'],
    ['{"instances": [0x10]}', "Missing a comma or ']' after an array element. at offset: 16"],
    ["{'a': 1}", 'Missing a name for object member. at offset: 1'],
    ['{"a": /* */ 1}', 'Invalid value. at offset: 6'],
    ['{"instances": ["a", 1', "Missing a comma or ']' after an array element. at offset: 21"],
    ['\ufeff{"a"}', 'Missing a colon after a name of object member. at offset: 7'],
    // a fault in the text comes before what the text says
    ['{"instances": ["a"], "b": tru}', 'Invalid value. at offset: 26'],
  ] as const) {
    it(`is refused in words: ${JSON.stringify(body.slice(0, 40))}`, () => {
      assert.equal(messages(body), `JSON Parse error: ${message}`);
    });
  }

  it('is refused when it is UTF-16', () => {
    assert.match(messages(Buffer.from('\ufeff{"a":1}', 'utf16le')), /^JSON Parse error: Invalid value/);
  });

  it('is read all the same behind the root, which nobody looks at, and behind a byte order mark', () => {
    assert.equal(messages('\ufeff{"instances": [1]}garbage'), 'no error');
  });
});

describe('a predict body beyond its limits', () => {
  it('is refused with a million brackets, in a tensor or in what is ignored', () => {
    const deep = 'JSON is nested deeper than the limit of 64 levels';
    for (const body of [
      `{"inputs": ${'['.repeat(1e6)}`,
      `{"inputs": ${'['.repeat(1e6)}${']'.repeat(1e6)}}`,
      `{"parameters": ${'{"a":'.repeat(1e5)}`,
      `{"inputs": {"b64": ${'['.repeat(1e5)}`,
    ]) {
      const verdict = decode(Buffer.from(body), single('float'));
      assert.deepEqual(verdict, { error: deep });
    }
  });

  it('is refused with more dimensions than a tensor may have', () => {
    assert.equal(
      messages(`{"inputs": ${'['.repeat(33)}1${']'.repeat(33)}}`),
      'a tensor has more dimensions than the limit of 32',
    );
  });

  it('is refused with more values in all tensors together, and takes memory for no more than those', () => {
    const text = 'the tensors have more values than the limit of 10';
    assert.match(
      messages(`{"instances": [${'1,'.repeat(10)}1]}`, single('float'), { maxElements: 10 }),
      new RegExp(`${text}$`),
    );
    assert.equal(
      messages(`{"instances": [${'1,'.repeat(9)}1]}`, single('float'), { maxElements: 10 }),
      'no error',
    );
    assert.match(
      messages(`{"instances": [${'"",'.repeat(10)}""]}`, single('string'), { maxElements: 10 }),
      new RegExp(`${text}$`),
    );
    const two = sourceOf({ serving_default: { a: { dtype: 'float' }, b: { dtype: 'int64' } } });
    assert.match(
      messages('{"inputs": {"a": [1,2,3,4,5,6], "b": [1,2,3,4,5]}}', two, { maxElements: 10 }),
      new RegExp(`${text}$`),
    );
  });

  it('is refused with longer strings, by what they stand for', () => {
    const own = { maxStringBytes: 8 };
    const nine = 'a string is 9 bytes, the limit is 8 bytes';
    assert.match(messages('{"instances": ["123456789"]}', single('string'), own), new RegExp(`${nine}$`));
    assert.match(
      messages('{"instances": [{"b64": "MTIzNDU2Nzg5"}]}', single('string'), own),
      new RegExp(`${nine}$`),
    );
    assert.equal(messages('{"instances": [{"b64": "MTIzNDU2Nzg="}]}', single('string'), own), 'no error');
    assert.equal(messages('{"instances": ["\\u0031234567\\n"]}', single('string'), own), 'no error');
  });

  it('is refused with numbers and names that do not end', () => {
    assert.equal(
      messages(`{"instances": [${'1'.repeat(3000)}]}`),
      'a number is longer than the limit of 2048 bytes',
    );
    assert.equal(
      messages(`{"instances": [0.${'1'.repeat(3000)}]}`),
      'a number is longer than the limit of 2048 bytes',
    );
    assert.equal(messages(`{"${'n'.repeat(5000)}": 1}`), 'a name is longer than the limit of 4096 bytes');
    assert.equal(
      messages(`{"output_filter": ["${'n'.repeat(5000)}"]}`),
      'a name is longer than the limit of 4096 bytes',
    );
  });

  it('is refused with more bytes', () => {
    assert.equal(
      messages('{"instances": [1, 2]}', single('float'), { maxBodyBytes: 10 }),
      'request body is larger than the limit of 10 bytes',
    );
  });

  it('takes no memory to speak of for ten million empty lists', () => {
    const before = process.memoryUsage().heapUsed;
    const verdict = decode(Buffer.from(`{"inputs": [${'[],'.repeat(1e7 - 1)}[]]}`), single('float'));
    assert.deepEqual(verdict, { tensors: { x: { dtype: 'float', shape: [1e7, 0], data: '' } } });
    assert.ok(process.memoryUsage().heapUsed - before < 64 * 2 ** 20);
  });
});

describe('a signature_name behind the tensors', () => {
  const source = sourceOf({
    serving_default: { x: { dtype: 'float' } },
    other: { x: { dtype: 'int64' } },
    same: { x: { dtype: 'float' } },
  });
  const int64 = { tensors: { x: { dtype: 'int64', shape: [1], data: '0100000000002000' } } };

  it('has the tensors read again with the types of that signature, nothing lost', () => {
    const body = Buffer.from('{"instances": [9007199254740993], "signature_name": "other"}');
    assert.deepEqual(decode(body, source), int64);
    assert.deepEqual(
      decode(
        body,
        source,
        Array.from(body, () => 1),
      ),
      int64,
    );
    assert.deepEqual(
      decode(Buffer.from('{"signature_name": "other", "instances": [9007199254740993]}'), source),
      int64,
    );
  });

  it('has a body read again whose tensors the default signature could not take', () => {
    assert.equal(
      messages('{"instances": ["a"], "signature_name": "other"}', source),
      wrapped(0, 'JSON Value: "a" Type: String is not of expected type: int64'),
    );
    assert.equal(messages('{"instances": [1.5], "signature_name": "same"}', source), 'no error');
  });

  it('has to stand first beyond a mebibyte, unless its inputs are the same', () => {
    const rows = `"instances": [${'1,'.repeat(600_000)}1]`;
    assert.equal(
      messages(`{${rows}, "signature_name": "other"}`.replaceAll(' ', ''), source),
      'signature_name must stand before tensors of more than 1048576 bytes: put it first',
    );
    assert.equal(messages(`{${rows}, "signature_name": "same"}`, source), 'no error');
    assert.equal(messages(`{"signature_name": "other", ${rows}}`, source), 'no error');
  });
});
