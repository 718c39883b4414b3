/** Predict, classify and regress: a JSON body in, the same question to a model server by gRPC, its answer as JSON. */
import {
  type Call,
  type Cancellation,
  errorOf,
  Flow,
  getMetadata,
  messagePrefix,
  type Metadata,
  type Method,
  statusOf,
  StatusError,
  type Target,
  wholeMessage,
  Code,
} from '../../call/index.ts';
import {
  checkJson,
  decodeClassificationResponse,
  decodeExamplesJson,
  decodePredictResponse,
  decodeRegressionResponse,
  encodeClassifyJson,
  encodeExamplesRequest,
  encodeInput,
  encodePredictJson,
  encodePredictRequest,
  encodeRegressJson,
  type ModelSpec,
  PredictJsonDecoder,
} from '../../codec/index.ts';
import { methodOf, signatureSource, specOf } from '../../models/index.ts';
import type { RestDeps } from './door.ts';

const service = '/tensorflow.serving.PredictionService/';
const predictMethod = methodOf(`${service}Predict`);
const classifyMethod = methodOf(`${service}Classify`);
const regressMethod = methodOf(`${service}Regress`);

/** What is the same for all calls of one HTTP request. */
export interface Asker {
  readonly metadata: Metadata;
  readonly cancellation: Cancellation;
  readonly deadline: number;
  readonly id: string;
  readonly peer: string;
}

export interface Answer {
  readonly body: readonly Uint8Array[];
  /** "127.0.0.1:8500" or "cache". */
  readonly from: string;
  readonly version: bigint | undefined;
}

/** Sends one message and gives the one that comes back. @throws StatusError, the backend's own included */
export async function ask(
  deps: RestDeps,
  method: Method,
  target: Target,
  message: readonly Uint8Array[],
  asker: Asker,
): Promise<{ bytes: Uint8Array; from: string }> {
  const length = message.reduce((sum, part) => sum + part.length, 0);
  const call: Call = {
    kind: 'unary',
    method,
    via: 'REST',
    target,
    request: Flow.of([messagePrefix(length), ...message]),
    ...asker,
  };
  const reply = await deps.handler(call);
  const whole = await wholeMessage(reply.body, deps.options.maxReplyBytes);
  const trailers = whole?.trailers ?? reply.body.trailers;
  if (statusOf(trailers) !== Code.OK || getMetadata(trailers, 'grpc-status') === undefined)
    throw errorOf(trailers, reply.from);
  if (whole === undefined)
    throw new StatusError(Code.INTERNAL, `backend ${reply.from} said OK without an answer`);
  if (whole.compressed)
    throw new StatusError(
      Code.INTERNAL,
      `backend ${reply.from} compressed its answer without being asked to`,
    );
  return { bytes: whole.bytes, from: reply.from };
}

export async function predict(
  deps: RestDeps,
  asked: Target,
  read: Promise<Uint8Array>,
  asker: Asker,
): Promise<Answer> {
  const { json, strictDtypes } = deps.options;
  const lookup = deps.catalog.metadata(asked, asker);
  lookup.catch(() => undefined);
  const body = await read;
  const metadata = await lookup.catch((reason: unknown) => {
    // a body that is no JSON is told before a model that is unknown
    checkJson(body, json.maxDepth);
    throw reason;
  });
  const decoder = new PredictJsonDecoder(signatureSource(metadata), json, { strictDtypes });
  decoder.push(body);
  const { format, signatureName, inputs, outputFilter } = decoder.finish();
  // the version whose signature was read is the one that is asked, even while versions change
  const pinned =
    asked.label === undefined
      ? { model: asked.model, version: metadata.version }
      : { model: asked.model, label: asked.label };
  const target: Target = { ...pinned, signature: signatureName };
  const { bytes, from } = await ask(
    deps,
    predictMethod,
    target,
    encodePredictRequest({ spec: specOf(target), inputs, outputFilter }),
    asker,
  );
  const response = decodePredictResponse(bytes, deps.options.maxReplyBytes);
  return {
    body: encodePredictJson(response.outputs, format),
    from,
    version: response.spec?.version ?? metadata.version,
  };
}

export async function infer(
  deps: RestDeps,
  kind: 'classify' | 'regress',
  asked: Target,
  read: Promise<Uint8Array>,
  asker: Asker,
): Promise<Answer> {
  const { signatureName, examples, context } = decodeExamplesJson(await read, deps.options.json);
  const target: Target = { ...asked, signature: signatureName };
  const message = encodeExamplesRequest(specOf(target), encodeInput(examples, context));
  const method = kind === 'classify' ? classifyMethod : regressMethod;
  const { bytes, from } = await ask(deps, method, target, [message], asker);
  let spec: ModelSpec | undefined;
  let json: Uint8Array;
  if (kind === 'classify') {
    const response = decodeClassificationResponse(bytes);
    spec = response.spec;
    json = encodeClassifyJson(response.results);
  } else {
    const response = decodeRegressionResponse(bytes);
    spec = response.spec;
    json = encodeRegressJson(response.values);
  }
  return { body: [json], from, version: spec?.version };
}
