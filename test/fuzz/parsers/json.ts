/** Readers of JSON: bodies of TensorFlow Serving and V2, and what REST servers and the Kubernetes API answer. */
import { Code, StatusError } from '../../../src/base/status.ts';
import {
  abilitiesOf,
  isV1List,
  jsonOf,
  KnownSignatures,
  type RestAsk,
  tfsRestServer,
  v2RestServer,
} from '../../../src/bridge/index.ts';
import {
  decodePredictReplyJson,
  decodeV2InferJson,
  decodeV2ReplyJson,
  encodePredictRequest,
  examplesBody,
  predictBody,
} from '../../../src/codec/index.ts';
import { backendsIn, isEndpointSlice } from '../../../src/fleet/discovery/endpoint-slices.ts';
import { VersionNames } from '../../../src/models/index.ts';
import { single } from '../../codec/json/support.ts';
import { modelAnswers } from '../../support/model-answers.ts';
import type { Chance } from '../chance.ts';
import { httpQuestions } from '../corpus.ts';
import { mutate } from '../mutate.ts';
import { strayIn } from '../stray.ts';
import { ensure, type Parser } from './parser.ts';

const limits = {
  maxBodyBytes: 2 ** 20,
  maxDepth: 64,
  maxRank: 32,
  maxElements: 2 ** 16,
  maxStringBytes: 2 ** 16,
  maxExampleValues: 1000,
};
const dtypeOptions = { strictDtypes: true, extraDtypes: true };
const tensorOptions = { limits, strictDtypes: true, extraDtypes: true, maxTensorBytes: 2 ** 20 };
const sources = ['float', 'double', 'int32', 'int64', 'uint8', 'bool', 'string', 'half'].map(single);

const bodies: readonly Buffer[] = [
  ...httpQuestions('m')
    .map(({ body }) => body)
    .filter((body) => body.length > 0 && body.length < 1000),
  ...[
    '{"instances":[{"x":[[1,2],[3,4.5e-3]]},{"x":[[1,2],[3,4]]}]}',
    '{"instances":["a","\\u00e9\\ud83d\\ude00",{"b64":"YQ=="}]}',
    '{"inputs":[true,false],"signature_name":"serving_default","output_filter":["y"]}',
    '{"inputs":{"x":[1e308,-0.0,NaN,Infinity,123456789012345678901234567890]}}',
    '{"outputs":{"y":[[1.5,2.5]]}}',
    '{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"BYTES","shape":[2],"data":["a","b"],"parameters":{"a":1,"b":true,"c":null}}]}',
    '{"model_name":"m","outputs":[{"name":"y","datatype":"FP16","shape":[1,1],"data":[[0.5]]}],"id":"x"}',
    '{"inputs":[{"name":"x","datatype":"UINT64","shape":[3],"data":[0,18446744073709551615,1]}]}',
    `{"instances":${'['.repeat(70)}1${']'.repeat(70)}}`,
  ].map((text) => Buffer.from(text)),
];

function body(chance: Chance): Buffer {
  if (chance.percent(3)) return chance.bytes(chance.size(200));
  const base = chance.pick(bodies);
  return chance.percent(8) ? base : mutate(chance, base, bodies);
}

function tfs(chance: Chance): void {
  const reader = chance.percent(75)
    ? predictBody(chance.pick(sources), limits, dtypeOptions)
    : chance.percent(90)
      ? examplesBody(limits)
      : predictBody(new StatusError(Code.NOT_FOUND, 'no such model'), limits, dtypeOptions);
  for (const piece of chance.pieces(body(chance))) {
    // a copy, which is spoilt afterwards: the decoder must not hold on to it
    const own = Buffer.from(piece);
    reader.push(own);
    own.fill(0x5d);
  }
  const found = reader.finish();
  if ('format' in found && found.inputs instanceof Map)
    encodePredictRequest({ spec: undefined, inputs: found.inputs, outputFilter: [] });
}

const headerLengths = [undefined, undefined, 0, 10, 100, 10_000, -1, Number.NaN, 1.5];

