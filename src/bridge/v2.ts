/** KServe V2 (Open Inference) over gRPC: what its calls mean, and how its servers are asked. */
import { Code, StatusError } from '../base/status.ts';
import type { Target } from '../call/index.ts';
import {
  type Chunks,
  decodeFlagResponse,
  decodeHttpBody,
  decodeMemoryRequest,
  decodeModelInferRequest,
  decodeModelInferResponse,
  decodeModelMetadataResponse,
  decodeModelVersionRequest,
  decodeRepositoryChange,
  decodeSettings,
  defaultSignature,
  encodeFlagResponse,
  encodeMemoryStatus,
  encodeModelConfigResponse,
  encodeModelInferRequest,
  encodeModelInferResponse,
  encodeModelMetadataResponse,
  encodeModelStatisticsResponse,
  encodeModelStreamInferResponse,
  encodeModelVersionRequest,
  encodeRepositoryIndexResponse,
  encodeSettings,
  type ExactObject,
  idOfModelInferRequest,
  joined,
  memoryMethod,
  noParameters,
  readControl,
  readExactObject,
  sharedMemory,
  specOfV2,
  type V2MemoryQuestion,
  type V2Parameters,
  type V2SettingKind,
} from '../codec/index.ts';
import {
  inProtocol,
  methodOf,
  targetOf,
  type V1Verb,
  type VersionNames,
  type VersionState,
  type VersionStateName,
} from '../models/index.ts';
import type { Ask } from './backend-call.ts';
import type { ModelServer, V2Questions } from './inference.ts';
import { wantedOutputs } from './outputs.ts';
import type { Answerer, DoorContext, RequestDialect, StreamAnswerer } from './request-dialect.ts';
import { descriptionOf, inferRequestOf, tensorsOf } from './v2-shapes.ts';

const service = '/inference.GRPCInferenceService';
const methods = {
  ready: methodOf(`${service}/ModelReady`),
  metadata: methodOf(`${service}/ModelMetadata`),
  infer: methodOf(`${service}/ModelInfer`),
};

/** What Triton adds to each answer of a stream: whether it is the last of its request. */
export const finalParameter = 'triton_final_response';
/**
 * A request that has it wants that said by an answer of its own, where none with outputs can say it; over HTTP Triton
 * refuses such names.
 */
const emptyFinalParameter = 'triton_enable_empty_final_response';

/** @throws StatusError UNIMPLEMENTED */
function refuseShared(output: string, parameters: V2Parameters): void {
  if (!parameters.has(sharedMemory)) return;
  throw new StatusError(
    Code.UNIMPLEMENTED,
    `output ${output} is in shared memory, which the model's server cannot write`,
  );
}

const isMissing = (reason: unknown): boolean =>
  reason instanceof StatusError && reason.code === Code.NOT_FOUND;

async function isReady(server: ModelServer, name: string, version: string): Promise<boolean> {
  if (server.v2 !== undefined) return server.v2.ready(name, version);
  const target = targetOf(specOfV2(name, version));
  // the state of a model is that of its numbers: only a look into one that has the label shows that there is one
  if (target.label !== undefined) await server.describe(target);
  const states = await server.status(target);
  return states.some(({ state }) => state === 'AVAILABLE');
}

/** Asks a request of ModelInfer, or one of a stream of such, as the server takes it. */
async function infer(
  message: Chunks,
  server: ModelServer,
  { maxBytes }: DoorContext,
  isStream: boolean,
): Promise<Chunks> {
  const request = decodeModelInferRequest(message, maxBytes);
  for (const { name, parameters } of request.outputs) refuseShared(name, parameters);
  const wanted = request.outputs.map(({ name }) => name);
  const reply = await server.infer({
    target: targetOf(specOfV2(request.model, request.version)),
    version: request.version,
    id: request.id,
    parameters: isStream ? withoutEmptyFinal(request.parameters) : request.parameters,
    inputs: request.inputs,
    inputParameters: request.inputParameters,
    outputs: request.outputs,
  });
  return encodeModelInferResponse({
    model: request.model,
    version: reply.versionText,
    id: request.id === '' ? reply.id : request.id,
    // the one answer is the last
    parameters: isStream ? new Map([...reply.parameters, [finalParameter, true]]) : reply.parameters,
    outputs: server.v2 === undefined ? wantedOutputs(reply.outputs, wanted) : reply.outputs,
    outputParameters: reply.outputParameters,
  });
}

