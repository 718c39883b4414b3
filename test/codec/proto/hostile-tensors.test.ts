/** Messages that lie about their tensors, name them like JavaScript's own properties, or have far too many of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import {
  decodeExamplesRequest,
  decodeModelInferRequest,
  decodePredictRequest,
  decodePredictRequestChunks,
  decodeTensor,
  encodeExamplesRequest,
  encodeInput,
  examplesBody,
  joined,
  type Tensor,
} from '../../../src/codec/index.ts';
import { decode, limits, sourceOf } from '../json/support.ts';

function varint(value: bigint | number): Buffer {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...out, Number(rest)]);
}
const field = (number: number, value: bigint | number): Buffer =>
  Buffer.concat([varint(number * 8), varint(value)]);
const bytes = (number: number, ...parts: (Uint8Array | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
};
const dims = (...sizes: (bigint | number)[]): Buffer =>
  bytes(2, ...sizes.map((size) => bytes(2, field(1, size))));
const float = (value: number): Buffer => Buffer.from(Float32Array.of(value).buffer);
const single = (value: number): Buffer => Buffer.concat([varint(5 * 8 + 5), float(value)]);

const dtype = { float: 1, int32: 3, string: 7, resource: 20, variant: 21, qint8: 11 };
const content = (...parts: Uint8Array[]): Buffer => bytes(4, ...parts);

/** A tensor as the only input of a request, whole and in pieces of a few bytes: both readers must agree. */
function read(proto: Uint8Array): Tensor {
  const request = bytes(2, bytes(1, 'x'), bytes(2, proto));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < request.length; at += 7) pieces.push(request.subarray(at, at + 7));
  let whole: Tensor | undefined;
  let error: unknown;
  try {
    whole = decodePredictRequest(request).inputs.get('x');
  } catch (caught) {
    error = caught;
  }
  if (error !== undefined) {
    assert.throws(
      () => decodePredictRequestChunks(pieces),
      (other) => other instanceof StatusError && other.message === (error as Error).message,
    );
    throw error as Error;
  }
  assert.ok(whole !== undefined);
  const scattered = decodePredictRequestChunks(pieces).tensors.get('x');
  assert.ok(scattered !== undefined);
  if (whole.dtype === 'string' || scattered.dtype === 'string')
    assert.deepEqual(
      scattered.dtype === 'string' && scattered.values.map((value) => Buffer.from(joined(value))),
      whole.dtype === 'string' && whole.values.map((value) => Buffer.from(value)),
    );
  else assert.deepEqual(Buffer.from(joined(scattered.pieces)), Buffer.from(whole.bytes));
  return whole;
}

const tensor = (type: number, ...parts: Uint8Array[]): Buffer => Buffer.concat([field(1, type), ...parts]);

describe('a TensorProto is refused', () => {
  const { float: f, string, int32 } = dtype;
  const cases: Record<string, readonly [proto: Uint8Array, code: number, message: RegExp]> = {
    'when its size overflows': [
      tensor(f, dims(2 ** 31, 2 ** 31), single(1)),
      Code.RESOURCE_EXHAUSTED,
      /takes .* bytes, the limit is/,
    ],
    'when its size is beyond every number': [
      tensor(f, dims(...Array.from({ length: 250 }, () => 2n ** 62n), 0)),
      Code.RESOURCE_EXHAUSTED,
      /the limit is/,
    ],
    'when a few bytes stand for a billion strings': [
      tensor(string, dims(2 ** 30), bytes(8, 'x')),
      Code.RESOURCE_EXHAUSTED,
      /takes 17179869184 bytes, the limit is/,
    ],
    'with a negative dimension': [
      tensor(f, dims(-1), single(1)),
      Code.INVALID_ARGUMENT,
      /negative dimension -1/,
    ],
    'with 10,000 dimensions': [
      tensor(f, dims(...Array.from({ length: 10_000 }, () => 1)), single(1)),
      Code.INVALID_ARGUMENT,
      /more than 254 dimensions/,
    ],
    'with too little content': [
      tensor(f, dims(2), content(float(1))),
      Code.INVALID_ARGUMENT,
      /tensor_content has 4 bytes, .* takes 8/,
    ],
    'with too much content': [
      tensor(f, dims(), content(float(1), float(2))),
      Code.INVALID_ARGUMENT,
      /tensor_content has 8 bytes, .* takes 4/,
    ],
    'when its strings are longer than their content': [
      tensor(string, dims(2), content(varint(1), varint(200), Buffer.from('ab'))),
      Code.INVALID_ARGUMENT,
      /shorter than its strings/,
    ],
    'when content ends within its lengths': [
      tensor(string, dims(1000), content(varint(1))),
      Code.INVALID_ARGUMENT,
      /a varint is cut short/,
    ],
    'of no dtype': [tensor(0, dims(), single(1)), Code.INVALID_ARGUMENT, /dtype 0 cannot be read/],
    'of a reference': [tensor(101, dims(), single(1)), Code.INVALID_ARGUMENT, /dtype 101 cannot be read/],
    'of resources': [tensor(dtype.resource, dims()), Code.INVALID_ARGUMENT, /DT_RESOURCE cannot be read/],
    'of variants': [tensor(dtype.variant, dims()), Code.INVALID_ARGUMENT, /DT_VARIANT cannot be read/],
    'when a packed run is no multiple of its values': [
      tensor(f, dims(2), bytes(5, Buffer.alloc(7))),
      Code.INVALID_ARGUMENT,
      /packed field is cut short/,
    ],
    'when a varint has eleven bytes': [
      tensor(int32, dims(1), bytes(7, Buffer.alloc(10, 0xff), Buffer.from([1]))),
      Code.INVALID_ARGUMENT,
      /longer than 10 bytes/,
    ],
  };
  for (const [name, [proto, code, message]] of Object.entries(cases))
    it(name, () => {
      assert.throws(
        () => read(proto),
        (error) => error instanceof StatusError && error.code === code && message.test(error.message),
      );
    });
});

