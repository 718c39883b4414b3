/** Predict, classify and regress: a JSON body in, the same question to a model server by gRPC, its answer as JSON. */
import { Code, type Metadata, newTarget, StatusError, type Target } from '../../call/index.ts';
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
  encodeV1Predict,
  examplesBody,
  type LentPieces,
  predictBody,
  V2Body,
} from '../../codec/index.ts';
import { declaresNothing, methodOf, predictV1Method, signatureSource, specOf } from '../../models/index.ts';
import { ask, type Asker } from '../http/asker.ts';
import { type BodyLimits, readBody } from '../http/body.ts';
import type { HttpExchange } from '../http/exchange.ts';
import type { RestDeps } from './api.ts';

const service = '/tensorflow.serving.PredictionService/';
const predictMethod = methodOf(`${service}Predict`);
const classifyMethod = methodOf(`${service}Classify`);
const regressMethod = methodOf(`${service}Regress`);

export interface Answer {
  readonly body: LentPieces;
  /** "127.0.0.1:8500" or "cache". */
  readonly from: string;
  readonly version: bigint | undefined;
  /** Of the backend. */
  readonly metadata: Metadata;
}

export function limitsOf({ json, maxInflateRatio, pace }: RestDeps['options']): BodyLimits {
  return { maxBytes: json.maxBodyBytes, maxInflateRatio, pace };
}

export async function predict(
  deps: RestDeps,
  asked: Target,
  exchange: HttpExchange,
  asker: Asker,
): Promise<Answer> {
  const { options } = deps;
  // known nearly always; while it is asked for, the body waits in the socket
  const metadata =
    deps.catalog.known(asked) ??
    (await deps.catalog.metadata(asked, asker).catch((reason: unknown) => StatusError.from(reason)));
  if (!(metadata instanceof StatusError) && declaresNothing(metadata))
    return predictV1(deps, asked, exchange, asker);
  const source = metadata instanceof StatusError ? metadata : signatureSource(metadata);
  const { format, signatureName, inputs, outputFilter } = await readBody(
    exchange,
    predictBody(source, options.json, options),
    limitsOf(options),
    deps,
  );
  // the body is fine, so this is what there is to tell
  if (metadata instanceof StatusError) throw metadata;
  // the version whose signature was read is the one that is asked, even while versions change
  const { fleet, model, label } = asked;
  const version = label === undefined ? metadata.version : undefined;
  const target = newTarget(model, version, label, signatureName, fleet);
  const {
    bytes,
    from,
    metadata: fields,
  } = await ask(
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
    metadata: fields,
    version: response.spec?.version ?? metadata.version,
  };
}

/** Of a model that declares no tensors: its server, where it speaks V1, reads the JSON itself. */
async function predictV1(
  deps: RestDeps,
  target: Target,
  exchange: HttpExchange,
  asker: Asker,
): Promise<Answer> {
  const { options } = deps;
  const { model, version, label } = target;
  const why = `model ${model.slice(0, 200)} declares no inputs`;
  if (version !== undefined || label !== undefined)
    throw new StatusError(Code.INVALID_ARGUMENT, `${why}, and KServe's V1 API can name no version of it`);
  const body = await readBody(exchange, new V2Body(options.json.maxBodyBytes), limitsOf(options), deps);
  const asked = ask(deps, predictV1Method, target, encodeV1Predict(model, body), asker);
  const { bytes, from, metadata } = await asked.catch((reason: unknown) => {
    const { code } = StatusError.from(reason);
    if (code !== Code.UNIMPLEMENTED) throw reason;
    const instead = `ask it by V2: POST /v2/models/${encodeURIComponent(model).slice(0, 200)}/infer`;
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `${why}, and its server does not speak KServe's V1 over REST: ${instead}`,
    );
  });
  return { body: whole(bytes), from, version: undefined, metadata };
}

function* whole(bytes: Uint8Array): LentPieces {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export async function infer(
  deps: RestDeps,
  kind: 'classify' | 'regress',
  asked: Target,
  exchange: HttpExchange,
  asker: Asker,
): Promise<Answer> {
  const { signatureName, examples, context } = await readBody(
    exchange,
    examplesBody(deps.options.json),
    limitsOf(deps.options),
    deps,
  );
  const target: Target = { ...asked, signature: signatureName };
  const message = encodeExamplesRequest(specOf(target), encodeInput(examples, context));
  const method = kind === 'classify' ? classifyMethod : regressMethod;
  const { bytes, from, metadata } = await ask(deps, method, target, [message], asker);
  if (kind === 'classify') {
    const { spec, results } = decodeClassificationResponse(bytes);
    return {
      body: encodeClassifyJson(results, deps.options.nonFinite),
      from,
      metadata,
      version: spec?.version,
    };
  }
  const { spec, values } = decodeRegressionResponse(bytes);
  return { body: encodeRegressJson(values, deps.options.nonFinite), from, metadata, version: spec?.version };
}