function withoutEmptyFinal(parameters: V2Parameters): V2Parameters {
  if (!parameters.has(emptyFinalParameter)) return parameters;
  return new Map([...parameters].filter(([name]) => name !== emptyFinalParameter));
}

/** As Triton answers a request of a stream. */
const inferInStream: StreamAnswerer = {
  answer: async (message, server, context) =>
    encodeModelStreamInferResponse('', await infer(message, server, context, true)),
  failed: (request, { message }) =>
    encodeModelStreamInferResponse(
      message === '' ? 'the server gave no reason' : message,
      encodeModelInferResponse({
        ...{ model: '', version: '', id: idOfModelInferRequest(request) },
        ...{ parameters: noParameters, outputs: new Map(), outputParameters: new Map() },
      }),
    ),
};

const noEquivalent = (method: string): StatusError =>
  new StatusError(
    Code.UNIMPLEMENTED,
    `${method} of the KServe V2 API has no equivalent in the API that the model's server speaks`,
  );

function changeOf(what: 'load' | 'unload'): Answerer {
  return async (message, server) => {
    if (server.change === undefined)
      throw noEquivalent(`RepositoryModel${what === 'load' ? 'Load' : 'Unload'}`);
    await server.change(what, decodeRepositoryChange(joined(message)));
    return [new Uint8Array(0)];
  };
}

const memoryQuestions = (['system', 'cuda'] as const).flatMap((kind) =>
  (['status', 'register', 'unregister'] as const).map((action) => ({ kind, action })),
);

function memoryOf(question: V2MemoryQuestion): Answerer {
  return async (message, server) => {
    if (server.memory === undefined) throw noEquivalent(memoryMethod(question));
    const regions = await server.memory(question, decodeMemoryRequest(question, joined(message)));
    return [question.action === 'status' ? encodeMemoryStatus(question, regions) : new Uint8Array(0)];
  };
}

function settingsOf(kind: V2SettingKind): Answerer {
  return async (message, server) => {
    if (server.settings === undefined) throw noEquivalent(kind === 'trace' ? 'TraceSetting' : 'LogSettings');
    const settings = await server.settings(kind, decodeSettings(kind, joined(message)));
    return [encodeSettings(kind, { model: '', settings })];
  };
}

/** What Triton has beside V2, for clients of gRPC. @param encode the message of what its HTTP endpoint writes */
function extensionOf(kind: 'config' | 'stats', encode: (json: ExactObject) => Uint8Array): Answerer {
  return async (message, server) => {
    if (server.extension === undefined)
      throw noEquivalent(kind === 'config' ? 'ModelConfig' : 'ModelStatistics');
    const { name, version } = decodeModelVersionRequest(joined(message));
    return [encode(readExactObject(await server.extension(kind, name, version)))];
  };
}

/** A question in KServe's V1. */
const v1 =
  (verb: V1Verb): Answerer =>
  async (message, server) => {
    if (server.v1 === undefined)
      throw new StatusError(Code.UNIMPLEMENTED, "the server does not speak KServe's V1");
    const { model, body } = decodeHttpBody(message);
    return server.v1(verb, model, body);
  };

