/** KServe V2 over REST: how its servers are asked, with the binary tensor extension where they have it. */
import { Buffer, isUtf8 } from 'node:buffer';
import { Code, StatusError } from '../base/status.ts';
import type { Target } from '../call/index.ts';
import {
  decodeV2MetadataJson,
  decodeV2ReplyJson,
  encodeV2InferJson,
  exactJsonText,
  type HttpBody,
  isList,
  joined,
  readExactJson,
  readExactObject,
  repositoryIndexIn,
  repositoryParametersJson,
  type TensorOptions,
  type V2InferRequest,
  type V2ModelMetadata,
  versionTextOf,
} from '../codec/index.ts';
import { jsonLengthHeader, specOf, type VersionNames } from '../models/index.ts';
import { extensionAnswer } from './extensions.ts';
import type { ModelServer, V2Questions } from './inference.ts';
import { wantedOutputs } from './outputs.ts';
import {
  jsonOf,
  lacksPath,
  noJson,
  pathOf,
  refusalOf,
  type RestAnswer,
  type RestAsk,
  type RestQuestion,
  segment,
  successful,
} from './rest-call.ts';
import { listOfConfig, notUnderstood } from './tfs-rest.ts';
import { descriptionOf, inferRequestOf } from './v2-shapes.ts';
import { v2Status } from './v2.ts';

/** What a server can be trusted with. */
export interface V2Abilities {
  /** Tensors behind the JSON. */
  readonly binary: boolean;
  /** A list of wanted outputs: OpenVINO Model Server keeps only the last of one. */
  readonly listOutputs: boolean;
  /** Triton has no 16-bit floats in JSON, and no members that are null. */
  readonly strictJson: boolean;
  /** As it lists them. */
  readonly extensions: readonly string[];
}

const ovmsName = 'OpenVINO Model Server';
const tritonName = 'triton';

/** What a server's GET /v2 says of it. */
export function abilitiesOf(json: Readonly<Record<string, unknown>>): V2Abilities {
  const { name, extensions } = json;
  const ovms = name === ovmsName;
  const listed = Array.isArray(extensions) ? extensions.filter((each) => typeof each === 'string') : [];
  return {
    binary: ovms || listed.includes('binary_tensor_data'),
    listOutputs: !ovms,
    strictJson: name === tritonName,
    extensions: listed,
  };
}

/**
 * Whether what a server answers to GET /v1/models is KServe's list: names, and not the objects that OpenAI's API has.
 */
export function isV1List(json: Readonly<Record<string, unknown>>): boolean {
  const { models } = json;
  return Array.isArray(models) && models.every((name) => typeof name === 'string');
}

const binaryWord = '"binary_data';
const outputsWord = '"outputs"';
const nullWord = 'null';

/**
 * Whether a client's body can go to a server as it is: unless it has tensors behind its JSON, or wants them there,
 * and the server has no such extension; or it lists outputs for a server that loses them, or has nulls for one that
 * reads none. A word that is a value and no member only costs the reading.
 */
export function passesInfer(
  { binary, listOutputs, strictJson }: V2Abilities,
  { headerBytes, body }: HttpBody,
): boolean {
  if (binary && listOutputs && !strictJson) return true;
  if (!binary && headerBytes !== undefined) return false;
  const bytes = joined(body);
  const json = Buffer.from(
    bytes.buffer,
    bytes.byteOffset,
    Math.min(headerBytes ?? bytes.length, bytes.length),
  );
  return (
    (binary || !json.includes(binaryWord)) &&
    (listOutputs || !json.includes(outputsWord)) &&
    (!strictJson || !json.includes(nullWord))
  );
}

/** How a body is typed: JSON alone, or with bytes behind it. */
const typeOf = (headerBytes: number | undefined): Readonly<Record<string, string>> =>
  headerBytes === undefined
    ? { 'content-type': 'application/json' }
    : { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(headerBytes) };

/** The path of a model, for a call that came in V2. */
export const pathFor = (target: Target): string => pathOf(target.model, versionTextOf(specOf(target)));

/** A client's infer, as it came. */
export function restInferQuestion(target: Target, { headerBytes, body }: HttpBody): RestQuestion {
  return { path: `${pathFor(target)}/infer`, body, headers: typeOf(headerBytes) };
}

export interface V2RestOptions {
  /** The backend's name. */
  readonly where: string;
  readonly names: VersionNames;
  readonly tensors: TensorOptions;
  /** Asked once for each connection. */
  readonly abilities: () => Promise<V2Abilities>;
  /** The same for KServe's V1 at the same port. */
  readonly speaksV1: () => Promise<boolean>;
  /** An id for a call of an API that has none: models of KServe's server fail without one. */
  readonly id?: string | undefined;
}

/**
 * Decodes the V2 model metadata of a REST response.
 * @param where the backend, for the message
 * @throws OutOfBounds for a body that is no JSON object, or holds more than a model may have
 */
