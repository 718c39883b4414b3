/** A raw grpc-js client for the demo servers' tests: bytes in, bytes and metadata out. */
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  decodePredictResponse,
  encodePredictRequest,
  type ModelSpec,
  type PredictResponse,
  type Tensor,
} from '../../src/codec/index.ts';

export interface RawReply {
  readonly bytes: Buffer;
  readonly metadata: Metadata;
}

export interface RawClient {
  call(method: string, request: Uint8Array, options?: { timeoutMs?: number }): Promise<RawReply>;
  predict(
    spec: Partial<ModelSpec>,
    inputs: Record<string, Tensor>,
    outputFilter?: string[],
  ): Promise<PredictResponse>;
  watchHealth(request: Uint8Array): ClientReadableStream<Buffer>;
  close(): void;
}

const services: Record<string, string> = {
  Check: 'grpc.health.v1.Health',
  Watch: 'grpc.health.v1.Health',
  GetModelStatus: 'tensorflow.serving.ModelService',
  HandleReloadConfigRequest: 'tensorflow.serving.ModelService',
};

export function pathOf(method: string): string {
  return `/${services[method] ?? 'tensorflow.serving.PredictionService'}/${method}`;
}

const same: MethodDefinition<Buffer, Buffer>['requestSerialize'] = (bytes) => bytes;

export function spec(part: Partial<ModelSpec>): ModelSpec {
  return { name: '', signature: '', ...part };
}

export function rawClient(
  port: number,
  channel: ChannelCredentials = credentials.createInsecure(),
): RawClient {
  const client = new Client(`127.0.0.1:${port}`, channel, {
    'grpc.max_receive_message_length': -1,
    'grpc.ssl_target_name_override': 'localhost',
  });
  const call: RawClient['call'] = (method, request, options = {}) =>
    new Promise((resolve, reject) => {
      let metadata = new Metadata();
      const deadline = options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs;
      client
        .makeUnaryRequest(
          pathOf(method),
          same,
          same,
          Buffer.from(request),
          new Metadata(),
          { deadline },
          (error: ServiceError | null, bytes?: Buffer) => {
            if (error === null) resolve({ bytes: bytes as Buffer, metadata });
            else reject(error);
          },
        )
        .on('metadata', (initial: Metadata) => (metadata = initial));
    });
  return {
    call,
    watchHealth: (request) =>
      client.makeServerStreamRequest(pathOf('Watch'), same, same, Buffer.from(request)),
    async predict(part, inputs, outputFilter = []) {
      const request = { spec: spec(part), inputs: new Map(Object.entries(inputs)), outputFilter };
      const { bytes } = await call('Predict', Buffer.concat(encodePredictRequest(request)));
      return decodePredictResponse(bytes);
    },
    close: () => client.close(),
  };
}

/** What assert.rejects compares of a grpc-js error. */
export function status(code: number, details: string): { code: number; details: string } {
  return { code, details };
}
