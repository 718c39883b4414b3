/** A model server that costs nothing: it lets requests pass by and answers every Predict with the same few floats. */
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  dtypes,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusResponse,
  encodePredictResponse,
} from '../src/codec/index.ts';

function framed(parts: readonly Uint8Array[]): Buffer {
  const message = Buffer.concat(parts);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const info = (name: string) => ({
  dtype: 'float' as const,
  dtypeNumber: dtypes.float.number,
  shape: undefined,
  tensorName: `${name}:0`,
});
const signature = {
  name: 'serving_default',
  methodName: 'tensorflow/serving/predict',
  inputs: new Map([['x', info('x')]]),
  outputs: new Map([['y', info('y')]]),
};
const answers: Readonly<Record<string, Buffer>> = {
  GetModelStatus: framed([
    encodeGetModelStatusResponse([{ version: 1n, state: 30, errorCode: 0, errorMessage: '' }]),
  ]),
  GetModelMetadata: framed([
    encodeGetModelMetadataResponse({
      model: 'm',
      version: 1n,
      signatures: new Map([['serving_default', signature]]),
    }),
  ]),
  Predict: framed(
    encodePredictResponse({
      spec: { name: 'm', version: 1n, signature: 'serving_default' },
      outputs: new Map([['y', { dtype: 'float', shape: [1], bytes: new Uint8Array(4) }]]),
    }),
  ),
};

/** Serves model `m` on a free port of 127.0.0.1, with input x and output y, both float. */
export async function startBackend(): Promise<{ port: number; server: Http2Server }> {
  const server = createServer({ settings: { initialWindowSize: 2 ** 24 } });
  server.on('stream', (stream, headers) => {
    const answer = answers[(headers[':path'] ?? '').split('/').at(-1) ?? ''];
    stream.on('error', () => undefined);
    stream.resume();
    stream.on('end', () => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': answer === undefined ? '12' : '0' });
      });
      stream.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}
