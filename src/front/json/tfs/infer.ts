/** Predict, classify and regress: a JSON body in, the same question to a model server by gRPC, its answer as JSON. */
import { Code, StatusError } from '../../../base/status.ts';
import { type Metadata, newTarget, type Target } from '../../../call/index.ts';
import {
  controlLimits,
  decodeClassificationResponse,
  type DecodedPredict,
  decodePredictResponse,
  decodeRegressionResponse,
  encodeClassifyJson,
  encodeExamplesRequest,
  encodeHttpBody,
  encodeInput,
  encodePredictJson,
  encodePredictRequest,
  encodeRegressJson,
  examplesBody,
  type LentChunks,
  maxUndeclaredBytes,
  type ModelMetadata,
  OutOfBounds,
  predictBody,
  type Signature,
  undeclaredSignature,
  V2Body,
} from '../../../codec/index.ts';
import { declaresNothing, methodOf, signatureSource, specOf, v1Methods } from '../../../models/index.ts';
import { readBody } from '../body.ts';
import type { JsonRequest } from '../json-request.ts';
import { limitsOf, type RestDeps } from '../options.ts';
import { callUnary, type RequestContext } from '../request-context.ts';

const service = '/tensorflow.serving.PredictionService/';
const predictMethod = methodOf(`${service}Predict`);
const classifyMethod = methodOf(`${service}Classify`);
const regressMethod = methodOf(`${service}Regress`);

export interface Answer {
  readonly body: LentChunks;
  /** "127.0.0.1:8500" or "cache". */
  readonly from: string;
  readonly version: bigint | undefined;
  /** Of the backend. */
  readonly metadata: Metadata;
}

/**
 * Answers `:predict`: decodes the JSON body by the model's signature, calls Predict of the version whose signature it
 * was, and encodes the outputs in the request's format (row or column). For a model that declares no tensors, the
 * body is passed to a server of KServe V1, or the dtypes are derived from its values.
 * @throws BodyError for a body that cannot be read, StatusError of the catalog, the decoder or the backend
 */
export async function predict(
  deps: RestDeps,
  asked: Target,
  request: JsonRequest,
  context: RequestContext,
): Promise<Answer> {
  const { options } = deps;
  // known nearly always; while it is asked for, the body waits in the socket
  const metadata =
    deps.catalog.known(asked) ??
    (await deps.catalog.metadata(asked, context).catch((reason: unknown) => StatusError.from(reason)));
  if (!(metadata instanceof StatusError) && declaresNothing(metadata))
    return predictUndeclared(deps, asked, metadata, request, context);
  const source = metadata instanceof StatusError ? metadata : signatureSource(metadata);
  const decoded = await readBody(
    request,
    predictBody(source, options.json, options),
    limitsOf(options),
    deps,
  );
  // the body is fine, so this is what there is to tell
  if (metadata instanceof StatusError) throw metadata;
  return askPredict(deps, asked, decoded, metadata.version, context);
}

async function askPredict(
  deps: RestDeps,
  { fleet, model, label }: Target,
  { format, signatureName, inputs, outputFilter }: DecodedPredict,
  described: bigint,
  context: RequestContext,
): Promise<Answer> {
  const { options } = deps;
  // the version whose signature was read is the one that is asked, even while versions change
  const target = newTarget(model, label === undefined ? described : undefined, label, signatureName, fleet);
  const message = encodePredictRequest({ spec: specOf(target), inputs, outputFilter });
  const { bytes, from, metadata } = await callUnary(deps, predictMethod, target, message, context);
  const response = decodePredictResponse(bytes, options.maxReplyBytes);
  return {
    body: encodePredictJson(response.outputs, format, options),
    from,
    metadata,
    version: response.spec?.version ?? described,
  };
}

/**
 * Of a model that declares no tensors: its server reads the JSON itself where it speaks V1; elsewhere the JSON says
 * what they are.
 */
async function predictUndeclared(
  deps: RestDeps,
  asked: Target,
  { version: described }: ModelMetadata,
  request: JsonRequest,
  context: RequestContext,
): Promise<Answer> {
  const { options } = deps;
  const body = await readBody(request, new V2Body(options.json.maxBodyBytes), limitsOf(options), deps);
  // V1 can name no version
  if (asked.version === undefined && asked.label === undefined) {
    const message = encodeHttpBody({ model: asked.model, headerBytes: undefined, body: [body] });
    const passed = await callUnary(deps, v1Methods.predict, asked, message, context).catch(
      (reason: unknown) => {
        if (StatusError.from(reason).code !== Code.UNIMPLEMENTED) throw reason;
      },
    );
    if (passed !== undefined)
      return { body: whole(passed.bytes), from: passed.from, version: undefined, metadata: passed.metadata };
  }
  const signature = signatureOf(asked, body);
  const decoder = predictBody({ names: [signature.name], get: () => signature }, options.json, options);
  decoder.push(body);
  return askPredict(deps, asked, decoder.finish(), described, context);
}

/** KServe's V1 has it beside predictions; only its servers know what is in it. */
export async function explain(
  deps: RestDeps,
  asked: Target,
  request: JsonRequest,
  context: RequestContext,
): Promise<Answer> {
  const { options } = deps;
  const body = await readBody(request, new V2Body(options.json.maxBodyBytes), limitsOf(options), deps);
  if (asked.version !== undefined || asked.label !== undefined)
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      "KServe's V1 names no version: POST /v1/models/NAME:explain",
    );
  const message = encodeHttpBody({ model: asked.model, headerBytes: undefined, body: [body] });
  const { bytes, from, metadata } = await callUnary(deps, v1Methods.explain, asked, message, context);
  return { body: whole(bytes), from, version: undefined, metadata };
}

/** @throws StatusError INVALID_ARGUMENT with what would work, when too much would have to be read for it */
function signatureOf({ model }: Target, body: Uint8Array): Signature {
  try {
    return undeclaredSignature(body);
  } catch (reason) {
    if (!(reason instanceof OutOfBounds)) throw reason;
    const name = encodeURIComponent(model).slice(0, 200);
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `model ${model.slice(0, 200)} declares no inputs, and a request of more than ${maxUndeclaredBytes} bytes or ${controlLimits.depth} levels must say what they are: POST /v2/models/${name}/infer`,
    );
  }
}

function* whole(bytes: Uint8Array): LentChunks {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Answers `:classify` and `:regress`: decodes the examples of the JSON body into an Input
 * (tensorflow_serving/apis/input.proto), calls Classify or Regress, and encodes the results as JSON.
 * @throws BodyError for a body that cannot be read, StatusError of the decoder or the backend
 */
export async function infer(
  deps: RestDeps,
  kind: 'classify' | 'regress',
  asked: Target,
  request: JsonRequest,
  context: RequestContext,
): Promise<Answer> {
  const {
    signatureName,
    examples,
    context: shared,
  } = await readBody(request, examplesBody(deps.options.json), limitsOf(deps.options), deps);
  const target: Target = { ...asked, signature: signatureName };
  const message = encodeExamplesRequest(specOf(target), encodeInput(examples, shared));
  const method = kind === 'classify' ? classifyMethod : regressMethod;
  const { bytes, from, metadata } = await callUnary(deps, method, target, [message], context);
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
