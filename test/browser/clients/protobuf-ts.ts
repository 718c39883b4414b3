/** @protobuf-ts/grpcweb-transport, with raw bytes as messages. */
import { GrpcStatusCode, GrpcWebFetchTransport } from '@protobuf-ts/grpcweb-transport';
import type { IMessageType } from '@protobuf-ts/runtime';
import { type MethodInfo, RpcError } from '@protobuf-ts/runtime-rpc';
import { type Adapter, offer } from './page.ts';

/** The part of a message type that the transport uses. */
const bytesType = {
  typeName: 'bytes',
  toBinary: (message: Uint8Array) => message,
  fromBinary: (bytes: Uint8Array) => bytes,
  create: () => new Uint8Array(0),
} as unknown as IMessageType<Uint8Array>;

function methodOf(path: string, serverStreaming: boolean): MethodInfo<Uint8Array, Uint8Array> {
  const [, typeName = '', name = ''] = path.split('/');
  return {
    service: { typeName, methods: [], options: {} },
    name,
    localName: name,
    I: bytesType,
    O: bytesType,
    serverStreaming,
    clientStreaming: false,
    idempotency: undefined,
    options: {},
  };
}

const adapter: Adapter = async (mode, call, onMessage, abort) => {
  const { url, path, request, streaming, timeoutMs, credentials, metadata } = call;
  const transport = new GrpcWebFetchTransport({
    baseUrl: url,
    format: mode as 'text' | 'binary',
    ...(credentials ? { fetchInit: { credentials: 'include' } } : {}),
  });
  const controller = new AbortController();
  abort.addEventListener('abort', () => controller.abort());
  const options = transport.mergeOptions({
    abort: controller.signal,
    meta: { ...metadata },
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  try {
    if (streaming) {
      const answer = transport.serverStreaming(methodOf(path, true), request, options);
      for await (const message of answer.responses) if (!onMessage(message)) controller.abort();
      await answer.status;
    } else {
      const answer = await transport.unary(methodOf(path, false), request, options);
      onMessage(answer.response);
    }
    return { code: 0, message: '' };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const details = error.meta['grpc-status-details-bin'];
    return {
      code: GrpcStatusCode[error.code as keyof typeof GrpcStatusCode],
      message: error.message,
      details: typeof details === 'string' ? details : undefined,
    };
  }
};

offer(adapter);