export function metadataIn({ body }: RestAnswer, where: string): V2ModelMetadata {
  try {
    return decodeV2MetadataJson(body);
  } catch (reason) {
    if (reason instanceof SyntaxError) throw noJson(where);
    throw reason;
  }
}

/** JSON text holds Unicode alone. */
function checkText({ inputs }: V2InferRequest): void {
  for (const [name, tensor] of inputs) {
    if (tensor.dtype !== 'string' || tensor.values.every((value) => isUtf8(joined(value)))) continue;
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `input ${name} holds bytes that are no UTF-8 text; the model's server takes JSON only, which cannot carry them`,
    );
  }
}

const json = { 'content-type': 'application/json' };
/** MLServer takes no index without a body. */
const emptyObject = new TextEncoder().encode('{}');

/** A server that speaks it. */
export function v2RestServer(ask: RestAsk, options: V2RestOptions): ModelServer {
  const { where, names, tensors, abilities } = options;
  const questions: V2Questions = {
    async ready(model, version) {
      const answer = await ask({ path: `${pathOf(model, version)}/ready` });
      if (answer.status === 404 || (answer.status >= 500 && answer.status !== 503))
        throw refusalOf(answer, where);
      return answer.status === 200;
    },
    metadata: async (model, version) =>
      metadataIn(successful(await ask({ path: pathOf(model, version) }), where), where),
  };
  return {
    v2: questions,
    status: (target) => v2Status(target, names, questions),
    async describe(target) {
      return descriptionOf(target, await questions.metadata(target.model, names.textOf(target)), names);
    },
    async v1(verb, model, body) {
      if (!(await options.speaksV1()))
        throw new StatusError(Code.UNIMPLEMENTED, `backend ${where} does not speak KServe's V1`, { where });
      const answer = await ask({
        path: `/v1/models/${segment(model)}:${verb}`,
        body,
        headers: { 'content-type': 'application/json' },
      });
      return [successful(answer, where).body];
    },
    async extension(kind, model, version) {
      const path = model === '' ? '/v2/models/stats' : `${pathOf(model, version)}/${kind}`;
      return extensionAnswer(await ask({ path }), path, where);
    },
    async change(what, { repository, model, parameters }) {
      const path = `/v2/repository/${repository === '' ? '' : `${segment(repository)}/`}models/${segment(model)}/${what}`;
      const body = [Buffer.from(repositoryParametersJson(parameters))];
      extensionAnswer(await ask({ path, body, headers: json, isControl: true }), path, where);
    },
    async memory({ kind, action }, { name, ...rest }) {
      const region = typeof name === 'string' && name !== '' ? `/region/${segment(name)}` : '';
      const path = `/v2/${kind}sharedmemory${region}/${action}`;
      const told = { path, body: [Buffer.from(exactJsonText(rest))], headers: json, isControl: true };
      const answer = extensionAnswer(await ask(action === 'status' ? { path } : told), path, where);
      if (action !== 'status') return [];
      const regions = readExactJson(answer);
      return isList(regions) ? regions : [];
    },
    async settings(kind, { model, settings }) {
      const path =
        kind === 'logging' ? '/v2/logging' : `${model === '' ? '/v2' : pathOf(model, '')}/trace/setting`;
      const names = Object.keys(settings);
      const sent =
        names.length === 0
          ? { path }
          : { path, body: [Buffer.from(exactJsonText(settings))], headers: json, isControl: true };
      return readExactObject(extensionAnswer(await ask(sent), path, where));
    },
    async list() {
      const answer = await ask({
        path: '/v2/repository/index',
        body: [emptyObject],
        headers: { 'content-type': 'application/json' },
        isControl: true,
      });
      // OpenVINO Model Server has its own way to say it, whatever the API
      if (lacksPath(answer)) return listOfConfig(ask, where);
      return repositoryIndexIn(jsonOf(successful(answer, where), where));
    },
    async infer(inference) {
      const able = await abilities();
      const { id = '' } = options;
      const request = inferRequestOf(inference.id === '' ? { ...inference, id } : inference, names);
      if (!able.binary) checkText(request);
      const { pieces, headerBytes } = encodeV2InferJson(request, able);
      const answer = successful(
        await ask({
          path: `${pathOf(request.model, request.version)}/infer`,
          body: pieces,
          headers: typeOf(headerBytes),
        }),
        where,
      );
      const length = answer.headers[jsonLengthHeader];
      try {
        const reply = decodeV2ReplyJson(
          answer.body,
          length === undefined ? undefined : Number(length),
          tensors,
        );
        const outputs = able.listOutputs
          ? reply.outputs
          : wantedOutputs(
              reply.outputs,
              request.outputs.map(({ name }) => name),
            );
        return { ...reply, outputs, version: names.numberOf(reply.version), versionText: reply.version };
      } catch (reason) {
        throw notUnderstood(reason, where);
      }
    },
  };
}
