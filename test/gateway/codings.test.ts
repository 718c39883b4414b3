/** Compressed gRPC messages: which codings are read, what goes on to a server, and what a refusal offers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { getMetadata } from '../../src/call/index.ts';
import { encodeModelInferRequest, encodeMultiInferenceRequest } from '../../src/codec/index.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictPath,
  predictReply,
  RawClient,
  rawAnswer,
  startRawBackend,
  startTestGateway,
  type TestGateway,
} from '../support/index.ts';

const predict = predictMessage();
const infer = Buffer.concat(
  encodeModelInferRequest({
    model: 'half_plus_two',
    version: '',
    id: '',
    parameters: new Map(),
    inputs: new Map([['x', { dtype: 'float', shape: [1], pieces: [new Uint8Array(4)] }]]),
    inputParameters: new Map(),
    outputs: [],
  }),
);
const multi = Buffer.from(
  encodeMultiInferenceRequest(
    [{ spec: { name: 'half_plus_two', signature: '' }, methodName: 'tensorflow/serving/regress' }],
    new Uint8Array(0),
  ),
);

describe('codings of gRPC messages', () => {
  let backend: Awaited<ReturnType<typeof startRawBackend>>;
  let gateway: TestGateway;
  let client: RawClient;
  let stream = -1;
  before(async () => {
    backend = await startRawBackend({
      keep: true,
      onCall: (call) => {
        call.send(rawAnswer(call.id, predictReply));
      },
    });
    gateway = await startTestGateway([backend.url]);
    client = await RawClient.open(gateway.grpc);
  });
  after(async () => {
    client.destroy();
    await gateway.stop();
    backend.close();
  });

  async function send(coding: string, body: Buffer, path = predictPath) {
    stream += 2;
    client.send(
      headers(stream, predictFields(['grpc-encoding', coding], path)),
      frame(h2.DATA, h2.END_STREAM, stream, body),
    );
    const answer = await client.untilEnd(stream);
    const last = backend.calls.at(-1);
    return {
      status: fieldOf(answer, 'grpc-status'),
      message: fieldOf(answer, 'grpc-message'),
      accepts: fieldOf(answer, 'grpc-accept-encoding'),
      coding: last && getMetadata(last.fields, 'grpc-encoding'),
      body: Buffer.concat(last?.body ?? []),
    };
  }

  for (const [coding, packed, sent] of [
    ['gzip', gzipSync(predict), 'gzip'],
    ['GZIP', gzipSync(predict), 'gzip'],
    ['Deflate', deflateSync(predict), 'deflate'],
  ] as const)
    it(`${coding} goes on as it came, under its usual name`, async () => {
      const seen = await send(coding, framed(packed, 1));
      assert.equal(seen.status, '0', seen.message);
      assert.equal(seen.coding, sent);
      assert.deepEqual(seen.body, framed(packed, 1));
    });

  for (const [name, path, message] of [
    ['Predict', predictPath, predict],
    ['MultiInference', '/tensorflow.serving.PredictionService/MultiInference', multi],
  ] as const)
    for (const coding of ['zstd', 'ZSTD'])
      it(`${coding} is known to few servers: ${name} goes on inflated`, async () => {
        const seen = await send(coding, framed(zstdCompressSync(message), 1), path);
        assert.equal(seen.status, '0', seen.message);
        assert.equal(seen.coding, undefined);
        assert.deepEqual(seen.body, framed(message));
      });

  it('zstd is not said of a message that is not compressed either', async () => {
    const seen = await send('zstd', framed(predict));
    assert.equal(seen.status, '0', seen.message);
    assert.equal(seen.coding, undefined);
    assert.deepEqual(seen.body, framed(predict));
  });

  it('a bomb of zstd ends by its ratio', async () => {
    const bomb = zstdCompressSync(Buffer.concat([predict, Buffer.alloc(50_000_000)]));
    const { status, message } = await send('zstd', framed(bomb, 1));
    assert.equal(status, '8');
    assert.match(message ?? '', /the limit of 1048576 bytes/);
  });

  for (const [coding, path, message] of [
    ['snappy', predictPath, predict],
    ['br', '/inference.GRPCInferenceService/ModelInfer', infer],
    ['gzip, gzip', predictPath, predict],
  ] as const)
    it(`${coding} is refused with what is taken`, async () => {
      const calls = backend.calls.length;
      const answer = await send(coding, framed(message, 1), path);
      assert.equal(answer.status, '12');
      assert.equal(
        answer.message,
        `grpc-encoding "${coding}" is not supported: identity, gzip, deflate, zstd`,
      );
      assert.equal(answer.accepts, 'identity,gzip,deflate,zstd');
      assert.equal(backend.calls.length, calls);
    });
});
