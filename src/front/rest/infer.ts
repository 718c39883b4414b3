/** Predict, classify and regress: a JSON body in, the same question to a model server by gRPC, its answer as JSON. */
import type { IncomingMessage } from 'node:http';
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
  decodeClassificationResponse,
  decodePredictResponse,
  decodeRegressionResponse,
  encodeClassifyJson,
  encodeExamplesRequest,
  encodeInput,
  encodePredictJson,
  encodePredictRequest,
  encodeRegressJson,
  examplesBody,
  predictBody,
} from '../../codec/index.ts';
import { methodOf, signatureSource, specOf } from '../../models/index.ts';
import { type BodyLimits, readBody } from './body.ts';
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
  /** The JSON in pieces, each made when it is asked for. */
  readonly body: Iterator<Buffer, undefined>;
  /** "127.0.0.1:8500" or "cache". */
  readonly from: string;
  readonly version: bigint | undefined;
}

/** Sends one message and gives the one that comes back. @throws StatusError, the backend's own included */
export async function ask(
  deps: Pick<RestDeps, 'handler' | 'options'>,
  method: Method,
  target: Target | undefined,
  message: readonly Uint8Array[],
  asker: Asker,
): Promise<{ bytes: Uint8Array; from: string }> {
  let length = 0;
  for (const part of message) length += part.length;
  const call: Call = {
    kind: 'unary',
    method,
    via: 'REST',
    target,
    request: Flow.of([messagePrefix(length), ...message]),
    metadata: asker.metadata,
    cancellation: asker.cancellation,
    deadline: asker.deadline,
    id: asker.id,
    peer: asker.peer,
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

export function limitsOf({ json, maxInflateRatio, pace }: RestDeps['options']): BodyLimits {
  return { maxBytes: json.maxBodyBytes, maxInflateRatio, pace };
}

export async function predict(
  deps: RestDeps,
  asked: Target,
  request: IncomingMessage,
  asker: Asker,
): Promise<Answer> {
  const { options } = deps;
  // known nearly always; while it is asked for, the body waits in the socket
  const metadata =
    deps.catalog.known(asked) ??
    (await deps.catalog.metadata(asked, asker).catch((reason: unknown) => StatusError.from(reason)));
  const source = metadata instanceof StatusError ? metadata : signatureSource(metadata);
  const { format, signatureName, inputs, outputFilter } = await readBody(
    request,
    predictBody(source, options.json, options),
    limitsOf(options),
    deps,
  );
  // the body is fine, so this is what there is to tell
  if (metadata instanceof StatusError) throw metadata;
  // the version whose signature was read is the one that is asked, even while versions change
  const target: Target =
    asked.label === undefined
      ? { model: asked.model, version: metadata.version, signature: signatureName }
      : { model: asked.model, label: asked.label, signature: signatureName };
  const { bytes, from } = await ask(
    deps,
    predictMethod,
    target,
    encodePredictRequest({ spec: specOf(target), inputs, outputFilter }),
    asker,
  );
  const response = decodePredictResponse(bytes, options.maxReplyBytes);
  return {
    body: encodePredictJson(response.outputs, format, options),
    from,
    version: response.spec?.version ?? metadata.version,
  };
}

export async function infer(
  deps: RestDeps,
  kind: 'classify' | 'regress',
  asked: Target,
  request: IncomingMessage,
  asker: Asker,
): Promise<Answer> {
  const { signatureName, examples, context } = await readBody(
    request,
    examplesBody(deps.options.json),
    limitsOf(deps.options),
    deps,
  );
  const target: Target = { ...asked, signature: signatureName };
  const message = encodeExamplesRequest(specOf(target), encodeInput(examples, context));
  const method = kind === 'classify' ? classifyMethod : regressMethod;
  const { bytes, from } = await ask(deps, method, target, [message], asker);
  if (kind === 'classify') {
    const { spec, results } = decodeClassificationResponse(bytes);
    return { body: encodeClassifyJson(results), from, version: spec?.version };
  }
  const { spec, values } = decodeRegressionResponse(bytes);
  return { body: encodeRegressJson(values), from, version: spec?.version };
}
