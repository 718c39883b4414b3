/** @connectrpc/connect-web; its messages keep fields that they do not know, so an Empty carries any bytes. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Empty, EmptySchema } from '@bufbuild/protobuf/wkt';
import type { DescMethodStreaming, DescMethodUnary } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { type Adapter, offer } from './page.ts';

/** What a transport reads of a method's descriptor. */
function methodOf(path: string, streaming: boolean): object {
  const [, typeName = '', name = ''] = path.split('/');
  return {
    kind: 'rpc',
    name,
    localName: name,
    parent: { typeName },
    methodKind: streaming ? 'server_streaming' : 'unary',
    input: EmptySchema,
    output: EmptySchema,
    idempotency: 0,
  };
}

const adapter: Adapter = async (mode, call, onMessage, abort) => {
  const { url, path, request, streaming, timeoutMs, credentials, metadata } = call;
  const transport = createGrpcWebTransport({
    baseUrl: url,
    useBinaryFormat: mode === 'binary',
    ...(credentials ? { fetch: (input, init) => fetch(input, { ...init, credentials: 'include' }) } : {}),
  });
  const input = fromBinary(EmptySchema, request);
  const controller = new AbortController();
  abort.addEventListener('abort', () => controller.abort());
  const take = (message: Empty): boolean => onMessage(toBinary(EmptySchema, message));
  try {
    if (streaming) {
      const method = methodOf(path, true) as DescMethodStreaming<typeof EmptySchema, typeof EmptySchema>;
      const inputs = (async function* () {
        yield input;
      })();
      const response = await transport.stream(method, controller.signal, timeoutMs, metadata, inputs);
      for await (const message of response.message) if (!take(message)) controller.abort();
    } else {
      const method = methodOf(path, false) as DescMethodUnary<typeof EmptySchema, typeof EmptySchema>;
      const response = await transport.unary(method, controller.signal, timeoutMs, metadata, input);
      take(response.message);
    }
    return { code: 0, message: '' };
  } catch (reason) {
    const error = ConnectError.from(reason);
    const [detail] = error.details;
    return {
      code: error.code,
      message: error.rawMessage,
      details: detail !== undefined && 'type' in detail ? detail.type : undefined,
    };
  }
};

offer(adapter);
