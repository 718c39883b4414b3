/** The V2 messages against protobufjs reading protos/, which another test holds against tritonclient's descriptors. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { Code, StatusError } from '../../src/base/status.ts';
import {
  chunksOf,
  decodeModelInferRequest,
  decodeModelInferResponse,
  decodeModelMetadataResponse,
  decodeV2MetadataJson,
  type DType,
  dtypes,
  elementsOf,
  encodeModelInferRequest,
  encodeModelInferResponse,
  encodeModelMetadataResponse,
  encodeV2MetadataJson,
  joined,
  type NamedChunks,
  readV2Spec,
  replaceV2Spec,
  type Tensor,
  tensorOf,
  v2Of,
  type V2Parameter,
  type V2Parameters,
} from '../../src/codec/index.ts';

const root = new protobuf.Root();
root.resolvePath = (_from, target) => target;
root.loadSync(fileURLToPath(new URL('../../protos/inference/grpc_service.proto', import.meta.url)), {
  keepCase: true,
});
const type = (name: string): protobuf.Type => root.lookupType(`inference.${name}`);
const asObject = (name: string, bytes: Uint8Array): Record<string, unknown> =>
  type(name).toObject(type(name).decode(bytes), { longs: String, defaults: true, bytes: Buffer });

const v2Dtypes = (Object.keys(dtypes) as DType[]).filter((dtype) => v2Of(dtype) !== undefined);

const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...v2Dtypes), shape)
  .chain(([dtype, sizes]): fc.Arbitrary<Tensor> => {
    const count = elementsOf(sizes);
    if (dtype === 'string') {
      return fc
        .array(fc.uint8Array({ maxLength: 9 }), { minLength: count, maxLength: count })
        .map((values) => ({ dtype, shape: sizes, values }));
    }
    const size = count * dtypes[dtype].width;
    return fc
      .uint8Array({ minLength: size, maxLength: size })
      .map((bytes) => ({ dtype, shape: sizes, bytes }));
  });
const tensors = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 5 }), tensor), {
    selector: ([name]) => name,
    maxLength: 4,
  })
  .map((entries) => new Map(entries));
const parameter: fc.Arbitrary<V2Parameter> = fc.oneof(
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.string({ maxLength: 8 }),
  fc.double(),
);
const parameters = fc
  .uniqueArray(fc.tuple(fc.string({ maxLength: 5 }), parameter), { selector: ([name]) => name, maxLength: 3 })
  .map((entries) => new Map(entries));
const names = fc.record({ model: fc.string(), version: fc.string({ maxLength: 4 }), id: fc.string() });

/** Raw contents as the protocol has them. */
function rawBytes(value: Tensor): Buffer {
  if (value.dtype !== 'string') return Buffer.from(value.bytes);
  return Buffer.concat(
    value.values.flatMap((each) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(each.length);
      return [length, each];
    }),
  );
}

const parameterField = (value: V2Parameter): object => {
  switch (typeof value) {
    case 'boolean':
      return { bool_param: value };
    case 'bigint':
      return value > 2n ** 63n - 1n ? { uint64_param: String(value) } : { int64_param: String(value) };
    case 'string':
      return { string_param: value };
    default:
      return { double_param: value };
  }
};
const parameterFields = (all: ReadonlyMap<string, V2Parameter>): object =>
  Object.fromEntries([...all].map(([name, value]) => [name, parameterField(value)]));

/** Cuts bytes in pieces, empty ones among them. */
function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...at.map((each) => each % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}
const cuts = fc.array(fc.nat(), { maxLength: 6 });

const asTensors = (pieces: NamedChunks): Map<string, Tensor> =>
  new Map([...pieces].map(([name, value]) => [name, normal(tensorOf(value))]));
const normal = (value: Tensor): Tensor =>
  value.dtype === 'string'
    ? { ...value, values: value.values.map((each) => Buffer.from(each)) }
    : { ...value, bytes: Buffer.from(value.bytes) };
