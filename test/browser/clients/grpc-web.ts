/** The official grpc-web, with raw bytes as messages. */
import { GrpcWebClientBase, MethodDescriptor, MethodType, type RpcError } from 'grpc-web';
import { type Adapter, offer, type Status } from './page.ts';

const adapter: Adapter = (mode, call, onMessage, abort) =>
  new Promise<Status>((resolve) => {
    const { url, path, request, streaming, timeoutMs, credentials, metadata } = call;
    // its own limit is 4 MB, a tensor may be larger
    const client = new GrpcWebClientBase({
      format: mode,
      withCredentials: credentials,
      maxReceiveMessageSize: 0,
    });
    const kind = streaming ? MethodType.SERVER_STREAMING : MethodType.UNARY;
    const method = new MethodDescriptor<Uint8Array, Uint8Array>(
      path,
      kind,
      Uint8Array,
      Uint8Array,
      (message: Uint8Array) => message,
      (bytes: Uint8Array) => bytes,
    );
    const headers = {
      ...metadata,
      ...(timeoutMs === undefined ? {} : { deadline: String(Date.now() + timeoutMs) }),
    };
    const failed = ({ code, message, metadata: trailers }: RpcError): void => {
      resolve({ code, message, details: trailers?.['grpc-status-details-bin'] });
    };
    const cancelled = (): void => resolve({ code: 1, message: 'cancelled by the page' });
    if (streaming) {
      const stream = client.serverStreaming(url + path, request, headers, method);
      stream.on('data', (message) => {
        if (onMessage(message)) return;
        stream.cancel();
        cancelled();
      });
      stream.on('error', failed);
      stream.on('end', () => resolve({ code: 0, message: '' }));
      abort.addEventListener('abort', () => {
        stream.cancel();
        cancelled();
      });
      return;
    }
    const stream = client.rpcCall(url + path, request, headers, method, (error, reply) => {
      if ((error as RpcError | null) !== null) failed(error);
      else {
        onMessage(reply);
        resolve({ code: 0, message: '' });
      }
    });
    abort.addEventListener('abort', () => {
      stream.cancel();
      cancelled();
    });
  });

offer(adapter);
