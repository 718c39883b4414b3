/** V2 infer over REST: JSON and binary tensors in, the same question as ModelInfer, its answer as JSON and binary tensors. */
import { Code, type Metadata, StatusError, type Target } from '../../call/index.ts';
import {
  decodeModelInferResponse,
  decodeV2InferJson,
  encodeModelInferRequest,
  encodeV2ReplyJson,
  noParameters,
  rawInput,
  V2Body,
  type V2JsonBody,
  type V2Parameters,
  type V2RequestedOutput,
  versionTextOf,
  withoutCarriage,
} from '../../codec/index.ts';
import { methodOf, signatureSource, specOf } from '../../models/index.ts';
import { ask, type Asker } from '../http/asker.ts';
import { readBody } from '../http/body.ts';
import type { HttpExchange } from '../http/exchange.ts';
import { limitsOf } from '../rest/infer.ts';
import type { V2Deps } from './api.ts';

const method = methodOf('/inference.GRPCInferenceService/ModelInfer');
const lengthHeader = 'inference-header-content-length';

/** How long the JSON at the front of a body is; undefined when it is all there is. */
function headerBytesOf(exchange: HttpExchange): number | undefined {
  const text = exchange.field(lengthHeader);
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(text))
    throw new StatusError(Code.INVALID_ARGUMENT, `${lengthHeader} must be a number of bytes`);
  return Number(text);
}

/** How the client wants each output: behind the JSON, or in it. */
function wantsBinary(
  parameters: V2Parameters,
  outputs: readonly V2RequestedOutput[],
): (output: string) => boolean {
  const all = parameters.get('binary_data_output') === true;
  const byName = new Map(outputs.map((output) => [output.name, output.parameters.get('binary_data')]));
  return (output) => {
    const own = byName.get(output);
    return typeof own === 'boolean' ? own : all;
  };
}

export interface V2Answer {
  readonly body: V2JsonBody;
  readonly from: string;
  readonly version: string;
  /** Of the backend. */
  readonly metadata: Metadata;
}

/** A body without JSON is the model's one input; what that is the model says. */
async function rawRequest(
  { catalog }: V2Deps,
  target: Target,
  bytes: Uint8Array,
  asker: Asker,
): Promise<ReturnType<typeof decodeV2InferJson>> {
  const { inputs } = signatureSource(catalog.known(target) ?? (await catalog.metadata(target, asker))).get(
    '',
  );
  return {
    id: '',
    parameters: noParameters,
    inputs: rawInput(inputs, bytes),
    inputParameters: new Map(),
    outputs: [],
  };
}

export async function infer(
  deps: V2Deps,
  target: Target,
  exchange: HttpExchange,
  asker: Asker,
): Promise<V2Answer> {
  const { options } = deps;
  const headerBytes = headerBytesOf(exchange);
  const bytes = await readBody(exchange, new V2Body(options.json.maxBodyBytes), limitsOf(options), deps);
  const tensorOptions = {
    limits: options.json,
    strictDtypes: options.strictDtypes,
    maxTensorBytes: options.maxReplyBytes,
  };
  const asked =
    headerBytes === 0
      ? await rawRequest(deps, target, bytes, asker)
      : decodeV2InferJson(bytes, headerBytes, tensorOptions);
  // what is asked without JSON is answered with as little
  const isBinary = headerBytes === 0 ? () => true : wantsBinary(asked.parameters, asked.outputs);
  const message = encodeModelInferRequest({
    ...asked,
    model: target.model,
    version: versionTextOf(specOf(target)),
    parameters: withoutCarriage(asked.parameters),
    outputs: asked.outputs.map(({ name, parameters }) => ({ name, parameters: withoutCarriage(parameters) })),
  });
  const answer = await ask(deps, method, target, message, asker);
  const reply = decodeModelInferResponse([answer.bytes], options.maxReplyBytes);
  return {
    // one that the client gave is its own; otherwise the server may have made one
    body: encodeV2ReplyJson(
      { ...reply, model: target.model, id: asked.id === '' ? reply.id : asked.id },
      isBinary,
      options.nonFinite,
    ),
    from: answer.from,
    metadata: answer.metadata,
    version: reply.version,
  };
}
