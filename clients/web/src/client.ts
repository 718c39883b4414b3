/** The client: a gateway's address, its models, and what can be asked of them. */
import { type CallOptions, Transport, type TransportOptions } from './grpc-web.ts';
import {
  decodeMetadata,
  decodePredict,
  decodeStatus,
  encodeMetadata,
  encodePredict,
  encodeStatus,
  type ModelMetadata,
  type ModelSpec,
  type Outputs,
  type VersionStatus,
} from './messages.ts';
import { tensor, type TensorLike } from './tensor.ts';

export type Inputs = Readonly<Record<string, TensorLike>>;

export interface PredictOptions extends CallOptions {
  /** Names of the outputs to send; all of the signature's when absent. */
  readonly outputs?: readonly string[];
}

/** An answer and where it came from. */
export interface Answer {
  readonly outputs: Outputs;
  /** The version that answered. */
  readonly version: bigint;
  /** The model server that answered, or "cache"; empty when the gateway does not say. */
  readonly servedBy: string;
  /** The initial metadata, as far as CORS lets a page see it. */
  readonly headers: Headers;
  /** From the call to the decoded answer, in ms. */
  readonly durationMs: number;
}

export interface Model {
  readonly spec: ModelSpec;
  /** Runs the model: named inputs in, named tensors out. @throws RpcError */
  predict(inputs: Inputs, options?: PredictOptions): Promise<Outputs>;
  /** As predict, with the version, the server and the time. @throws RpcError */
  run(inputs: Inputs, options?: PredictOptions): Promise<Answer>;
  /** The state of the model's versions. @throws RpcError NOT_FOUND when no server has the model */
  status(options?: CallOptions): Promise<readonly VersionStatus[]>;
  /** The model's signatures. @throws RpcError */
  metadata(options?: CallOptions): Promise<ModelMetadata>;
}

export interface Gateway {
  /** The model of a name; a version, a label or a signature narrow it. Nothing is sent. */
  model(name: string, options?: Omit<ModelSpec, 'name'>): Model;
  /** For any other RPC: its bytes there and back. */
  readonly transport: Transport;
}

const service = '/tensorflow.serving.';

/**
 * A client of a gateway.
 * @param url the REST and gRPC-Web door: "http://localhost:8000"
 */
export function connect(url: string, options: TransportOptions = {}): Gateway {
  const transport = new Transport(url, options);
  return { transport, model: (name, narrow) => modelOf(transport, { ...narrow, name }) };
}

function modelOf(transport: Transport, spec: ModelSpec): Model {
  const run = async (inputs: Inputs, options: PredictOptions = {}): Promise<Answer> => {
    const tensors = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, tensor(value)]));
    const startedMs = performance.now();
    let headers = new Headers();
    const reply = await transport.unary(
      `${service}PredictionService/Predict`,
      encodePredict(spec, tensors, options.outputs ?? []),
      options,
      (received) => (headers = received),
    );
    const decoded = decodePredict(reply);
    const durationMs = performance.now() - startedMs;
    return { ...decoded, servedBy: headers.get('x-served-by') ?? '', headers, durationMs };
  };
  return {
    spec,
    run,
    predict: async (inputs, options) => (await run(inputs, options)).outputs,
    status: async (options) =>
      decodeStatus(
        await transport.unary(`${service}ModelService/GetModelStatus`, encodeStatus(spec), options),
      ),
    metadata: async (options) =>
      decodeMetadata(
        await transport.unary(`${service}PredictionService/GetModelMetadata`, encodeMetadata(spec), options),
      ),
  };
}
