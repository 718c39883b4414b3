/**
 * The rows of the protocol table about inference: the members of a request and an answer, and the forms that tensors
 * have.
 */
import { Buffer } from 'node:buffer';
import { deflateSync, gzipSync } from 'node:zlib';
import type { Grpc, Rest, Said } from './asks.ts';
import { type Cell, type Group, type Row, overRest, readOverRest, throughout } from './rows.ts';

const infer = (model: string): string => `v2/models/${model}/infer`;
const floats = { name: 'x', datatype: 'FP32', shape: [1, 2] };
const two = [1.5, -2];
const floatBytes = Buffer.from(new Float32Array(two).buffer);

/** The same request both ways: of the model identity_float, with more members. */
function floatRow(
  member: string,
  rest: Readonly<Record<string, unknown>>,
  grpc: Readonly<Record<string, unknown>>,
  more: Partial<Row> = {},
): Row {
  return {
    member,
    rest: (ask) =>
      ask({
        path: infer('identity_float'),
        body: JSON.stringify({ inputs: [{ ...floats, data: two }], ...rest }),
      }),
    grpc: (ask) =>
      ask('ModelInfer', {
        model_name: 'identity_float',
        inputs: [{ ...floats, contents: { fp32_contents: two } }],
        ...grpc,
      }),
    cells: throughout,
    ...more,
  };
}

/** A tensor of a type, as each carrier has it. */
function typeRow(
  datatype: string,
  model: string,
  json: readonly unknown[] | undefined,
  raw: Uint8Array,
  contents: object | undefined,
): Row {
  const shape = datatype === 'BYTES' ? [2] : [1, 2];
  const tensor = { name: 'x', datatype, shape };
  const asBinary = JSON.stringify({
    inputs: [{ ...tensor, parameters: { binary_data_size: raw.length } }],
    parameters: { binary_data_output: true },
  });
  return {
    member:
      json === undefined
        ? `${datatype}, as bytes over REST, raw over gRPC: Triton has nothing else`
        : `${datatype}, as JSON and as bytes over REST, as contents and raw over gRPC`,
    rest: async (ask) => [
      json === undefined
        ? undefined
        : await ask({ path: infer(model), body: JSON.stringify({ inputs: [{ ...tensor, data: json }] }) }),
      await ask({
        path: infer(model),
        body: Buffer.concat([Buffer.from(asBinary), raw]),
        headers: { 'inference-header-content-length': String(asBinary.length) },
      }),
    ],
    grpc: async (ask) => [
      contents === undefined
        ? undefined
        : await ask('ModelInfer', { model_name: model, inputs: [{ ...tensor, contents }] }),
      await ask('ModelInfer', { model_name: model, inputs: [tensor], raw_input_contents: [raw] }),
    ],
    cells: json === undefined ? readOverRest : throughout,
  };
}

const bytesOf = (array: { readonly buffer: ArrayBufferLike }): Buffer => Buffer.from(array.buffer);
const lengthed = (...values: readonly Buffer[]): Buffer =>
  Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      return [length, value];
    }),
  );

const nullsRead: Cell = {
  kind: 'own',
  what: 'as if they were not there, which Triton’s JSON is not read without',
  is: (said) =>
    JSON.stringify((said as { outputs?: readonly { data: unknown }[] }).outputs?.[0]?.data) === '[1.5,-2]',
};

const parameters = { flag: true, whole: 7, text: 'é', half: 0.5 };
const grpcParameters = {
  flag: { bool_param: true },
  whole: { int64_param: 7 },
  text: { string_param: 'é' },
  half: { double_param: 0.5 },
};

/** What a request may say and the server make nothing of. */
const both =
  (...asks: readonly ((ask: Rest) => Promise<Said>)[]) =>
  (ask: Rest): Promise<Said> =>
    Promise.all(asks.map((each) => each(ask)));
const bothGrpc =
  (...asks: readonly ((ask: Grpc) => Promise<Said>)[]) =>
  (ask: Grpc): Promise<Said> =>
    Promise.all(asks.map((each) => each(ask)));