/** What V2 clients ask, put to any server. */
export const v2Dialect: RequestDialect = {
  name: 'the KServe V2 API',
  streams: new Map([['ModelStreamInfer', inferInStream]]),
  calls: new Map<string, Answerer>([
    ['ModelInfer', (message, server, context) => infer(message, server, context, false)],
    [
      'ModelReady',
      async (message, server) => {
        const { name, version } = decodeModelVersionRequest(joined(message));
        const ready = await isReady(server, name, version).catch((reason: unknown) => {
          // as Triton has it: a model that is not there is not ready; as for a version, another server may have it
          if (version === '' && isMissing(reason)) return false;
          throw reason;
        });
        return [encodeFlagResponse(ready)];
      },
    ],
    [
      'ModelMetadata',
      async (message, server) => {
        const { name, version } = decodeModelVersionRequest(joined(message));
        if (server.v2 !== undefined)
          return [encodeModelMetadataResponse({ ...(await server.v2.metadata(name, version)), name })];
        const { versions, platform, signatures } = await server.describe(targetOf(specOfV2(name, version)));
        const signature = signatures.get(defaultSignature);
        if (signature === undefined) {
          throw new StatusError(
            Code.INVALID_ARGUMENT,
            `model ${name} has no signature ${defaultSignature}, the only one that the V2 API can name`,
          );
        }
        return [
          encodeModelMetadataResponse({
            name,
            versions: versions.map(String),
            platform,
            inputs: tensorsOf(signature.inputs),
            outputs: tensorsOf(signature.outputs),
          }),
        ];
      },
    ],
    ['PredictV1', v1('predict')],
    ['ExplainV1', v1('explain')],
    ['RepositoryModelLoad', changeOf('load')],
    ['RepositoryModelUnload', changeOf('unload')],
    ...memoryQuestions.map((question) => [memoryMethod(question), memoryOf(question)] as const),
    ['TraceSetting', settingsOf('trace')],
    ['LogSettings', settingsOf('logging')],
    ['ModelConfig', extensionOf('config', encodeModelConfigResponse)],
    ['ModelStatistics', extensionOf('stats', encodeModelStatisticsResponse)],
    [
      // asked by the gateway itself: what clients get is made of what all servers say
      'RepositoryIndex',
      async (_message, server) => {
        if (server.list === undefined)
          throw new StatusError(Code.UNIMPLEMENTED, 'the API of the server has no list of models');
        return [encodeRepositoryIndexResponse(await server.list())];
      },
    ],
  ]),
};

/** Versions that a server is asked about at the same time. */
const maxParallel = 16;

/** The state of each version: what metadata lists, and whether each of these is ready. */
export async function v2Status(
  { model, version, label }: Target,
  names: VersionNames,
  { ready, metadata }: V2Questions,
): Promise<VersionState[]> {
  const { versions } = await metadata(model, '');
  const numbers = names.learn(model, versions);
  if (version !== undefined && !numbers.includes(version))
    throw new StatusError(Code.NOT_FOUND, `Could not find version ${version} of model ${model}`);
  const listed = versions.length > 0 && label === undefined;
  const asked = version === undefined ? numbers : [version];
  const stateOf = async (number: bigint): Promise<VersionState> => {
    const text = label ?? names.textOf({ model, version: number, signature: '' });
    const state = await ready(model, text).then(
      (isReady): VersionStateName => (isReady ? 'AVAILABLE' : 'LOADING'),
      (reason: unknown): VersionStateName => {
        // MLServer lists what a model's settings say, and has what it has loaded
        if (listed && isMissing(reason)) return 'END';
        throw reason;
      },
    );
    return { version: number, state, errorCode: 0, errorMessage: '' };
  };
  const states: VersionState[] = [];
  // a server may list hundreds, which are not to be asked about all at once
  for (let at = 0; at < asked.length; at += maxParallel)
    states.push(...(await Promise.all(asked.slice(at, at + maxParallel).map(stateOf))));
  return states;
}

/** A server that speaks it. */
export function v2Server(ask: Ask, names: VersionNames, maxBytes: number): ModelServer {
  const questions: V2Questions = {
    async ready(model, version) {
      const answer = await ask(methods.ready, encodeModelVersionRequest(model, version)).catch(
        (reason: unknown) => {
          throw inProtocol(reason);
        },
      );
      return readControl(decodeFlagResponse, joined(answer));
    },
    metadata: async (model, version) =>
      readControl(
        decodeModelMetadataResponse,
        joined(await ask(methods.metadata, encodeModelVersionRequest(model, version))),
      ),
  };
  return {
    v2: questions,
    status: (target) => v2Status(target, names, questions),
    async infer(inference) {
      const request = inferRequestOf(inference, names);
      const reply = decodeModelInferResponse(
        await ask(methods.infer, encodeModelInferRequest(request)),
        maxBytes,
      );
      return {
        version: names.numberOf(reply.version),
        versionText: reply.version,
        id: reply.id,
        parameters: reply.parameters,
        outputs: reply.outputs,
        outputParameters: reply.outputParameters,
      };
    },
    async describe(target) {
      return descriptionOf(target, await questions.metadata(target.model, names.textOf(target)), names);
    },
  };
}
