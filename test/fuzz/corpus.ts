/** Valid questions of every API that the doors speak: what generators begin with. */
import { gzipSync } from 'node:zlib';
import {
  encodeExamplesRequest,
  encodeGetModelMetadataRequest,
  encodeGetModelStatusRequest,
  encodeHealthCheckRequest,
  encodeInput,
  encodeModelVersionRequest,
  encodeMultiInferenceRequest,
  type Example,
} from '../../src/codec/index.ts';
import { framed, predictMessage } from '../support/index.ts';
import { inferMessage } from '../support/model-answers.ts';

/** A call of a gRPC method: its messages with their prefixes. */
export interface RpcQuestion {
  readonly path: string;
  readonly body: Buffer;
}

export interface HttpQuestion {
  readonly method: string;
  readonly target: string;
  readonly type: string | undefined;
  readonly body: Buffer;
  /** Further fields. */
  readonly more: readonly (readonly [name: string, value: string])[];
}

const tfs = '/tensorflow.serving.PredictionService/';
const models = '/tensorflow.serving.ModelService/';
const v2 = '/inference.GRPCInferenceService/';
const none = Buffer.alloc(0);

const example: Example = new Map([
  ['x', { kind: 'float', values: [1, 2] }],
  ['s', { kind: 'bytes', values: [Buffer.from('text')] }],
]);

/** @param model that is asked */
export function rpcQuestions(model: string): readonly RpcQuestion[] {
  const spec = { name: model, signature: '' };
  const input = encodeInput([example, example]);
  const rpc = (path: string, ...messages: readonly Uint8Array[]): RpcQuestion => ({
    path,
    body: Buffer.concat(messages.map((message) => framed(message))),
  });
  const predict = predictMessage(model, 3);
  return [
    rpc(`${tfs}Predict`, predict),
    rpc(`${tfs}Predict`, predictMessage(model, 300)),
    rpc(`${tfs}Predict`, predictMessage(model, 5000)),
    { path: `${tfs}Predict`, body: framed(gzipSync(predict), 1) },
    rpc(`${tfs}Classify`, encodeExamplesRequest({ ...spec, signature: 'classify_x_to_y' }, input)),
    rpc(`${tfs}Regress`, encodeExamplesRequest({ ...spec, signature: 'regress_x_to_y' }, input)),
    rpc(
      `${tfs}MultiInference`,
      encodeMultiInferenceRequest([{ spec, methodName: 'tensorflow/serving/regress' }], input),
    ),
    rpc(`${tfs}GetModelMetadata`, encodeGetModelMetadataRequest(spec, ['signature_def'])),
    rpc(`${models}GetModelStatus`, encodeGetModelStatusRequest(spec)),
    rpc(`${models}HandleReloadConfigRequest`, none),
    rpc(`${v2}ServerLive`, none),
    rpc(`${v2}ServerReady`, none),
    rpc(`${v2}ServerMetadata`, none),
    rpc(`${v2}ModelReady`, encodeModelVersionRequest(model, '')),
    rpc(`${v2}ModelMetadata`, encodeModelVersionRequest(model, '1')),
    rpc(`${v2}ModelInfer`, inferMessage(model, 2)),
    rpc(`${v2}ModelInfer`, inferMessage(model, 400)),
    rpc(`${v2}ModelStreamInfer`, inferMessage(model, 2), inferMessage(model, 2)),
    rpc(`${v2}RepositoryIndex`, none),
    rpc('/grpc.health.v1.Health/Check', encodeHealthCheckRequest('')),
    rpc('/grpc.health.v1.Health/Watch', encodeHealthCheckRequest(model)),
    rpc('/grpc.health.v1.Health/List', none),
    rpc('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', Buffer.from([0x3a, 0])),
    rpc('/a.B/C', Buffer.from('abc')),
  ];
}

/** @param model that is asked */
export function httpQuestions(model: string): readonly HttpQuestion[] {
  const post = (
    target: string,
    body: unknown,
    more: HttpQuestion['more'] = [],
    type: string | undefined = 'application/json',
  ): HttpQuestion => ({
    method: 'POST',
    target,
    type,
    body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
    more,
  });
  const get = (target: string): HttpQuestion => ({
    method: 'GET',
    target,
    type: undefined,
    body: none,
    more: [],
  });
  const input = { name: 'x', datatype: 'FP32', shape: [2], data: [1, 2.5] };
  const binary = Buffer.from(
    JSON.stringify({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } }],
    }),
  );
  const chat = { model: 'tiny-llm', messages: [{ role: 'user', content: 'hi' }] };
  return [
    post(`/v1/models/${model}:predict`, { instances: [1, 2, 3.5] }),
    post(`/v1/models/${model}:predict`, { inputs: { x: [1, 2] }, signature_name: 'serving_default' }),
    post(`/v1/models/${model}:predict`, { instances: Array.from({ length: 2000 }, (_, i) => i / 7) }),
    post(`/v1/models/${model}:predict`, gzipSync('{"instances":[1.0]}'), [['content-encoding', 'gzip']]),
    post(`/v1/models/${model}/versions/1:predict`, { instances: [{ x: 1 }] }, [], undefined),
    post(`/v1/models/${model}/labels/stable:predict`, { instances: [{ x: { b64: 'YQ==' } }] }),
    post(`/v1/models/${model}:classify`, {
      signature_name: 'classify_x_to_y',
      context: { s: 'a' },
      examples: [{ x: 1 }, { x: [2, 3] }],
    }),
    post(`/v1/models/${model}:regress`, { signature_name: 'regress_x_to_y', examples: [{ x: 2 }] }),
    get(`/v1/models/${model}`),
    get(`/v1/models/${model}/metadata`),
    get('/v1/models'),
    get('/v1/config'),
    post('/v1/config/reload', ''),
    get('/v2'),
    get('/v2/health/ready'),
    get(`/v2/models/${model}`),
    get(`/v2/models/${model}/ready`),
    post(`/v2/models/${model}/infer`, { id: 'a', inputs: [input], outputs: [{ name: 'y' }] }),
    post(`/v2/models/${model}/versions/1/infer`, Buffer.concat([binary, Buffer.alloc(8, 1)]), [
      ['inference-header-content-length', String(binary.length)],
    ]),
    post('/v2/repository/index', {}),
    get('/v3/models'),
    post('/v3/chat/completions', chat),
    post('/v3/chat/completions', { ...chat, stream: true }, [
      ['x-pause-ms', '1'],
      ['x-events', '3'],
    ]),
    post('/v3/anything', Buffer.alloc(3000, 'x'), [], 'application/octet-stream'),
    get('/'),
    get('/nothing'),
  ];
}

/** All that a model can be asked. */
export interface Questions {
  readonly rpcs: readonly RpcQuestion[];
  readonly https: readonly HttpQuestion[];
}

export const questionsOf = (model: string): Questions => ({
  rpcs: rpcQuestions(model),
  https: httpQuestions(model),
});
