/** Numbers in tensor_content, for those who read nothing else: which replies are changed, and what they are then. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { Code, StatusError } from '../../src/base/status.ts';
import { tensorContent } from '../../src/bridge/index.ts';
import {
  allMetadata,
  type Call,
  Flow,
  flowOf,
  messagePrefix,
  type Reply,
  replyOf,
  statusOf,
  trailersOf,
  type UnaryCall,
  wholeMessage,
} from '../../src/call/index.ts';
import { unaryCall } from '../support/index.ts';

const protos = fileURLToPath(new URL('../../protos/', import.meta.url));
const root = new protobuf.Root();
root.resolvePath = (_from, target) =>
  target.startsWith('/') || target.startsWith('google/') ? target : `${protos}${target}`;
root.loadSync('tensorflow_serving/apis/predict.proto', { keepCase: true });
const response = root.lookupType('tensorflow.serving.PredictResponse');

interface Proto {
  readonly outputs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly model_spec?: unknown;
}
const written = (outputs: Proto['outputs']): Uint8Array =>
  response
    .encode(response.fromObject({ outputs, model_spec: { name: 'm', version: { value: 3 } } }))
    .finish();
const read = (bytes: Uint8Array): Proto =>
  response.toObject(response.decode(bytes), { longs: String, bytes: Buffer }) as unknown as Proto;

const shape = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size })) });
const bytesOf = (array: ArrayBufferView): Buffer =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength);
const typed = written({ y: { dtype: 1, tensor_shape: shape(2), float_val: [1.5, -2] } });

async function send(
  reply: () => Reply | Promise<Reply>,
  more: Partial<UnaryCall> = {},
  of: 'ovms' | 'all' = 'ovms',
): Promise<{ reply: Reply; sent: Call }> {
  let sent: Call | undefined;
  const filter = tensorContent({ of, maxMessageBytes: 2 ** 20, maxInflateRatio: 100 });
  const call = unaryCall(new Uint8Array(0), { zeroVersion: true, ...more });
  const came = await filter((each) => {
    sent = each;
    return Promise.resolve(reply());
  })(call);
  return { reply: came, sent: sent as Call };
}
const messageOf = async ({ body }: Reply): Promise<Buffer> =>
  Buffer.from((await wholeMessage(body, 2 ** 20))?.bytes ?? []);

describe('numbers in tensor_content', () => {
  it('come in the place of typed values of every kind; everything else of the answer stays', async () => {
    const came = written({
      f: { dtype: 1, tensor_shape: shape(2), float_val: [1.5, -2] },
      d: { dtype: 2, tensor_shape: shape(1, 2), double_val: [0.1, 5e-324] },
      i: { dtype: 3, tensor_shape: shape(2), int_val: [-1, 2 ** 31 - 1] },
      l: { dtype: 9, tensor_shape: shape(2), int64_val: ['-9223372036854775808', '9007199254740993'] },
      u: { dtype: 4, tensor_shape: shape(2), int_val: [0, 255] },
      b: { dtype: 10, tensor_shape: shape(2), bool_val: [true, false] },
      h: { dtype: 19, tensor_shape: shape(1), half_val: [0x3e00] },
      // the last value stands for all that follow
      r: { dtype: 1, tensor_shape: shape(3), float_val: [4] },
    });
    const { outputs, model_spec: spec } = read(await messageOf((await send(() => replyOf(came, 'b'))).reply));
    const contents = {
      f: Float32Array.of(1.5, -2),
      d: Float64Array.of(0.1, 5e-324),
      i: Int32Array.of(-1, 2 ** 31 - 1),
      l: BigInt64Array.of(-(2n ** 63n), 9007199254740993n),
      u: Uint8Array.of(0, 255),
      b: Uint8Array.of(1, 0),
      h: Uint16Array.of(0x3e00),
      r: Float32Array.of(4, 4, 4),
    };
    for (const [name, content] of Object.entries(contents)) {
      const was = read(came).outputs[name];
      assert.deepEqual(
        outputs[name],
        { dtype: was?.dtype, tensor_shape: was?.tensor_shape, tensor_content: bytesOf(content) },
        name,
      );
    }
    assert.deepEqual(spec, { name: 'm', version: { value: '3' } });
  });

  it('are left alone, byte for byte, where they are there already; strings, and what cannot be read, too', async () => {
    for (const came of [
      written({ y: { dtype: 1, tensor_shape: shape(1), tensor_content: bytesOf(Float32Array.of(1)) } }),
      written({ y: { dtype: 7, tensor_shape: shape(1), string_val: [Buffer.from('a')] } }),
      // a resource has no values that could stand in tensor_content
      written({ y: { dtype: 20, tensor_shape: shape(1), resource_handle_val: [{ device: 'd' }] } }),
      Buffer.from('ffffff', 'hex'),
    ])
      assert.deepEqual(await messageOf((await send(() => replyOf(came, 'b'))).reply), Buffer.from(came));
  });

  it('are for calls with a version of 0, or for all: a reply to any other is not looked at', async () => {
    const reply = replyOf(typed, 'b');
    assert.equal((await send(() => reply, { zeroVersion: false })).reply, reply);
    const all = await send(() => replyOf(typed, 'b'), { zeroVersion: false }, 'all');
    assert.ok('tensor_content' in (read(await messageOf(all.reply)).outputs.y ?? {}));
  });

  it('are found in a compressed answer too, which is asked for without', async () => {
    const packed = gzipSync(typed);
    const prefix = Buffer.from(messagePrefix(packed.length));
    prefix[0] = 1;
    const { reply, sent } = await send(
      () => ({
        metadata: ['grpc-encoding', 'gzip', 'x-kept', '1'],
        body: Flow.of([Buffer.concat([prefix, packed])], ['grpc-status', '0', 'x-more', '2']),
        from: 'b',
      }),
      { metadata: ['grpc-accept-encoding', 'gzip', 'x-mine', '3'] },
    );
    assert.deepEqual(sent.metadata, ['x-mine', '3']);
    assert.deepEqual(reply.metadata, ['x-kept', '1']);
    const message = await messageOf(reply);
    assert.deepEqual(read(message).outputs.y?.tensor_content, bytesOf(Float32Array.of(1.5, -2)));
    assert.equal(allMetadata(reply.body.trailers, 'x-more'), '2');
  });

  it('make no difference to an error: status, text and trailers come as they are', async () => {
    const error = new StatusError(Code.INVALID_ARGUMENT, 'no ');
    const trailers = [...trailersOf(error), 'x-more', '2'];
    for (const body of [() => Flow.of([], trailers), () => flowOf(typed, trailers)]) {
      const { reply } = await send(() => ({ metadata: [], body: body(), from: 'b' }));
      const answer = await wholeMessage(reply.body, 2 ** 20);
      const ends = answer?.trailers ?? reply.body.trailers;
      assert.equal(statusOf(ends), Code.INVALID_ARGUMENT);
      assert.deepEqual(ends, trailers);
    }
    await assert.rejects(
      send(() => Promise.reject(new StatusError(Code.UNAVAILABLE, 'gone'))),
      { code: Code.UNAVAILABLE },
    );
  });
});
