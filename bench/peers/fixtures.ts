/** Request bodies and replies, made by the gateway's own codec: small ones, and images of 224 x 224. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messagePrefix } from '../../src/call/index.ts';
import {
  chunksOf,
  dtypes,
  elementsOf,
  encodeGetModelMetadataResponse,
  encodeModelInferRequest,
  encodeModelInferResponse,
  encodeModelStreamInferResponse,
  encodePredictRequest,
  type NumericTensor,
} from '../../src/codec/index.ts';
import { descriptorSet } from '../../src/codec/proto/descriptors.ts';
import { encodeTypedPredictResponse } from '../../src/demo/typed-reply.ts';

export const model = 'm';
const imageShape: readonly number[] = [1, 224, 224, 3];

/** Values in [0, 1), the same in each run: a linear congruential generator with Numerical Recipes' constants. */
function noise(count: number): Float32Array {
  const values = new Float32Array(count);
  let state = 7;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    values[i] = state / 2 ** 32;
  }
  return values;
}

const tensor = (values: Float32Array, shape: readonly number[]): NumericTensor => ({
  dtype: 'float',
  shape,
  bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});
const small = tensor(Float32Array.of(1, 2, 5), [3]);
const image = tensor(noise(elementsOf(imageShape)), imageShape);
const thousand = tensor(noise(1000), [1, 1000]);
const floatsOf = ({ bytes }: NumericTensor): number[] => [...new Float32Array(bytes.buffer)];

/** A gRPC message with its prefix. */
export function framed(parts: readonly Uint8Array[]): Buffer {
  const message = Buffer.concat(parts);
  return Buffer.concat([messagePrefix(message.length), message]);
}

/** Replies that a backend may give, by name. */
export const replyTensors: Readonly<Record<string, NumericTensor>> = { small, '1000': thousand, image };
export type Reply = 'small' | '1000' | 'image';

/** Values in their typed field, as TensorFlow Serving answers. */
export const predictReply = (y: NumericTensor): Buffer =>
  framed(
    encodeTypedPredictResponse({
      spec: { name: model, version: 1n, signature: 'serving_default' },
      outputs: new Map([['y', y]]),
    }),
  );

const inferResponse = (y: NumericTensor): Parameters<typeof encodeModelInferResponse>[0] => ({
  model,
  version: '1',
  id: '',
  parameters: new Map(),
  outputs: new Map([['y', chunksOf(y)]]),
  outputParameters: new Map(),
});
export const inferReply = (y: NumericTensor): Buffer => framed(encodeModelInferResponse(inferResponse(y)));

const info = (name: string): object => ({
  dtype: 'float',
  dtypeNumber: dtypes.float.number,
  shape: undefined,
  tensorName: `${name}:0`,
});
export const metadataReply = framed([
  encodeGetModelMetadataResponse({
    model,
    version: 1n,
    signatures: new Map([
      [
        'serving_default',
        {
          name: 'serving_default',
          methodName: 'tensorflow/serving/predict',
          inputs: new Map([['x', info('x')]]),
          outputs: new Map([['y', info('y')]]),
        },
      ],
    ]),
  } as Parameters<typeof encodeGetModelMetadataResponse>[0]),
]);

const predictRequest = (x: NumericTensor): Buffer =>
  framed(
    encodePredictRequest({
      spec: { name: model, signature: '' },
      inputs: new Map([['x', x]]),
      outputFilter: [],
    }),
  );
const inferRequest = (x: NumericTensor): Buffer =>
  framed(
    encodeModelInferRequest({
      model,
      version: '',
      id: '',
      parameters: new Map(),
      inputs: new Map([['x', chunksOf(x)]]),
      inputParameters: new Map(),
      outputs: [],
    }),
  );

/** What a stream of inferences carries, about 1 KiB each way. */
const streamed = tensor(noise(240), [240]);
export const streamRequest = inferRequest(streamed);
export const streamReply = framed(
  encodeModelStreamInferResponse('', encodeModelInferResponse(inferResponse(streamed))),
);

/** Rows of rows of values, as clients print an image. */
function nested(values: readonly number[], shape: readonly number[]): unknown[] {
  let rows: unknown[] = [...values];
  for (const size of shape.slice(1).toReversed()) {
    const groups: unknown[] = [];
    for (let at = 0; at < rows.length; at += size) groups.push(rows.slice(at, at + size));
    rows = groups;
  }
  return rows;
}

const rowJson = (values: readonly number[], shape: readonly number[]): string =>
  JSON.stringify({ instances: nested(values, shape) });
/** The same request in proto3's JSON, for a proxy that transcodes by descriptors. */
const protoJson = (values: readonly number[], shape: readonly number[]): string =>
  JSON.stringify({
    modelSpec: { name: model },
    inputs: {
      x: {
        dtype: 'DT_FLOAT',
        tensorShape: { dim: shape.map((size) => ({ size: String(size) })) },
        floatVal: values,
      },
    },
  });
const v2Json = (values: readonly number[], shape: readonly number[]): string =>
  JSON.stringify({ inputs: [{ name: 'x', shape, datatype: 'FP32', data: values }] });
const v2ProtoJson = (values: readonly number[], shape: readonly number[]): string =>
  JSON.stringify({
    modelName: model,
    inputs: [{ name: 'x', datatype: 'FP32', shape: shape.map(String), contents: { fp32Contents: values } }],
  });

const v2Head = Buffer.from(
  JSON.stringify({
    inputs: [
      {
        name: 'x',
        shape: imageShape,
        datatype: 'FP32',
        parameters: { binary_data_size: image.bytes.length },
      },
    ],
    parameters: { binary_data_output: true },
  }),
);
/** Bytes of JSON before the tensor in `v2-image.bin`. */
export const v2HeadBytes = v2Head.length;

const smallValues = floatsOf(small);
/** Float32 as doubles: up to 17 digits each. */
const imageValues = floatsOf(image);
const pixels = imageValues.map((value) => Math.floor(value * 255));
const smallWeb = predictRequest(small);

/** Request bodies by file name. */
const bodies = {
  'small.grpc': () => smallWeb,
  'small.grpc-web-text': () => smallWeb.toString('base64'),
  'image.grpc': () => predictRequest(image),
  'small.json': () => rowJson(smallValues, [3]),
  'image.json': () => rowJson(imageValues, imageShape),
  'pixels.json': () => rowJson(pixels, imageShape),
  'small.proto.json': () => protoJson(smallValues, [3]),
  'image.proto.json': () => protoJson(imageValues, imageShape),
  'pixels.proto.json': () => protoJson(pixels, imageShape),
  'v2-small.grpc': () => inferRequest(small),
  'v2-image.grpc': () => inferRequest(image),
  'v2-image.bin': () => Buffer.concat([v2Head, image.bytes]),
  'v2-small.json': () => v2Json(smallValues, [3]),
  'v2-image.json': () => v2Json(imageValues, imageShape),
  'v2-small.proto.json': () => v2ProtoJson(smallValues, [3]),
  'v2-image.proto.json': () => v2ProtoJson(imageValues, imageShape),
} as const satisfies Readonly<Record<string, () => string | Uint8Array>>;
export type Body = keyof typeof bodies;

/** Writes every body, and the compiled descriptors, into a folder. */
export function writeFixtures(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, body] of Object.entries(bodies)) writeFileSync(join(folder, name), body());
  writeFileSync(join(folder, 'descriptors.pb'), Buffer.from(descriptorSet, 'base64'));
}
