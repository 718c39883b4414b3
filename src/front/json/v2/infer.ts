/**
 * V2 infer over REST: JSON and binary tensors in, the same question as ModelInfer, its answer as JSON and binary
 * tensors.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { V2Question } from '../../../bridge/index.ts';
import { getMetadata, type Metadata, type Target, type UnaryReply } from '../../../call/index.ts';
import {
  encodeHttpBody,
  mayDeclareMoreThan,
  noParameters,
  rawInput,
  type TensorOptions,
  V2Body,
  type V2JsonBody,
  versionIn,
} from '../../../codec/index.ts';
import { jsonLengthHeader, methodOf, restInferMethod, signatureSource } from '../../../models/index.ts';
import { readBody } from '../body.ts';
import type { JsonRequest } from '../json-request.ts';
import { limitsOf, type RestOptions } from '../options.ts';
import { callUnary, type RequestContext } from '../request-context.ts';
import type { V2Deps } from './deps.ts';

const method = methodOf('/inference.GRPCInferenceService/ModelInfer');

/** How long the JSON at the front of a body is; undefined when it is all there is. */
export function headerBytesOf(request: JsonRequest): number | undefined {
  const text = request.field(jsonLengthHeader);
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(text))
    throw new StatusError(Code.INVALID_ARGUMENT, `${jsonLengthHeader} must be a number of bytes`);
  return Number(text);
}

export const tensorOptionsOf = ({ json, strictDtypes, maxReplyBytes }: RestOptions): TensorOptions => ({
  limits: json,
  strictDtypes,
  maxTensorBytes: maxReplyBytes,
});

/** What a gRPC server says; one over HTTP cannot be asked for a stream either. */
const decoupled = /^ModelInfer RPC .* decoupled transaction policy/;

/** Triton's refusal of a model that may answer a request any number of times, with what to do. */
function withAdvice(reason: unknown): unknown {
  if (!(reason instanceof StatusError) || !decoupled.test(reason.message)) return reason;
  const { code, message, where = '', fromBackend } = reason;
  const advice = 'ask with "Accept: text/event-stream", and each answer is a server-sent event';
  return new StatusError(code, `${message}; ${advice}`, { where, fromBackend });
}

export interface V2Answer {
  readonly body: V2JsonBody;
  readonly from: string;
  readonly version: string;
  /** Of the backend. */
  readonly metadata: Metadata;
}

/**
 * A body without JSON is the model's one input; what that is the model says. What is asked without JSON is answered
 * with as little.
 */
async function rawQuestion(
  { catalog }: V2Deps,
  target: Target,
  bytes: Uint8Array,
  context: RequestContext,
): Promise<V2Question> {
  const { inputs } = signatureSource(catalog.known(target) ?? (await catalog.metadata(target, context))).get(
    '',
  );
  const asked = { id: '', parameters: noParameters, inputParameters: new Map(), outputs: [] };
  return new V2Question({ ...asked, inputs: rawInput(inputs, bytes) }, () => true);
}

/**
 * Answers V2's infer: passes the HTTP body on to REST backends where `passesInfer` allows it; else decodes it, calls
 * ModelInfer and encodes the reply.
 * @throws BodyError for a body that cannot be read, StatusError of the decoder, the catalog or the backend
 */
export async function infer(
  deps: V2Deps,
  target: Target,
  request: JsonRequest,
  context: RequestContext,
): Promise<V2Answer> {
  const { options } = deps;
  const headerBytes = headerBytesOf(request);
  const bytes = await readBody(request, new V2Body(options.json.maxBodyBytes), limitsOf(options), deps);
  const passes =
    headerBytes !== 0 &&
    deps.passesInfer(target) &&
    // one that is read is refused in words, and takes no server down
    !mayDeclareMoreThan(bytes.subarray(0, headerBytes), options.maxReplyBytes);
  if (passes) return pass(deps, target, headerBytes, bytes, context);
  const question =
    headerBytes === 0
      ? await rawQuestion(deps, target, bytes, context)
      : V2Question.read(bytes, headerBytes, tensorOptionsOf(options));
  let answer: UnaryReply;
  try {
    answer = await callUnary(deps, method, target, question.messageFor(target), context);
  } catch (reason) {
    throw withAdvice(reason);
  }
  const { body, version } = question.answer(answer.bytes, target, options);
  return { body, from: answer.from, metadata: answer.metadata, version };
}

/** To servers over REST as it came, and the answer as theirs. */
async function pass(
  deps: V2Deps,
  target: Target,
  headerBytes: number | undefined,
  body: Uint8Array,
  context: RequestContext,
): Promise<V2Answer> {
  const message = encodeHttpBody({ model: '', headerBytes, body: [body] });
  const { bytes, from, metadata } = await callUnary(deps, restInferMethod, target, message, context);
  const length = getMetadata(metadata, jsonLengthHeader);
  const jsonBytes = length === undefined ? undefined : Number(length);
  return {
    body: { pieces: [bytes], headerBytes: jsonBytes },
    from,
    metadata,
    version: versionIn(bytes.subarray(0, jsonBytes), deps.options.json.maxDepth),
  };
}
