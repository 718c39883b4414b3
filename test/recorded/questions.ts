/** What real model servers were asked whose answers are recorded here: mistakes that clients make, in each API. */
import {
  encodeGetModelMetadataRequest,
  encodeGetModelStatusRequest,
  encodeModelInferRequest,
  encodeModelVersionRequest,
  encodePredictRequest,
  joined,
  type ModelSpec,
  type NamedChunks,
  chunksOf,
  type Tensor,
} from '../../src/codec/index.ts';

/** One request; the models are those of test/bridge/servers/models.ts (pageModels). */
export interface Question {
  /** "Predict: an unknown model" */
  readonly what: string;
  readonly over: 'grpc' | 'http';
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** A gRPC message without its prefix, or a body. */
  readonly body: Uint8Array;
}

const doubles = (shape: readonly number[], ...values: number[]): Tensor => ({
  dtype: 'double',
  shape,
  bytes: new Uint8Array(Float64Array.from(values).buffer),
});
const floats = (shape: readonly number[], ...values: number[]): Tensor => ({
  dtype: 'float',
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const strings = (shape: readonly number[], ...values: string[]): Tensor => ({
  dtype: 'string',
  shape,
  values: values.map((value) => Buffer.from(value)),
});

type Inputs = Readonly<Record<string, Tensor>>;
const one = { input_name: doubles([1], 1) };

/** What both APIs can get wrong in a question to a model: name, inputs and the rest of the message. */
const mistakes: readonly (readonly [
  what: string,
  spec: { name: string; version?: bigint },
  inputs: Inputs,
  outputs?: readonly string[],
])[] = [
  ['an unknown model', { name: 'no_such_model' }, one],
  ['an unknown version', { name: 'my_model', version: 77n }, one],
  ['an empty name', { name: '' }, one],
  ['no input', { name: 'my_model' }, {}],
  ['another input', { name: 'my_model' }, { nope: doubles([1], 1) }],
  ['an input too many', { name: 'my_model' }, { ...one, nope: doubles([1], 1) }],
  ['another dtype', { name: 'my_model' }, { input_name: floats([1], 1) }],
  ['strings for numbers', { name: 'my_model' }, { input_name: strings([1], 'a') }],
  ['numbers for strings', { name: 'my_string' }, one],
  ['a dimension too few', { name: 'my_matrix' }, { input_name: doubles([2], 1, 2) }],
  ['a string without a dimension', { name: 'my_image' }, { input_name: strings([], 'no image') }],
  ['an image that is none', { name: 'my_image' }, { input_name: strings([1], 'no image') }],
  ['an unknown output', { name: 'my_model' }, one, ['nope']],
];

const specOf = ({ name, version }: { name: string; version?: bigint }): ModelSpec => ({
  name,
  signature: '',
  ...(version === undefined ? {} : { version }),
});
const stringEntry = (value: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(0x42, value.length), value]);
const predict = (spec: ModelSpec, inputs: Inputs, outputFilter: readonly string[] = []): Uint8Array =>
  Buffer.concat(
    encodePredictRequest({
      spec,
      inputs: new Map(
        Object.entries(inputs).map(([name, tensor]) => {
          const { dtype, shape } = tensor;
          const parts = tensor.dtype === 'string' ? tensor.values.map(stringEntry) : [tensor.bytes];
          return [name, { dtype, shape, parts }];
        }),
      ),
      outputFilter,
    }),
  );

const grpc =
  (service: string, name: string) =>
  (what: string, body: Uint8Array): Question => ({
    what: `${name}: ${what}`,
    over: 'grpc',
    method: 'POST',
    path: `/${service}/${name}`,
    body,
  });
const prediction = 'tensorflow.serving.PredictionService';
const asksPredict = grpc(prediction, 'Predict');
const asksStatus = grpc('tensorflow.serving.ModelService', 'GetModelStatus');
const asksMetadata = grpc(prediction, 'GetModelMetadata');
const signatureDef = ['signature_def'];

export const tfsQuestions: readonly Question[] = [
  asksStatus('no model_spec', new Uint8Array(0)),
  asksStatus('an unknown model', encodeGetModelStatusRequest(specOf({ name: 'no_such_model' }))),
  asksStatus('an empty name', encodeGetModelStatusRequest(specOf({ name: '' }))),
  asksStatus('an unknown version', encodeGetModelStatusRequest(specOf({ name: 'my_model', version: 77n }))),
  asksMetadata('an unknown model', encodeGetModelMetadataRequest(specOf({ name: 'm' }), signatureDef)),
  asksMetadata('no field', encodeGetModelMetadataRequest(specOf({ name: 'my_model' }), [])),
  asksPredict('no model_spec', new Uint8Array(0)),
  asksPredict('version 0, which is a version', predict(specOf({ name: 'my_model', version: 0n }), one)),
  asksPredict('an unknown signature', predict({ name: 'my_model', signature: 'nope' }, one)),
  asksPredict('an unknown label', predict({ name: 'my_model', signature: '', label: 'nope' }, one)),
  ...mistakes.map(([what, spec, inputs, outputs]) =>
    asksPredict(what, predict(specOf(spec), inputs, outputs)),
  ),
];

const v2Service = 'inference.GRPCInferenceService';
const asksInfer = grpc(v2Service, 'ModelInfer');
const asksReady = grpc(v2Service, 'ModelReady');
const asksModel = grpc(v2Service, 'ModelMetadata');

const infer = (
  spec: { name: string; version?: bigint },
  inputs: Inputs,
  outputs: readonly string[],
): Uint8Array => {
  const pieces: NamedChunks = new Map(
    Object.entries(inputs).map(([name, tensor]) => [name, chunksOf(tensor)] as const),
  );
  return joined(
    encodeModelInferRequest({
      model: spec.name,
      version: spec.version === undefined ? '' : String(spec.version),
      id: '',
      parameters: new Map(),
      inputs: pieces,
      inputParameters: new Map(),
      outputs: outputs.map((name) => ({ name, parameters: new Map() })),
    }),
  );
};

const datatypes = { double: 'FP64', float: 'FP32', string: 'BYTES' } as const;
const inferJson = (inputs: Inputs, outputs: readonly string[]): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      inputs: Object.entries(inputs).map(([name, tensor]) => ({
        name,
        datatype: datatypes[tensor.dtype as keyof typeof datatypes],
        shape: tensor.shape,
        data:
          tensor.dtype === 'string'
            ? tensor.values.map((value) => Buffer.from(value).toString())
            : Array.from(
                tensor.dtype === 'float'
                  ? new Float32Array(Uint8Array.from(tensor.bytes).buffer)
                  : new Float64Array(Uint8Array.from(tensor.bytes).buffer),
              ),
      })),
      ...(outputs.length === 0 ? {} : { outputs: outputs.map((name) => ({ name })) }),
    }),
  );

