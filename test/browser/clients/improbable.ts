/** @improbable-eng/grpc-web, by fetch and by XMLHttpRequest, with raw bytes as messages. */
import { grpc } from '@improbable-eng/grpc-web';
import { type Adapter, offer, type Status } from './page.ts';

class Bytes {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  static deserializeBinary(bytes: Uint8Array): Bytes {
    return new Bytes(bytes);
  }
  serializeBinary(): Uint8Array {
    return this.bytes;
  }
  toObject(): object {
    return {};
  }
}

const adapter: Adapter = (mode, call, onMessage, abort) =>
  new Promise<Status>((resolve) => {
    const { url, path, request, streaming, timeoutMs, credentials, metadata } = call;
    const [, serviceName = '', methodName = ''] = path.split('/');
    const method = {
      methodName,
      service: { serviceName },
      requestStream: false,
      responseStream: streaming,
      requestType: Bytes,
      responseType: Bytes,
    } as unknown as grpc.MethodDefinition<Bytes & grpc.ProtobufMessage, Bytes & grpc.ProtobufMessage>;
    const transport =
      mode === 'xhr'
        ? grpc.XhrTransport({ withCredentials: credentials })
        : grpc.FetchReadableStreamTransport({ credentials: credentials ? 'include' : 'same-origin' });
    const running = grpc.invoke(method, {
      host: url,
      request: new Bytes(request),
      metadata: new grpc.Metadata({
        ...metadata,
        ...(timeoutMs === undefined ? {} : { 'grpc-timeout': `${timeoutMs}m` }),
      }),
      transport,
      onMessage(message) {
        if (onMessage((message as Bytes & grpc.ProtobufMessage).bytes)) return;
        running.close();
        resolve({ code: 1, message: 'cancelled by the page' });
      },
      onEnd(code, message, trailers) {
        resolve({ code, message, details: trailers.get('grpc-status-details-bin')[0] });
      },
    });
    abort.addEventListener('abort', () => {
      running.close();
      resolve({ code: 1, message: 'cancelled by the page' });
    });
  });

offer(adapter);