function v2(chance: Chance): void {
  const bytes = body(chance);
  const header = chance.pick(headerLengths);
  if (chance.percent(60)) decodeV2InferJson(bytes, header, tensorOptions);
  else decodeV2ReplyJson(bytes, header, tensorOptions);
}

const info = {
  dtype: 'float' as const,
  dtypeNumber: 1,
  shape: undefined,
  tensorName: 'y:0',
};
const signature = { name: 's', methodName: 'p', inputs: new Map(), outputs: new Map([['y', info]]) };

const replies = Object.values(modelAnswers).map((value) => Buffer.from(JSON.stringify(value)));
const predictions = [
  Buffer.from('{"outputs":{"y":[2.5]}}'),
  Buffer.from('{"outputs":[2.5]}'),
  ...bodies.slice(-5),
];

const inference = {
  target: { model: 'half_plus_two', signature: '' },
  id: '',
  parameters: new Map(),
  inputs: new Map([['x', { dtype: 'float' as const, shape: [1], pieces: [Buffer.alloc(4)] }]]),
  inputParameters: new Map(),
  outputs: [],
};

/** A REST server that answers what it should not. */
async function restServer(chance: Chance): Promise<void> {
  const ask: RestAsk = async ({ path }) => {
    const known = modelAnswers[path];
    let answer: Buffer;
    if (known === undefined) answer = chance.pick(predictions);
    else answer = Buffer.from(JSON.stringify(strayIn(chance, known)));
    if (chance.percent(20)) answer = mutate(chance, answer, replies);
    return {
      status: chance.percent(90) ? 200 : chance.pick([204, 400, 404, 500, 503]),
      headers: chance.percent(10)
        ? { 'inference-header-content-length': String(chance.pick(headerLengths)) }
        : {},
      body: answer,
    };
  };
  const target = inference.target;
  if (chance.percent(50)) {
    const server = tfsRestServer(ask, {
      where: 'a',
      limits,
      signatures: new KnownSignatures(),
      askForAll: ask,
      wait: (promise) => promise,
    });
    await (chance.percent(60)
      ? server.infer(inference)
      : chance.percent(50)
        ? server.describe(target)
        : server.status(target));
    return;
  }
  const server = v2RestServer(ask, {
    where: 'a',
    names: new VersionNames(),
    tensors: tensorOptions,
    abilities: async () => abilitiesOf(jsonOf(await ask({ path: '/v2' }), 'a')),
    speaksV1: async () => isV1List(jsonOf(await ask({ path: '/v1/models' }), 'a')),
  });
  await (chance.percent(60)
    ? server.infer(inference)
    : chance.percent(50)
      ? server.describe(target)
      : server.status(target));
}

function predictReply(chance: Chance): void {
  decodePredictReplyJson(mutate(chance, chance.pick(predictions), bodies), signature, limits);
}

const slice = {
  metadata: { name: 'a', resourceVersion: '1' },
  addressType: 'IPv4',
  ports: [{ name: 'grpc', port: 8500 }],
  endpoints: [
    { addresses: ['10.0.0.1'], conditions: { ready: true }, zone: 'a' },
    { addresses: ['10.0.0.2'], conditions: { ready: null } },
  ],
};

function slices(chance: Chance): void {
  const found = [strayIn(chance, slice), strayIn(chance, slice)].filter(isEndpointSlice);
  for (const backend of backendsIn(found, { port: chance.pick(['', 'grpc', '8500']), traits: {} as never })) {
    ensure(typeof backend.host === 'string', `a host is a text, not ${JSON.stringify(backend.host)}`);
    ensure(Number.isInteger(backend.port), `a port is a number, not ${JSON.stringify(backend.port)}`);
  }
}

export const jsonParsers: readonly Parser[] = [
  { name: 'json of tfs', weight: 20, run: tfs },
  { name: 'json of v2', weight: 12, run: v2 },
  { name: 'predict reply', weight: 4, run: predictReply },
  { name: 'rest server', weight: 4, run: restServer },
  { name: 'endpoint slices', weight: 3, run: slices },
];
