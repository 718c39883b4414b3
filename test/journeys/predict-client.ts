/** A gRPC client of Predict with a connection of its own, that gives bytes and takes bytes. */
import {
  type ChannelCredentials,
  credentials,
  makeClientConstructor,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

export interface Answer {
  readonly reply: Buffer;
  /** The name of the backend, as the demo server says it; empty when it does not. */
  readonly from: string;
}

export interface PredictClient {
  /** @throws ServiceError, also when there is no answer within deadlineMs */
  predict(
    message: Buffer,
    options?: { deadlineMs?: number; metadata?: Record<string, string> },
  ): Promise<Answer>;
  close(): void;
}

const raw = (bytes: Buffer): Buffer => bytes;
const Client = makeClientConstructor(
  {
    predict: {
      path: '/tensorflow.serving.PredictionService/Predict',
      requestStream: false,
      responseStream: false,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  },
  'PredictionService',
);
type Unary = (
  message: Buffer,
  metadata: Metadata,
  options: object,
  done: (error: ServiceError | null, reply?: Buffer) => void,
) => { on(event: 'metadata', listener: (metadata: Metadata) => void): void };

export function predictClient(
  address: string,
  channel: ChannelCredentials = credentials.createInsecure(),
): PredictClient {
  // grpc-js shares connections between clients of one process otherwise
  const client = new Client(address, channel, { 'grpc.use_local_subchannel_pool': 1 });
  return {
    predict: (message, { deadlineMs = 5000, metadata = {} } = {}) =>
      new Promise((resolve, reject) => {
        const fields = new Metadata();
        for (const [name, value] of Object.entries(metadata)) fields.set(name, value);
        const deadline = Date.now() + deadlineMs;
        let from = '';
        (client.predict as Unary)
          .call(client, message, fields, { deadline }, (error, reply) => {
            if (error === null && reply !== undefined) resolve({ reply, from });
            else reject(error ?? new Error('neither an error nor a reply'));
          })
          .on('metadata', (head) => (from = String(head.get('demo-server')[0] ?? '')));
      }),
    close: () => client.close(),
  };
}
