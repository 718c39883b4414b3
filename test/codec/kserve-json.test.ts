/** V2 bodies in JSON: what clients may write, in whatever order, and what they are told when it is wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Code, StatusError } from '../../src/base/status.ts';
import {
  chunksOf,
  decodeV2InferJson,
  decodeV2ReplyJson,
  type DType,
  dtypes,
  encodeV2InferJson,
  encodeV2ReplyJson,
  joined,
  type NamedChunks,
  tensorOf,
  type TensorOptions,
} from '../../src/codec/index.ts';

const options: TensorOptions = {
  limits: {
    maxBodyBytes: 1e6,
    maxDepth: 64,
    maxRank: 8,
    maxElements: 1000,
    maxStringBytes: 1000,
    maxExampleValues: 1000,
  },
  strictDtypes: false,
  maxTensorBytes: 1e6,
};
const decode = (body: object | string, binary: Uint8Array = new Uint8Array(0)) => {
  const json = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return decodeV2InferJson(
    Buffer.concat([json, binary]),
    binary.length > 0 ? json.length : undefined,
    options,
  );
};
const x = (tensor: object): object => ({ inputs: [{ name: 'x', ...tensor }] });
const bytesOf = (body: object | string, binary?: Uint8Array): number[] => {
  const tensor = decode(body, binary).inputs.get('x');
  assert.ok(tensor !== undefined && tensor.dtype !== 'string');
  return [...joined(tensor.pieces)];
};

describe('a V2 infer request in JSON', () => {
  it('has its data flat or nested, before or behind its datatype', () => {
    const flat = { datatype: 'INT16', shape: [2, 2], data: [1, 2, 3, -1] };
    const wanted = [1, 0, 2, 0, 3, 0, 255, 255];
    assert.deepEqual(bytesOf(x(flat)), wanted);
    assert.deepEqual(
      bytesOf(
        x({
          ...flat,
          data: [
            [1, 2],
            [3, -1],
          ],
        }),
      ),
      wanted,
    );
    const first = {
      inputs: [
        {
          data: [
            [1, 2],
            [3, -1],
          ],
          shape: [2, 2],
          datatype: 'INT16',
          name: 'x',
        },
      ],
    };
    assert.deepEqual(bytesOf(first), wanted);
    assert.deepEqual(decode(first).inputs.get('x')?.shape, [2, 2]);
  });

  it('keeps 64-bit integers, floats and byte strings exact', () => {
    assert.deepEqual(
      bytesOf('{"inputs":[{"name":"x","datatype":"INT64","shape":[1],"data":[9007199254740993]}]}'),
      [1, 0, 0, 0, 0, 0, 32, 0],
    );
    assert.deepEqual(bytesOf(x({ datatype: 'FP64', shape: [1], data: [0.1] })), [
      ...Buffer.from(Float64Array.of(0.1).buffer),
    ]);
    assert.deepEqual(bytesOf(x({ datatype: 'FP16', shape: [1], data: [1.5] })), [0, 0x3e]);
    const strings = decode(x({ datatype: 'BYTES', shape: [2], data: ['три', ''] })).inputs.get('x');
    assert.ok(strings?.dtype === 'string');
    assert.deepEqual(
      strings.values.map((value) => Buffer.from(joined(value)).toString()),
      ['три', ''],
    );
  });

  it('mixes JSON and binary tensors in one request', () => {
    const body = {
      id: 'a',
      parameters: { priority: 3, flag: true, text: 't', ratio: 0.5 },
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [1], parameters: { binary_data_size: 4 } },
        { name: 'x', datatype: 'UINT8', shape: [2], data: [7, 8] },
        { name: 'b', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 6 } },
      ],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
    };
    const binary = Uint8Array.from([0, 0, 128, 63, 2, 0, 0, 0, 104, 105]);
    const { id, parameters, inputs, outputs } = decode(body, binary);
    assert.equal(id, 'a');
    assert.deepEqual(
      [...parameters],
      [
        ['priority', 3n],
        ['flag', true],
        ['text', 't'],
        ['ratio', 0.5],
      ],
    );
    assert.deepEqual([...inputs.keys()], ['a', 'x', 'b']);
    const b = inputs.get('b');
    assert.ok(b?.dtype === 'string');
    assert.equal(Buffer.from(joined(b.values[0] ?? [])).toString(), 'hi');
    assert.equal(outputs[0]?.parameters.get('binary_data'), true);
  });

  it('is refused in words when it does not add up', () => {
    const fp32 = { datatype: 'FP32', shape: [2] };
    const refused = (text: RegExp, body: object | string, binary?: Uint8Array): void => {
      assert.throws(
        () => decode(body, binary),
        (error) =>
          error instanceof StatusError && error.code === Code.INVALID_ARGUMENT && text.test(error.message),
        String(text),
      );
    };
    refused(/no "inputs"/, {});
    refused(/needs name, shape and datatype/, x({ datatype: 'FP32', data: [1] }));
    refused(/takes 2 values, its data has the shape \[1\]/, x({ ...fp32, data: [1] }));
    refused(
      /takes 2 values, its data has the shape \[2,2\]/,
      x({
        ...fp32,
        data: [
          [1, 2],
          [3, 4],
        ],
      }),
    );
    refused(
      /tensor x has 1e39, which is beyond FP32/,
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[Infinity,1e39]}]}',
    );
    refused(
      /Number too big to be stored in double/,
      '{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[-1e400]}]}',
    );
    refused(
      /tensor x has 65520, which is beyond FP16/,
      '{"inputs":[{"name":"x","shape":[1],"data":[65520],"datatype":"FP16"}]}',
    );
    refused(/negative dimension -1/, x({ ...fp32, shape: [-1], data: [1] }));
    refused(/datatype "FP33"/, x({ ...fp32, datatype: 'FP33', data: [1] }));
    refused(/not of expected type: float/, x({ ...fp32, data: ['a', 'b'] }));
    refused(/neither data nor a binary_data_size/, x(fp32));
    refused(/data and binary_data_size/, x({ ...fp32, data: [1, 2], parameters: { binary_data_size: 8 } }));
    refused(
      /has 9 bytes of binary data, only 8 are left/,
      x({ ...fp32, parameters: { binary_data_size: 9 } }),
      new Uint8Array(8),
    );
    refused(/1 bytes behind the JSON belong to no tensor/, x({ ...fp32, data: [1, 2] }), new Uint8Array(1));
    refused(/x is there twice/, {
      inputs: [
        { name: 'x', ...fp32, data: [1, 2] },
        { name: 'x', ...fp32, data: [1, 2] },
      ],
    });
    refused(/"inputs" must be a list/, { inputs: {} });
    refused(/"shape" must be a list of integers/, x({ datatype: 'FP32', shape: ['2'], data: [1, 2] }));
    refused(/JSON Parse error/, '{"inputs": [');
    refused(
      /more values than the limit of 1000/,
      x({ datatype: 'INT8', shape: [1001], data: new Array<number>(1001).fill(0) }),
    );
  });

  it('takes values in their order, however they are nested', () => {
    const int8 = { datatype: 'INT8', shape: [4] };
    for (const data of [
      [1, 2, 3, 4],
      [
        [1, 2],
        [3, 4],
      ],
      [
        [[1], [2]],
        [[3], [4]],
      ],
    ])
      assert.deepEqual(bytesOf(x({ ...int8, data })), [1, 2, 3, 4]);
    assert.deepEqual(
      bytesOf(
        x({
          datatype: 'INT8',
          shape: [3, 2],
          data: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        }),
      ),
      [1, 2, 3, 4, 5, 6],
    );
    const strings = decode(x({ datatype: 'BYTES', shape: [2], data: [['a', 'b']] })).inputs.get('x');
    assert.deepEqual(strings?.shape, [2]);
  });

  it('has members that are null as if they were not there', () => {
    const input = { name: 'x', datatype: 'INT8', shape: [1], data: [7], parameters: null };
    const { id, parameters, inputs, outputs } = decode({
      id: null,
      parameters: null,
      outputs: null,
      inputs: [input],
    });
    assert.deepEqual([id, [...parameters], [...inputs.keys()], outputs], ['', [], ['x'], []]);
    const wanted = decode({
      inputs: [input],
      outputs: [{ name: 'y', parameters: null }],
      parameters: { p: null },
    });
    assert.deepEqual([wanted.outputs[0]?.name, wanted.outputs[0]?.parameters.size], ['y', 0]);
    assert.equal(wanted.parameters.size, 0);
    // a null before bytes that stand behind the JSON
    const binary = {
      name: 'x',
      datatype: 'INT8',
      shape: [1],
      data: null,
      parameters: { binary_data_size: 1 },
    };
    assert.deepEqual(bytesOf({ inputs: [binary] }, Uint8Array.of(9)), [9]);
    assert.throws(() => decode({ inputs: null }), /no "inputs"/);
    assert.throws(() => decode(x({ ...input, shape: null })), /needs name, shape and datatype/);
  });

  it('keeps infinities that are written as such', () => {
    const infinities = '{"inputs":[{"name":"x","datatype":"FP32","shape":[3],"data":[Infinity,-Inf,1e38]}]}';
    assert.deepEqual(
      [...new Float32Array(Uint8Array.from(bytesOf(infinities)).buffer)],
      [Infinity, -Infinity, Math.fround(1e38)],
    );
  });

  it('keeps every digit of a parameter that is an integer of 64 bits, and a double as it is', () => {
    const text = (value: string): string => `{"parameters":{"p":${value}},"inputs":[]}`;
    for (const [value, wanted] of [
      ['12345678901234567890', 12345678901234567890n],
      ['18446744073709551615', 18446744073709551615n],
      ['9007199254740993', 9007199254740993n],
      ['-9223372036854775808', -9223372036854775808n],
      ['5', 5n],
      ['5.0', 5],
      ['1e3', 1000],
    ] as const)
      assert.equal(decode(text(value)).parameters.get('p'), wanted, value);
    for (const value of ['18446744073709551616', '-9223372036854775809', '123456789012345678901234567890'])
      assert.throws(
        () => decode(text(value)),
        (error) =>
          error instanceof StatusError &&
          error.code === Code.INVALID_ARGUMENT &&
          /^parameter "p" is .* which is beyond/.test(error.message),
        value,
      );
  });

  it('is refused when a member that counts is there twice: servers disagree which one does', () => {
    const input = '{"name":"x","datatype":"FP32","shape":[1],"data":[1]}';
    for (const [member, body] of [
      ['id', `{"id":"a","id":"b","inputs":[${input}]}`],
      ['inputs', `{"inputs":[${input}],"inputs":[]}`],
      ['outputs', `{"outputs":[],"outputs":[],"inputs":[${input}]}`],
      ['parameters', `{"parameters":{},"parameters":{},"inputs":[${input}]}`],
      ['sequence_id', `{"parameters":{"sequence_id":1,"sequence_id":2},"inputs":[${input}]}`],
      ['sequence_id', `{"parameters":{"sequence_id":null,"\\u0073equence_id":2},"inputs":[${input}]}`],
      ['data', '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1],"data":[2]}]}'],
      ['shape', '{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","shape":[1],"data":[1]}]}'],
      ['name', `{"outputs":[{"name":"y","name":"z"}],"inputs":[${input}]}`],
    ] as const)
      assert.throws(() => decode(body), new RegExp(`^StatusError: "${member}" is there twice in one object`));
    // what nobody looks at may come as often as it likes
    assert.equal(decode(`{"x":1,"x":2,"inputs":[${input}]}`).inputs.size, 1);
  });

  it('never fails otherwise than with a status, wherever it is cut', () => {
    const whole = Buffer.from(
      JSON.stringify({
        id: 'a',
        inputs: [
          {
            data: [
              [1, 2],
              [3, 4],
            ],
            name: 'x',
            shape: [2, 2],
            datatype: 'FP32',
            parameters: { a: 1 },
          },
        ],
      }),
    );
    for (let end = 0; end < whole.length; end++) {
      assert.throws(
        () => decodeV2InferJson(whole.subarray(0, end), undefined, options),
        (error) => error instanceof StatusError,
        String(end),
      );
    }
  });
});

describe('V2 JSON', () => {
  it('goes there and back, for every dtype, in JSON and behind it', () => {
    const all = (Object.keys(dtypes) as DType[]).filter((dtype) => 'v2' in dtypes[dtype]);
    fc.assert(
      fc.property(
        fc.constantFrom(...all),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.boolean(),
        (dtype, noise, binary) => {
          const width = dtypes[dtype].width;
          // booleans are 0 or 1, and of NaNs only one survives text
          const bytes = dtype === 'bool' ? noise.map((each) => each & 1) : noise.map((each) => each & 0x3f);
          const tensor = chunksOf(
            dtype === 'string'
              ? { dtype, shape: [2, 1], values: [Buffer.from('a"\n'), Buffer.from('три')] }
              : { dtype, shape: [4], bytes: bytes.subarray(0, 4 * width) },
          );
          const { pieces, headerBytes } = encodeV2InferJson(
            {
              model: 'm',
              version: '',
              id: '7',
              parameters: new Map(),
              inputs: new Map([['x', tensor]]),
              inputParameters: new Map(),
              outputs: [],
            },
            { binary, listOutputs: true },
          );
          const back = decodeV2InferJson(joined(pieces), headerBytes, options).inputs.get('x');
          assert.ok(back !== undefined);
          assert.deepEqual(plain(tensorOf(back)), plain(tensorOf(tensor)));
          const reply = encodeV2ReplyJson(
            {
              model: 'm',
              version: '3',
              id: '7',
              parameters: new Map(),
              outputs: new Map([['x', tensor]]),
              outputParameters: new Map(),
            },
            () => binary,
          );
          const read = decodeV2ReplyJson(joined(reply.pieces), reply.headerBytes, options);
          assert.deepEqual([read.id, read.version], ['7', '3']);
          const output = read.outputs.get('x');
          assert.ok(output !== undefined);
          assert.deepEqual(plain(tensorOf(output)), plain(tensorOf(tensor)));
        },
      ),
    );
  });

  it('a body is its JSON alone where every tensor behind it is empty, as Triton has it', () => {
    const empty: NamedChunks = new Map([['x', { dtype: 'int8', shape: [2, 0], pieces: [] }]]);
    const who = { model: 'm', version: '', id: '', parameters: new Map() };
    const reply = encodeV2ReplyJson({ ...who, outputs: empty, outputParameters: new Map() }, () => true);
    const request = encodeV2InferJson(
      { ...who, inputs: empty, inputParameters: new Map(), outputs: [] },
      { binary: true, listOutputs: true },
    );
    for (const { pieces, headerBytes } of [reply, request]) {
      assert.equal(headerBytes, undefined);
      assert.match(joined(pieces).toString(), /"shape":\[2,0\],"parameters":\{"binary_data_size":0\}/);
    }
    assert.deepEqual(
      decodeV2ReplyJson(joined(reply.pieces), undefined, options).outputs.get('x')?.shape,
      [2, 0],
    );
    assert.deepEqual(
      decodeV2InferJson(joined(request.pieces), undefined, options).inputs.get('x')?.shape,
      [2, 0],
    );
  });
});

function plain(tensor: ReturnType<typeof tensorOf>): object {
  return tensor.dtype === 'string'
    ? { ...tensor, values: tensor.values.map((value) => Buffer.from(value).toString('hex')) }
    : { ...tensor, bytes: Buffer.from(tensor.bytes).toString('hex') };
}
