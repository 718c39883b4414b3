/** KServe V2 over REST: how its servers are asked, with the binary tensor extension where they have it. */
import { isUtf8 } from 'node:buffer';
import { Code, StatusError } from '../../call/index.ts';
import {
  decodeV2MetadataJson,
  decodeV2ReplyJson,
  encodeV2InferJson,
  joined,
  repositoryIndexIn,
  type TensorOptions,
  type V2InferRequest,
  type V2ModelMetadata,
} from '../../codec/index.ts';
import type { ModelServer, V2Questions } from '../inference.ts';
import {
  jsonOf,
  lacksPath,
  noJson,
  refusalOf,
  type RestAnswer,
  type RestAsk,
  segment,
  successful,
} from './http.ts';
import { v2Status } from './kserve.ts';
import { listOfConfig, notUnderstood } from './tfs-rest.ts';
import { descriptionOf, inferRequestOf } from './v2-shapes.ts';
import type { VersionNames } from './versions.ts';

/** What a server can be trusted with. */
export interface V2Abilities {
  /** Tensors behind the JSON. */
  readonly binary: boolean;
  /** A list of wanted outputs: OpenVINO Model Server keeps only the last of one. */
  readonly listOutputs: boolean;
  /** As it lists them. */
  readonly extensions: readonly string[];
}

const ovmsName = 'OpenVINO Model Server';

/** What a server's GET /v2 says of it. */
export function abilitiesOf(json: Readonly<Record<string, unknown>>): V2Abilities {
  const { name, extensions } = json;
  const ovms = name === ovmsName;
  const listed = Array.isArray(extensions) ? extensions.filter((each) => typeof each === 'string') : [];
  return { binary: ovms || listed.includes('binary_tensor_data'), listOutputs: !ovms, extensions: listed };
}

/** Whether what a server answers to GET /v1/models is KServe's list: names, and not the objects that OpenAI's API has. */
export function isV1List(json: Readonly<Record<string, unknown>>): boolean {
  const { models } = json;
  return Array.isArray(models) && models.every((name) => typeof name === 'string');
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

export function pathOf(model: string, version: string): string {
  const path = `/v2/models/${segment(model)}`;
  return version === '' ? path : `${path}/versions/${segment(version)}`;
}

function metadataIn({ body }: RestAnswer, where: string): V2ModelMetadata {
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

/** MLServer takes no index without a body. */
const emptyObject = new TextEncoder().encode('{}');

/** A server that speaks it. */
export function kserveRestServer(ask: RestAsk, options: V2RestOptions): ModelServer {
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
    async predictV1(model, body) {
      if (!(await options.speaksV1()))
        throw new StatusError(Code.UNIMPLEMENTED, `backend ${where} does not speak KServe's V1`, { where });
      const answer = await ask({
        path: `/v1/models/${segment(model)}:predict`,
        body,
        headers: { 'content-type': 'application/json' },
      });
      return [successful(answer, where).body];
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
          headers:
            headerBytes === undefined
              ? { 'content-type': 'application/json' }
              : {
                  'content-type': 'application/octet-stream',
                  'inference-header-content-length': String(headerBytes),
                },
        }),
        where,
      );
      const length = answer.headers['inference-header-content-length'];
      try {
        const reply = decodeV2ReplyJson(
          answer.body,
          length === undefined ? undefined : Number(length),
          tensors,
        );
        return { ...reply, version: names.numberOf(reply.version), versionText: reply.version };
      } catch (reason) {
        throw notUnderstood(reason, where);
      }
    },
  };
}