const rest = (
  what: string,
  method: 'GET' | 'POST',
  path: string,
  body: Uint8Array = Buffer.alloc(0),
): Question => ({
  what,
  over: 'http',
  method,
  path,
  body,
});

export const v2Questions: readonly Question[] = [
  asksStatus('an empty name, of the other API', encodeGetModelStatusRequest(specOf({ name: '' }))),
  asksReady('an unknown model', encodeModelVersionRequest('no_such_model', '')),
  asksReady('an unknown version', encodeModelVersionRequest('my_model', '77')),
  asksReady('an empty name', encodeModelVersionRequest('', '')),
  asksModel('an unknown model', encodeModelVersionRequest('no_such_model', '')),
  asksModel('an unknown version', encodeModelVersionRequest('my_model', '77')),
  ...mistakes.map(([what, spec, inputs, outputs = []]) => asksInfer(what, infer(spec, inputs, outputs))),
  rest('GET ready: an unknown model', 'GET', '/v2/models/no_such_model/ready'),
  rest('GET metadata: an unknown model', 'GET', '/v2/models/no_such_model'),
  rest('GET metadata: an unknown version', 'GET', '/v2/models/my_model/versions/77'),
  rest('GET: an unknown path', 'GET', '/v2/no/such/path'),
  rest('infer: no JSON', 'POST', '/v2/models/my_model/infer', Buffer.from('{"inputs": [')),
  rest('infer: no inputs at all', 'POST', '/v2/models/my_model/infer', Buffer.from('{}')),
  ...mistakes.map(([what, { name, version }, inputs, outputs = []]) =>
    rest(
      `infer: ${what}`,
      'POST',
      `/v2/models/${name}${version === undefined ? '' : `/versions/${version}`}/infer`,
      inferJson(inputs, outputs),
    ),
  ),
];
