/** TensorFlow Serving's REST API: how its servers are asked. */
import { Code, StatusError } from '../base/status.ts';
import type { Target } from '../call/index.ts';
import {
  checkCount,
  checkedName,
  decodePredictReplyJson,
  defaultSignature,
  type DType,
  dtypes,
  encodePredictRequestJson,
  type JsonLimits,
  noParameters,
  type Signature,
  type TensorInfo,
  type V2ModelIndex,
} from '../codec/index.ts';
import { listedVersion, type VersionState, type VersionStateName } from '../models/index.ts';
import type { ModelDescription, ModelServer } from './inference.ts';
import { plainOutputs } from './outputs.ts';
import { jsonOf, lacksPath, type RestAnswer, type RestAsk, successful, tfsPath } from './rest-call.ts';

type Json = Readonly<Record<string, unknown>>;

const objectIn = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
const nameIn = (value: unknown): string => checkedName(textIn(value));

function bigintIn(value: unknown): bigint {
  const text = typeof value === 'number' ? String(value) : textIn(value);
  return /^[0-9]{1,19}$/.test(text) ? BigInt(text) : 0n;
}

const stateNames: ReadonlySet<string> = new Set([
  'START',
  'LOADING',
  'AVAILABLE',
  'UNLOADING',
  'END',
] satisfies VersionStateName[]);

function statesOf(json: Json): VersionState[] {
  return listIn(json.model_version_status).map((each, i) => {
    checkCount(i, 'versions');
    const { version, state, status } = objectIn(each);
    const { error_code: code, error_message: message } = objectIn(status);
    const name = textIn(state);
    const ok = code === 'OK' || code === undefined;
    const named = textIn(code);
    return {
      version: bigintIn(version),
      state: stateNames.has(name) ? (name as VersionStateName) : 'UNKNOWN',
      errorCode: ok ? 0 : Object.hasOwn(Code, named) ? Code[named as keyof typeof Code] : Code.UNKNOWN,
      // OpenVINO Model Server says "OK" where TensorFlow Serving says nothing
      errorMessage: ok ? '' : textIn(message),
    };
  });
}

/** TensorFlow Serving writes snake_case, OpenVINO Model Server camelCase. */
const either = (json: Json, snake: string, camel: string): unknown => json[snake] ?? json[camel];

function infoOf(value: unknown): TensorInfo {
  const info = objectIn(value);
  const name = textIn(info.dtype).replace(/^DT_/, '').toLowerCase();
  const dtype = Object.hasOwn(dtypes, name) ? (name as DType) : undefined;
  const shape = objectIn(either(info, 'tensor_shape', 'tensorShape'));
  const unknown = either(shape, 'unknown_rank', 'unknownRank') === true;
  return {
    dtype,
    dtypeNumber: dtype === undefined ? 0 : dtypes[dtype].number,
    shape: unknown ? undefined : listIn(shape.dim).map((dim) => Number(objectIn(dim).size ?? 0)),
    tensorName: nameIn(info.name),
  };
}

const infosOf = (value: unknown): Map<string, TensorInfo> =>
  new Map(
    Object.entries(objectIn(value)).map(([name, info], i) => {
      checkCount(i, 'tensors');
      return [checkedName(name), infoOf(info)];
    }),
  );

function signaturesOf(json: Json): Map<string, Signature> {
  const outer = objectIn(objectIn(json.metadata).signature_def);
  return new Map(
    Object.entries(objectIn(either(outer, 'signature_def', 'signatureDef'))).map(([name, value], i) => {
      checkCount(i, 'signatures');
      checkedName(name);
      const signature = objectIn(value);
      const methodName = nameIn(either(signature, 'method_name', 'methodName'));
      return [
        name,
        { name, methodName, inputs: infosOf(signature.inputs), outputs: infosOf(signature.outputs) },
      ];
    }),
  );
}

/** What a server has said of its signatures: JSON replies have no dtypes, so every inference needs them. */
export class KnownSignatures {
  readonly #known = new Map<string, Promise<ModelDescription>>();
  readonly #maxEntries = 1000;