export const inference: readonly Group[] = [
  {
    title: 'Inference: the members of a request',
    rows: [
      floatRow('`id`, which comes back', { id: 'né 7' }, { id: 'né 7' }),
      {
        member: '`model_version`: named, or the server’s choice',
        rest: both(
          (ask) =>
            ask({
              path: 'v2/models/identity_float/versions/1/infer',
              body: JSON.stringify({ inputs: [{ ...floats, data: two }] }),
            }),
          (ask) =>
            ask({
              path: infer('identity_float'),
              body: JSON.stringify({ inputs: [{ ...floats, data: two }] }),
            }),
        ),
        grpc: bothGrpc(
          (ask) =>
            ask('ModelInfer', {
              model_name: 'identity_float',
              model_version: '1',
              inputs: [{ ...floats, contents: { fp32_contents: two } }],
            }),
          (ask) =>
            ask('ModelInfer', {
              model_name: 'identity_float',
              inputs: [{ ...floats, contents: { fp32_contents: two } }],
            }),
        ),
        cells: throughout,
      },
      floatRow(
        '`parameters`: boolean, integer, string, double',
        { parameters },
        { parameters: grpcParameters },
      ),
      floatRow(
        '`parameters` of an input',
        { inputs: [{ ...floats, data: two, parameters }] },
        { inputs: [{ ...floats, contents: { fp32_contents: two }, parameters: grpcParameters }] },
      ),
      floatRow('`outputs`: which are wanted', { outputs: [{ name: 'x' }] }, { outputs: [{ name: 'x' }] }),
      floatRow(
        '`parameters` of a wanted output',
        { outputs: [{ name: 'x', parameters }] },
        { outputs: [{ name: 'x', parameters: grpcParameters }] },
      ),
      {
        member: 'members that are null',
        rest: (ask) =>
          ask({
            path: infer('identity_float'),
            body: JSON.stringify({
              id: null,
              parameters: null,
              outputs: null,
              inputs: [{ ...floats, data: two }],
            }),
          }),
        // Triton refuses them
        cells: overRest({ 'rest-rest': nullsRead, 'rest-grpc': nullsRead }),
      },
    ],
  },
  {
    title: 'Inference: tensors',
    rows: [
      typeRow('FP32', 'identity_float', two, floatBytes, { fp32_contents: two }),
      typeRow('FP64', 'identity_double', two, bytesOf(new Float64Array(two)), { fp64_contents: two }),
      typeRow('INT64', 'identity_int64', [1, -2], bytesOf(new BigInt64Array([1n, -2n])), {
        int64_contents: [1, -2],
      }),
      typeRow('INT32', 'identity_int32', [1, -2], bytesOf(new Int32Array([1, -2])), {
        int_contents: [1, -2],
      }),
      typeRow('INT16', 'identity_int16', [1, -2], bytesOf(new Int16Array([1, -2])), {
        int_contents: [1, -2],
      }),
      typeRow('INT8', 'identity_int8', [1, -2], bytesOf(new Int8Array([1, -2])), { int_contents: [1, -2] }),
      typeRow('UINT64', 'identity_uint64', [1, 2], bytesOf(new BigUint64Array([1n, 2n])), {
        uint64_contents: [1, 2],
      }),
      typeRow('UINT32', 'identity_uint32', [1, 2], bytesOf(new Uint32Array([1, 2])), {
        uint_contents: [1, 2],
      }),
      typeRow('UINT16', 'identity_uint16', [1, 2], bytesOf(new Uint16Array([1, 2])), {
        uint_contents: [1, 2],
      }),
      typeRow('UINT8', 'identity_uint8', [1, 2], bytesOf(new Uint8Array([1, 2])), { uint_contents: [1, 2] }),
      typeRow('BOOL', 'identity_bool', [true, false], Uint8Array.of(1, 0), { bool_contents: [true, false] }),
      typeRow('BYTES', 'identity_string', ['é', ''], lengthed(Buffer.from('é'), Buffer.alloc(0)), {
        bytes_contents: [Buffer.from('é'), Buffer.alloc(0)],
      }),
      typeRow('FP16', 'identity_half', undefined, Uint8Array.of(0, 0x3c, 0, 0xc0), undefined),
      {
        member: 'an empty tensor; one whose data is nested',
        rest: both(
          (ask) =>
            ask({
              path: infer('identity_float'),
              body: '{"inputs":[{"name":"x","datatype":"FP32","shape":[0,2],"data":[]}]}',
            }),
          (ask) =>
            ask({
              path: infer('identity_float'),
              body: '{"inputs":[{"name":"x","datatype":"FP32","shape":[2,1],"data":[[1],[2]]}]}',
            }),
        ),
        grpc: (ask) =>
          ask('ModelInfer', {
            model_name: 'identity_float',
            inputs: [{ ...floats, shape: [0, 2] }],
            raw_input_contents: [Buffer.alloc(0)],
          }),
        cells: throughout,
      },
      {
        member: 'strings of bytes that are no text',
        rest: (ask) => {
          const raw = lengthed(Buffer.of(0xff, 0, 0x80));
          const json = JSON.stringify({
            inputs: [
              { name: 'x', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: raw.length } },
            ],
            outputs: [{ name: 'x', parameters: { binary_data: true } }],
          });
          return ask({
            path: infer('identity_string'),
            body: Buffer.concat([Buffer.from(json), raw]),
            headers: { 'inference-header-content-length': String(json.length) },
          });
        },
        grpc: (ask) =>
          ask('ModelInfer', {
            model_name: 'identity_string',
            inputs: [{ name: 'x', datatype: 'BYTES', shape: [1] }],
            raw_input_contents: [lengthed(Buffer.of(0xff, 0, 0x80))],
          }),
        cells: throughout,
      },
      {
        member: 'binary output for one of the wanted outputs, `binary_data`',
        rest: (ask) =>
          ask({
            path: infer('identity_float'),
            body: JSON.stringify({
              inputs: [{ ...floats, data: two }],
              outputs: [{ name: 'x', parameters: { binary_data: true } }],
            }),
          }),
        cells: overRest(throughout),
      },
      {
        member: 'a body of nothing but the input’s bytes (`Inference-Header-Content-Length: 0`)',
        rest: (ask) =>
          ask({
            path: infer('flat_float'),
            body: floatBytes,
            headers: { 'inference-header-content-length': '0' },
          }),
        cells: overRest(readOverRest),
      },
      {
        member: 'a body that is compressed: gzip, deflate',
        rest: both(
          (ask) =>
            ask({
              path: infer('identity_float'),
              body: gzipSync(JSON.stringify({ inputs: [{ ...floats, data: two }] })),
              headers: { 'content-encoding': 'gzip' },
            }),
          (ask) =>
            ask({
              path: infer('identity_float'),
              body: deflateSync(JSON.stringify({ inputs: [{ ...floats, data: two }] })),
              headers: { 'content-encoding': 'deflate' },
            }),
        ),
        cells: overRest(readOverRest),
      },
    ],
  },
  {
    title: 'Inference: what is wrong',
    rows: [
      floatRow(
        'a shape that the model does not take',
        { inputs: [{ ...floats, shape: [2], data: two }] },
        { inputs: [{ ...floats, shape: [2], contents: { fp32_contents: two } }] },
        // its words end with a blank, which some clients of gRPC do not take
        { lasting: (said) => (said as { error: unknown }).error },
      ),
      floatRow(
        'an input that the model does not have',
        { inputs: [{ ...floats, name: 'y', data: two }] },
        { inputs: [{ ...floats, name: 'y', contents: { fp32_contents: two } }] },
        { fails: true },
      ),
      floatRow(
        'a type that is not the model’s',
        { inputs: [{ ...floats, datatype: 'INT32', data: [1, 2] }] },
        { inputs: [{ ...floats, datatype: 'INT32', contents: { int_contents: [1, 2] } }] },
        { fails: true },
      ),
      floatRow(
        'an output that the model does not have',
        { outputs: [{ name: 'y' }] },
        { outputs: [{ name: 'y' }] },
        { fails: true },
      ),
    ],
  },
];
