/** Every RPC method that the gateway knows by name, and what may be done with a call of it. */
import { Code, StatusError } from '../base/status.ts';
import type { Api, Handler, Method } from '../call/index.ts';

interface Traits {
  /** Running it twice does no harm. */
  readonly idempotent?: boolean;
  /** It changes a server. */
  readonly admin?: boolean;
  readonly target?: 'spec' | 'tasks' | 'name';
  readonly streaming?: boolean;
  readonly fleetWide?: boolean;
}

const safe: Traits = { idempotent: true };
const admin: Traits = { admin: true, fleetWide: true };
const bySpec: Traits = { idempotent: true, target: 'spec' };
const byName: Traits = { idempotent: true, target: 'name' };
const ofServers: Traits = { ...byName, fleetWide: true };

/**
 * The services of prediction_service.proto and model_service.proto (TensorFlow Serving 2.21; PredictStreamed is not in
 * the published service) and of grpc_service.proto (KServe V2 with Triton's extensions).
 * TraceSetting and LogSettings read and write with one method, so they count as admin.
 */
const services: readonly { service: string; api: Api; methods: Readonly<Record<string, Traits>> }[] = [
  {
    service: 'tensorflow.serving.PredictionService',
    api: 'tfs',
    methods: {
      Predict: bySpec,
      Classify: bySpec,
      Regress: bySpec,
      MultiInference: { idempotent: true, target: 'tasks' },
      GetModelMetadata: bySpec,
    },
  },
  {
    service: 'tensorflow.serving.ModelService',
    api: 'tfs',
    methods: { GetModelStatus: bySpec, HandleReloadConfigRequest: admin },
  },
  {
    service: 'inference.GRPCInferenceService',
    api: 'kserve',
    methods: {
      ServerLive: safe,
      ServerReady: safe,
      ServerMetadata: safe,
      ModelReady: byName,
      ModelMetadata: byName,
      ModelInfer: byName,
      ModelStreamInfer: { target: 'name', streaming: true },
      ModelConfig: ofServers,
      ModelStatistics: ofServers,
      RepositoryIndex: safe,
      RepositoryModelLoad: admin,
      RepositoryModelUnload: admin,
      SystemSharedMemoryStatus: { idempotent: true, fleetWide: true },
      SystemSharedMemoryRegister: admin,
      SystemSharedMemoryUnregister: admin,
      CudaSharedMemoryStatus: { idempotent: true, fleetWide: true },
      CudaSharedMemoryRegister: admin,
      CudaSharedMemoryUnregister: admin,
      TraceSetting: admin,
      LogSettings: admin,
    },
  },
];

const table = new Map<string, Method>();
for (const { service, api, methods: members } of services) {
  for (const [name, traits] of Object.entries(members)) {
    const path = `/${service}/${name}`;
    table.set(
      path,
      Object.freeze({
        path,
        service,
        name,
        api,
        idempotent: traits.idempotent ?? false,
        admin: traits.admin ?? false,
        target: traits.target,
        streaming: traits.streaming ?? false,
        fleetWide: traits.fleetWide ?? false,
      }),
    );
  }
}

/**
 * Calls of Triton's extensions to the V2 REST API that gRPC has no method for: each message is a body of HTTP. No
 * client can name them, and whoever sends to a backend says them in its API.
 */
const restMethod = (
  name: string,
  { streaming = false, idempotent = false, fleetWide = false, target }: Traits,
): Method =>
  Object.freeze({
    path: `/inference.GRPCInferenceService/${name}`,
    service: 'inference.GRPCInferenceService',
    name,
    api: 'kserve',
    idempotent,
    admin: false,
    target,
    streaming,
    fleetWide,
  });

/**
 * ModelInfer as a client of REST has asked it, for servers over REST: its message is the body of HTTP
 * (codec/proto/kserve/http-body.ts), and the answer's too, whose metadata says how much of it is JSON.
 */
export const restInferMethod = restMethod('ModelInfer', byName);
/**
 * Of a server that is not over REST: a reload has come between the question and its servers.
 * @throws StatusError UNAVAILABLE
 */
export const otherApiNow: Handler = () => {
  const text = "the model's servers speak another API since a moment ago: ask again";
  return Promise.reject(new StatusError(Code.UNAVAILABLE, text));
};

/** In bytes; a header of HTTP and metadata of an answer. Absent where a body is JSON and nothing else. */
export const jsonLengthHeader = 'inference-header-content-length';

export const generateMethods = {
  /** One answer. */
  generate: restMethod('Generate', { streaming: true }),
  /** Any number of answers, as server-sent events. */
  generateStream: restMethod('GenerateStream', { streaming: true }),
  /** A request of V2 infer, and any number of its answers, as server-sent events. */
  inferStream: restMethod('InferStream', { streaming: true }),
} as const;

export const isGenerate = (method: Method): boolean =>
  method === generateMethods.generate ||
  method === generateMethods.generateStream ||
  method === generateMethods.inferStream;

/** Their answers are JSON: a REST server's pass as they are. */
export const extensionMethods = {
  config: restMethod('ModelConfig', { idempotent: true, fleetWide: true }),
  statistics: restMethod('ModelStatistics', { idempotent: true, fleetWide: true }),
} as const;

export const isExtension = (method: Method): boolean =>
  method === extensionMethods.config || method === extensionMethods.statistics;

/** Questions about a model: cheap, and answered while it is busy. */
const information: ReadonlySet<string> = new Set([
  'GetModelStatus',
  'GetModelMetadata',
  'ModelReady',
  'ModelMetadata',
  'ModelConfig',
  'ModelStatistics',
]);

export const isInformation = ({ name, api }: Method): boolean => api !== 'other' && information.has(name);

/** What a call of a method is for, as a router sees it. */
export function purposeOf(method: Method): 'infer' | 'stream' | 'describe' | 'status' {
  if (!isInformation(method)) return method.streaming ? 'stream' : 'infer';
  return method.name === 'GetModelStatus' ? 'status' : 'describe';
}

/** Every known method by its path ("/package.Service/Method"). */
export const methods: ReadonlyMap<string, Method> = table;

/** Other services that one process sees are few; clients choose the paths, so the memory is bounded. */
const maxInterned = 1024;
/** Longer paths are no real method's, and are not worth remembering. */
const maxInternedPath = 256;
const others = new Map<string, Method>();

/** The method of a path, the same object each time. An unknown path is of api "other", neither idempotent nor admin. */
export function methodOf(path: string): Method {
  const known = table.get(path) ?? others.get(path);
  if (known !== undefined) return known;
  const slash = path.lastIndexOf('/');
  const method: Method = Object.freeze({
    path,
    service: path.slice(path.startsWith('/') ? 1 : 0, Math.max(slash, 1)),
    name: path.slice(slash + 1),
    api: 'other',
    idempotent: false,
    admin: false,
    target: undefined,
    streaming: true,
    fleetWide: false,
  });
  if (path.length > maxInternedPath) return method;
  if (others.size >= maxInterned) {
    const oldest = others.keys().next();
    if (oldest.done !== true) others.delete(oldest.value);
  }
  others.set(path, method);
  return method;
}