  /** Asks once, until forget(); what cannot be had is asked again. */
  get(target: Target, describe: (target: Target) => Promise<ModelDescription>): Promise<ModelDescription> {
    const key = tfsPath(target);
    let known = this.#known.get(key);
    if (known === undefined) {
      known = describe(target);
      if (this.#known.size >= this.#maxEntries) this.#known.clear();
      this.#known.set(key, known);
      known.catch(() => this.#known.delete(key));
    }
    return known;
  }

  forget(): void {
    this.#known.clear();
  }
}

/** All models by OpenVINO Model Server's GET /v1/config. @throws StatusError UNIMPLEMENTED where the server lacks it */
export async function listOfConfig(ask: RestAsk, where: string): Promise<readonly V2ModelIndex[]> {
  const answer = await ask({ path: '/v1/config' });
  // TensorFlow Serving calls every path that it does not know malformed
  if (lacksPath(answer) || answer.status === 400)
    throw new StatusError(Code.UNIMPLEMENTED, `backend ${where} has no list of its models`, { where });
  const models = Object.entries(jsonOf(successful(answer, where), where));
  return models.flatMap(([name, value], i) => {
    checkCount(i, 'models');
    checkedName(name);
    return statesOf(objectIn(value)).map((state) => listedVersion(name, state));
  });
}

export interface TfsRestOptions {
  /** The backend's name. */
  readonly where: string;
  readonly limits: JsonLimits;
  readonly signatures: KnownSignatures;
  /** For what is asked on behalf of all calls: it does not end with one of them. */
  readonly askForAll: RestAsk;
  /** A call's wait for that, which ends with the call. */
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
}

/** A server that speaks it. */
export function tfsRestServer(ask: RestAsk, options: TfsRestOptions): ModelServer {
  const { where, limits, signatures, askForAll, wait } = options;
  const get = async (path: string, caller = ask): Promise<Json> =>
    jsonOf(successful(await caller({ path }), where), where);
  const status = async (target: Target, caller = ask): Promise<VersionState[]> =>
    statesOf(await get(tfsPath(target), caller));

  async function describe(target: Target, caller = ask): Promise<ModelDescription> {
    const json = await get(`${tfsPath(target)}/metadata`, caller);
    const spec = objectIn(either(json, 'model_spec', 'modelSpec'));
    const states = await status({ model: target.model, signature: '' }, caller);
    const versions = states.filter(({ state }) => state === 'AVAILABLE').map((each) => each.version);
    return {
      version: bigintIn(spec.version),
      versions: versions.reverse(),
      platform: 'tensorflow',
      signatures: signaturesOf(json),
    };
  }

  return {
    v2: undefined,
    status: (target) => status(target),
    describe: (target) => describe(target),
    list: () => listOfConfig(ask, where),
    async infer({ target, inputs, outputs }) {
      plainOutputs(outputs);
      const description = await wait(signatures.get(target, (asked) => describe(asked, askForAll)));
      const name = target.signature === '' ? defaultSignature : target.signature;
      const signature = description.signatures.get(name);
      if (signature === undefined)
        throw new StatusError(
          Code.FAILED_PRECONDITION,
          `Serving signature key "${name.slice(0, 200)}" not found.`,
        );
      const body = encodePredictRequestJson(target.signature, inputs);
      const headers = { 'content-type': 'application/json' };
      const answer = successful(await ask({ path: `${tfsPath(target)}:predict`, body, headers }), where);
      const version = target.version ?? description.version;
      return {
        version,
        versionText: String(version),
        id: '',
        parameters: noParameters,
        outputs: outputsOf(answer, signature),
        outputParameters: new Map(),
      };
    },
  };

  function outputsOf(answer: RestAnswer, signature: Signature): ReturnType<typeof decodePredictReplyJson> {
    try {
      return decodePredictReplyJson(answer.body, signature, limits);
    } catch (reason) {
      throw notUnderstood(reason, where);
    }
  }
}

/** A fault in a server's answer is not the client's. */
export function notUnderstood(reason: unknown, where: string): StatusError {
  const { message } = StatusError.from(reason);
  return new StatusError(Code.INTERNAL, `the answer of backend ${where} cannot be read: ${message}`, {
    where,
    cause: reason,
  });
}
