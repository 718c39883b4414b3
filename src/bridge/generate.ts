/** Triton's generate extension before a gRPC server: one request of ModelStreamInfer, and its answers as JSON. */
import { Code, StatusError } from '../base/status.ts';
import type { Call, Handler, Target } from '../call/index.ts';
import {
  type Chunks,
  decodeGenerateJson,
  decodeModelMetadataResponse,
  encodeGenerateJson,
  encodeModelInferRequest,
  encodeModelVersionRequest,
  type InflateLimits,
  joined,
  type JsonLimits,
  readControl,
  type V2InferResponse,
  versionTextOf,
} from '../codec/index.ts';
import { generateMethods, methodOf, specOf } from '../models/index.ts';
import { askStream } from './answers.ts';
import { unaryCaller, refusedReply, requestOf } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';
import { pathOf } from './rest-call.ts';
import { finalParameter } from './v2.ts';

const metadataMethod = methodOf('/inference.GRPCInferenceService/ModelMetadata');

export interface GenerateBridgeOptions {
  /** One attempt at the server. */
  readonly send: Handler;
  /** Its name, for replies and logs. */
  readonly from: string;
  readonly limits: InflateLimits;
  readonly json: JsonLimits;
}

/** Where a REST server takes such a call. */
export function generatePath(call: Call, model: string, version: string): string {
  const last = call.method === generateMethods.generate ? 'generate' : 'generate_stream';
  return `${pathOf(model, version)}/${last}`;
}

/** Answers a call of generateMethods: its request and the messages of its reply are bodies of HTTP. */
export function generateBridge(options: GenerateBridgeOptions): Handler {
  const { send, from, limits } = options;
  return async (call) => {
    const rebuilt = new BridgeMemory(call.memory);
    try {
      const message = await inferMessage(call, options, rebuilt);
      return await askStream(call, message, send, {
        textOf,
        notOne: call.method === generateMethods.generateStream ? undefined : notOne,
        maxBytes: limits.maxMessageBytes,
        from,
        rebuilt,
      });
    } catch (reason) {
      rebuilt.end();
      return refusedReply(reason, from);
    }
  };
}

/** The request as a ModelInferRequest: what is an input and what a parameter, the model's metadata says. */
async function inferMessage(
  call: Call,
  { send, limits, json }: GenerateBridgeOptions,
  rebuilt: BridgeMemory,
): Promise<Chunks> {
  const { model, version } = nameOf(call.target);
  const viewed = call.request.view();
  try {
    const body = joined(await requestOf(call, limits, rebuilt));
    const ask = unaryCaller(call, send, limits, rebuilt);
    const answer = joined(await ask(metadataMethod, encodeModelVersionRequest(model, version)));
    const { inputs } = readControl(decodeModelMetadataResponse, answer);
    const made = decodeGenerateJson(body, inputs, {
      limits: json,
      strictDtypes: false,
      maxTensorBytes: limits.maxMessageBytes,
    });
    const message = encodeModelInferRequest({
      ...made,
      model,
      version,
      inputParameters: new Map(),
      outputs: [],
    });
    rebuilt.made(message);
    return message;
  } finally {
    viewed();
  }
}

function nameOf(target: Target | undefined): { model: string; version: string } {
  if (target === undefined) throw new StatusError(Code.INTERNAL, 'a call of generate names no model');
  return { model: target.model, version: versionTextOf(specOf(target)) };
}

/**
 * An answer as JSON; undefined for one that only says that it is the last, which Triton does not tell over HTTP: the
 * end of the body does.
 */
function textOf(reply: V2InferResponse): Buffer | undefined {
  if (reply.parameters.get(finalParameter) === true && reply.outputs.size === 0) return undefined;
  const parameters = new Map([...reply.parameters].filter(([name]) => name !== finalParameter));
  return encodeGenerateJson({ ...reply, parameters });
}

/** Triton's words; it says them with status 200, which nobody could tell from an answer. */
const notOne = (): StatusError =>
  new StatusError(
    Code.FAILED_PRECONDITION,
    'generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses',
  );