describe('a TensorProto is read', () => {
  const floats = (proto: Uint8Array): number[] => {
    const { bytes: values } = read(proto) as { bytes: Uint8Array };
    return [...new Float32Array(Uint8Array.from(values).buffer)];
  };

  it('with single values and packed runs in turn, wherever dtype and shape stand', () => {
    const values = [single(1), bytes(5, float(2), float(3)), single(4)];
    assert.deepEqual(floats(tensor(dtype.float, dims(4), ...values)), [1, 2, 3, 4]);
    assert.deepEqual(floats(Buffer.concat([...values, dims(4), field(1, dtype.float)])), [1, 2, 3, 4]);
    const between = [values[0], field(1, dtype.float), values[1], dims(2, 2), values[2]] as Buffer[];
    assert.deepEqual(floats(Buffer.concat(between)), [1, 2, 3, 4]);
  });

  it('with the last value again for those that are missing, and without those that are too many', () => {
    assert.deepEqual(floats(tensor(dtype.float, dims(4), single(1), single(2))), [1, 2, 2, 2]);
    assert.deepEqual(floats(tensor(dtype.float, dims(1), single(1), single(2))), [1]);
    assert.deepEqual(floats(tensor(dtype.float, dims(3))), [0, 0, 0]);
    const strings = read(tensor(dtype.string, dims(3), bytes(8, 'a'), bytes(8, 'b')));
    assert.deepEqual(
      strings.dtype === 'string' && strings.values.map((value) => Buffer.from(value).toString()),
      ['a', 'b', 'b'],
    );
  });

  it('by its content when it has typed values too, and without values of other types', () => {
    assert.deepEqual(floats(tensor(dtype.float, dims(1), single(1), content(float(7)))), [7]);
    // int_val, and float_val as a varint, are unknown fields here
    assert.deepEqual(floats(tensor(dtype.float, dims(1), field(7, 5), field(5, 9), single(3))), [3]);
  });

  it('when it has quantized integers', () => {
    const { bytes: values } = read(tensor(dtype.qint8, dims(2), field(7, -1), field(7, 5))) as {
      bytes: Uint8Array;
    };
    assert.deepEqual([...values], [255, 5]);
  });

  it('when it has a million single values', () => {
    const count = 1_000_000;
    const values = Buffer.alloc(count * 5);
    for (let i = 0; i < count; i++) {
      values[i * 5] = 5 * 8 + 5;
      values.writeFloatLE(i, i * 5 + 1);
    }
    const decoded = decodeTensor(tensor(dtype.float, dims(count), values)) as { bytes: Uint8Array };
    assert.equal(Buffer.from(decoded.bytes.buffer).readFloatLE((count - 1) * 4), count - 1);
  });
});