const normals = (all: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map([...all].map(([name, value]) => [name, normal(value)]));

const code = (wanted: Code) => (error: unknown) => error instanceof StatusError && error.code === wanted;

describe('ModelInfer', () => {
  it('is read as protobufjs wrote it, in whatever pieces it arrives', () => {
    fc.assert(
      fc.property(names, tensors, parameters, fc.array(fc.string()), cuts, (who, inputs, own, wanted, at) => {
        const message = type('ModelInferRequest').fromObject({
          model_name: who.model,
          model_version: who.version,
          id: who.id,
          parameters: parameterFields(own),
          inputs: [...inputs].map(([name, each]) => ({
            name,
            datatype: v2Of(each.dtype),
            shape: each.shape,
          })),
          outputs: wanted.map((name) => ({ name })),
          raw_input_contents: [...inputs.values()].map(rawBytes),
        });
        const bytes = type('ModelInferRequest').encode(message).finish();
        const read = decodeModelInferRequest(cut(bytes, at));
        assert.deepEqual(
          {
            model: read.model,
            version: read.version,
            id: read.id,
            outputs: read.outputs.map(({ name }) => name),
          },
          { ...who, outputs: wanted },
        );
        assert.deepEqual(asTensors(read.inputs), normals(inputs));
        assert.deepEqual(new Map(read.parameters), new Map(own));
      }),
    );
  });

  it('is written as protobufjs reads it', () => {
    fc.assert(
      fc.property(names, tensors, parameters, fc.array(fc.string()), (who, inputs, own, wanted) => {
        const bytes = joined(
          encodeModelInferRequest({
            ...who,
            parameters: own,
            inputs: new Map([...inputs].map(([name, each]) => [name, chunksOf(each)])),
            inputParameters: new Map(),
            outputs: wanted.map((name) => ({ name, parameters: new Map() })),
          }),
        );
        const read = asObject('ModelInferRequest', bytes) as {
          inputs: { name: string; datatype: string; shape: string[] }[];
          raw_input_contents: Buffer[];
          outputs: { name: string }[];
        };
        assert.deepEqual(
          read.inputs.map(({ name, datatype, shape: sizes }) => [name, datatype, sizes.map(Number)]),
          [...inputs].map(([name, each]) => [name, v2Of(each.dtype), [...each.shape]]),
        );
        assert.deepEqual(read.raw_input_contents, [...inputs.values()].map(rawBytes));
        assert.deepEqual(
          read.outputs.map(({ name }) => name),
          wanted,
        );
        assert.deepEqual(new Map(decodeModelInferRequest([bytes]).parameters), new Map(own));
      }),
    );
  });

  it('has a sequence id of 64 bits in the field that Triton reads, as its bits; other parameters in that of their number', () => {
    for (const id of [7n, 2n ** 63n - 1n, 2n ** 63n, 12_345_678_901_234_567_890n, 2n ** 64n - 1n]) {
      const given = new Map([
        ['sequence_id', id],
        ['own', id],
      ]);
      const bytes = joined(
        encodeModelInferRequest({
          model: 'm',
          version: '',
          id: '',
          parameters: given,
          inputs: new Map(),
          inputParameters: new Map(),
          outputs: [],
        }),
      );
      const { parameters: written } = asObject('ModelInferRequest', bytes) as { parameters: object };
      const text = String(id);
      assert.deepEqual(
        written,
        parameterFields(new Map(given).set('sequence_id', BigInt.asIntN(64, id))),
        text,
      );
      assert.deepEqual(new Map(decodeModelInferRequest([bytes]).parameters), given, text);
    }
  });

  it('comes back as the reply that it was', () => {
    fc.assert(
      fc.property(names, tensors, cuts, (who, outputs, at) => {
        const bytes = joined(
          encodeModelInferResponse({
            ...who,
            parameters: new Map(),
            outputParameters: new Map(),
            outputs: new Map([...outputs].map(([name, each]) => [name, chunksOf(each)])),
          }),
        );
        type('ModelInferResponse').decode(bytes);
        assert.deepEqual(asTensors(decodeModelInferResponse(cut(bytes, at)).outputs), normals(outputs));
      }),
    );
  });

  it('becomes the same bytes with typed contents as with raw ones', () => {
    const contents: readonly [datatype: string, field: string, values: unknown[], bytes: number[]][] = [
      ['BOOL', 'bool_contents', [true, false], [1, 0]],
      ['INT8', 'int_contents', [-1, 2], [255, 2]],
      ['INT16', 'int_contents', [-2, 2], [254, 255, 2, 0]],
      ['INT32', 'int_contents', [-1, 1], [255, 255, 255, 255, 1, 0, 0, 0]],
      ['INT64', 'int64_contents', [-1, 1], [...new Array<number>(8).fill(255), 1, 0, 0, 0, 0, 0, 0, 0]],
      ['UINT8', 'uint_contents', [255, 1], [255, 1]],
      ['UINT16', 'uint_contents', [65535, 1], [255, 255, 1, 0]],
      ['UINT32', 'uint_contents', [4294967295, 1], [255, 255, 255, 255, 1, 0, 0, 0]],
      ['UINT64', 'uint64_contents', [1, 2], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]],
      ['FP32', 'fp32_contents', [1, -2], [0, 0, 128, 63, 0, 0, 0, 192]],
      ['FP64', 'fp64_contents', [1, -2], [0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 192]],
    ];
    for (const [datatype, field, values, bytes] of contents) {
      const message = (list: unknown[]): Uint8Array =>
        type('ModelInferRequest')
          .encode(
            type('ModelInferRequest').fromObject({
              inputs: [{ name: 'x', datatype, shape: [2], contents: { [field]: list } }],
            }),
          )
          .finish();
      const x = decodeModelInferRequest([message(values)]).inputs.get('x');
      assert.ok(x !== undefined && x.dtype !== 'string');
      assert.deepEqual([...joined(x.pieces)], bytes, datatype);
      assert.throws(
        () => decodeModelInferRequest([message(values.slice(1))]),
        code(Code.INVALID_ARGUMENT),
        `${datatype}: too few`,
      );
      assert.throws(
        () => decodeModelInferRequest([message([...values, values[0]])]),
        code(Code.INVALID_ARGUMENT),
        `${datatype}: too many`,
      );
    }
  });

  it('refuses tensors that do not fit their shapes, in words', () => {
    const message = (input: object, raw?: Uint8Array[]): Uint8Array[] => [
      type('ModelInferRequest')
        .encode(type('ModelInferRequest').fromObject({ inputs: [input], raw_input_contents: raw ?? [] }))
        .finish(),
    ];
    const refused = (text: RegExp, ...args: Parameters<typeof message>): void => {
      assert.throws(
        () => decodeModelInferRequest(message(...args)),
        (error) =>
          error instanceof StatusError && error.code === Code.INVALID_ARGUMENT && text.test(error.message),
      );
    };
    const fp32 = { name: 'x', datatype: 'FP32', shape: [2] };
    refused(/tensor x has 4 raw bytes, FP32 of shape \[2\] takes 8/, fp32, [new Uint8Array(4)]);
    refused(/1 tensors and 2 raw contents/, fp32, [new Uint8Array(8), new Uint8Array(8)]);
    refused(/typed and raw contents/, { ...fp32, contents: { fp32_contents: [1, 2] } }, [new Uint8Array(8)]);
    refused(/negative dimension -1/, { ...fp32, shape: [-1] }, [new Uint8Array(0)]);
    refused(/datatype "FP33"/, { ...fp32, datatype: 'FP33' }, [new Uint8Array(8)]);
    refused(/FP16 has no typed contents/, { ...fp32, datatype: 'FP16' });
    const bytes = { name: 's', datatype: 'BYTES', shape: [1] };
    refused(/string of 9 bytes is cut short/, bytes, [Uint8Array.from([9, 0, 0, 0, 1])]);
    refused(/length is cut short/, bytes, [Uint8Array.from([9, 0])]);
    refused(/more than the 1 strings/, bytes, [new Uint8Array(8)]);
    refused(/takes 1 strings by its shape, got 0/, bytes, [new Uint8Array(0)]);
    assert.throws(
      () => decodeModelInferRequest(message({ ...fp32, shape: [2 ** 40] }, [new Uint8Array(8)])),
      code(Code.RESOURCE_EXHAUSTED),
    );
  });

  it('never fails otherwise than with a status, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), cuts, (bytes, at) => {
        try {
          decodeModelInferRequest(cut(bytes, at));
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('ModelMetadata', () => {
  it('is written as protobufjs reads it, and read again', () => {
    const metadata = {
      name: 'm',
      versions: ['1', '3'],
      platform: 'OpenVINO',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
      outputs: [{ name: 'y', datatype: 'BYTES', shape: [] }],
    };
    const bytes = encodeModelMetadataResponse(metadata);
    assert.deepEqual(decodeModelMetadataResponse(bytes), metadata);
    const read = asObject('ModelMetadataResponse', bytes) as { inputs: { shape: string[] }[] };
    assert.deepEqual(read.inputs[0]?.shape, ['-1', '3']);
  });

  it('keeps parameters, over JSON too, to the last digit', () => {
    const parameters: V2Parameters = new Map<string, V2Parameter>([
      ['large', 12345678901234567890n],
      ['least', -(2n ** 63n)],
      ['ratio', 0.5],
      ['five', 5],
      ['flag', false],
      ['text', 'np'],
    ]);
    const tensor = { name: 'x', datatype: 'FP32', shape: [-1, 3], parameters };
    const metadata = {
      name: 'm',
      versions: ['v1.2'],
      platform: '',
      inputs: [tensor],
      outputs: [{ name: 'y', datatype: 'BYTES', shape: [] }],
      parameters,
    };
    assert.deepEqual(decodeModelMetadataResponse(encodeModelMetadataResponse(metadata)), metadata);
    const json = encodeV2MetadataJson(metadata);
    assert.deepEqual(decodeV2MetadataJson(Buffer.from(json)), metadata);
    assert.match(json, /"large":12345678901234567890,/);
  });

  it('passes over what is no parameter: in JSON lists, objects and null, in a message another map of the same number', () => {
    const json =
      '{"name":"m","parameters":{"a":[1],"b":{"c":2},"d":null,"e":1},"inputs":[{"name":"x","parameters":null}]}';
    const read = decodeV2MetadataJson(Buffer.from(json));
    assert.deepEqual([...(read.parameters ?? [])], [['e', 1n]]);
    assert.equal(read.inputs[0]?.parameters, undefined);
    // "properties" of older protocols: map<string, string>
    const entry = Buffer.concat([Buffer.from([0x0a, 1, 0x61, 0x12, 5]), Buffer.from('hello')]);
    const message = Buffer.concat([Buffer.from([0x0a, 1, 0x6d, 0x32, entry.length]), entry]);
    assert.deepEqual(decodeModelMetadataResponse(message), {
      ...{ name: 'm', versions: [], platform: '', inputs: [], outputs: [] },
    });
  });
});

describe('the model and version of a V2 request', () => {
  const request = (fields: object): Uint8Array =>
    type('ModelInferRequest').encode(type('ModelInferRequest').fromObject(fields)).finish();
  const whole = request({ model_name: 'my_model', model_version: '7', id: 'abc' });

  it('are found as soon as both have arrived, and not before', () => {
    for (let size = 0; size < whole.length; size++) {
      const found = readV2Spec(whole.subarray(0, size), false);
      if (size < 14) assert.equal(found, undefined, String(size));
      else assert.deepEqual(found?.spec, { name: 'my_model', version: 7n, signature: '' }, String(size));
    }
  });

  it('are a default version, a number, or a label', () => {
    const specOf = (version: string) =>
      readV2Spec(request({ model_name: 'm', model_version: version }), true)?.spec;
    assert.deepEqual(specOf(''), { name: 'm', signature: '' });
    assert.deepEqual(specOf('12'), { name: 'm', version: 12n, signature: '' });
    assert.deepEqual(specOf('stable'), { name: 'm', label: 'stable', signature: '' });
    assert.deepEqual(specOf('99999999999999999999'), {
      name: 'm',
      label: '99999999999999999999',
      signature: '',
    });
    assert.equal(readV2Spec(request({ id: 'x' }), true), null);
  });

  it('are replaced, and everything else stays as it was', () => {
    const replaced = joined(replaceV2Spec(whole, { name: 'other', signature: '' }));
    assert.deepEqual(
      asObject('ModelInferRequest', replaced),
      asObject('ModelInferRequest', request({ model_name: 'other', id: 'abc' })),
    );
  });
});