describe('a V2 tensor is refused', () => {
  const input = (datatype: string, size: number, ...more: Uint8Array[]): Buffer =>
    bytes(5, bytes(1, 'x'), bytes(2, datatype), field(3, size), ...more);
  const raw = (...parts: Uint8Array[]): Buffer => bytes(7, ...parts);
  const length = (size: number): Buffer => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(size);
    return prefix;
  };
  const cases: Record<string, readonly [message: Uint8Array, error: RegExp]> = {
    'when there are more raw contents than tensors': [
      Buffer.concat([input('FP32', 1), raw(float(1)), raw(float(2))]),
      /1 tensors and 2 raw contents/,
    ],
    'when there are fewer': [
      Buffer.concat([input('FP32', 1), input('FP32', 1), raw(float(1))]),
      /2 tensors and 1 raw contents/,
    ],
    'when its strings are cut short': [
      Buffer.concat([input('BYTES', 1), raw(length(2 ** 32 - 1), Buffer.from('ab'))]),
      /a string of 4294967295 bytes is cut short after 2 bytes/,
    ],
    'when the length of a string is cut short': [
      Buffer.concat([input('BYTES', 2), raw(length(0), Buffer.from('ab'))]),
      /length is cut short/,
    ],
    'when it has more strings than its shape': [
      Buffer.concat([input('BYTES', 1), raw(length(0), length(0))]),
      /more than the 1 strings/,
    ],
    'when it has more typed strings than its shape': [
      input('BYTES', 1, bytes(5, bytes(8, 'a'), bytes(8, 'b'))),
      /takes 1 values, got more/,
    ],
    'when its size is negative': [Buffer.concat([input('FP32', -1), raw()]), /negative dimension -1/],
    'when its size overflows': [
      Buffer.concat([input('FP32', Number.MAX_SAFE_INTEGER), raw()]),
      /the limit is/,
    ],
    'when its typed values are too few': [
      input('FP32', 2, bytes(5, bytes(6, float(1)))),
      /takes 2 values, got fewer or more/,
    ],
  };
  for (const [name, [message, error]] of Object.entries(cases))
    it(name, () => {
      assert.throws(
        () => decodeModelInferRequest([message]),
        (caught) => caught instanceof StatusError && error.test(caught.message),
      );
    });
});

const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '$type', '', 'x'.repeat(4000)];

describe("a name that is one of JavaScript's own properties is like any other", () => {
  it('for an input over gRPC', () => {
    const proto = tensor(dtype.float, dims(), single(2));
    const request = Buffer.concat(names.map((name) => bytes(2, bytes(1, name), bytes(2, proto))));
    assert.deepEqual([...decodePredictRequest(request).inputs.keys()], names);
    assert.deepEqual([...decodePredictRequestChunks([request]).tensors.keys()], names);
  });

  it('for an input or a signature over JSON', () => {
    for (const name of names) {
      // Object.fromEntries makes an own property even of __proto__
      const source = sourceOf(Object.fromEntries([[name, Object.fromEntries([[name, { dtype: 'float' }]])]]));
      const key = JSON.stringify(name);
      // an empty name stands for the default signature, which this model lacks
      const signature = name === '' ? '"none"' : key;
      const verdict = decode(Buffer.from(`{"signature_name":${signature},"inputs":{${key}:[1]}}`), source);
      if (name === '') assert.ok('error' in verdict);
      else assert.deepEqual('tensors' in verdict && Object.keys(verdict.tensors), [name]);
    }
  });

  it('for a feature, there and back', () => {
    const text = `{"examples":[{${names.map((name) => `${JSON.stringify(name)}:1.5`).join(',')}}]}`;
    const body = examplesBody(limits);
    body.push(Buffer.from(text));
    const { examples } = body.finish();
    const message = encodeExamplesRequest({ name: 'm', signature: '' }, encodeInput(examples));
    const [example] = decodeExamplesRequest(message).examples;
    assert.deepEqual([...(example?.keys() ?? [])].sort(), [...names].sort());
  });
});

describe('a request with far too many parts costs little and is refused', () => {
  const count = 1_000_000;
  /** Part after part; "#####", if a part has it, is a different name in each. */
  const many = (part: Buffer): Buffer => {
    const all = Buffer.alloc(count * part.length, part);
    const name = part.indexOf('#####');
    if (name >= 0)
      for (let i = 0; i < count; i++)
        all.write(i.toString(36).padStart(5, '#'), i * part.length + name, 'latin1');
    return all;
  };

  it('when it has a million tiny inputs', () => {
    const proto = tensor(dtype.float);
    const request = many(bytes(2, bytes(1, '#####'), bytes(2, proto)));
    const refused = /more than 65536 tensors/;
    assert.throws(() => decodePredictRequest(request), refused);
    assert.throws(() => decodePredictRequestChunks([request]), refused);
  });

  it('unless a million times the same input make one input', () => {
    const one = bytes(2, bytes(1, 'x'), bytes(2, tensor(dtype.float)));
    assert.equal(decodePredictRequest(many(one)).inputs.size, 1);
  });

  it('when it wants a million outputs', () => {
    assert.throws(() => decodePredictRequest(many(bytes(3, 'y'))), /more than 65536 names/);
  });

  it('when it has a million V2 tensors, outputs, raw contents or parameters', () => {
    const cases = [
      [bytes(5, bytes(1, 'x')), /65536 tensors/],
      [bytes(6, bytes(1, 'y')), /65536 outputs/],
      [bytes(7, ''), /65536 raw contents/],
    ] as const;
    for (const [part, error] of cases) assert.throws(() => decodeModelInferRequest([many(part)]), error);
    const parameters = many(bytes(4, bytes(1, '#####'), bytes(2, field(1, 1))));
    assert.throws(() => decodeModelInferRequest([parameters]), /65536 parameters/);
  });
});
