/** What the batch dimension costs those who do not need it, and what becomes of calls whose signature cannot be had. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Code, StatusError } from '../../src/base/status.ts';
import { addBatchDimension } from '../../src/bridge/index.ts';
import {
  ByModel,
  type Call,
  Flow,
  flowOf,
  messagePrefix,
  type Reply,
  replyOf,
  trailersOf,
  type UnaryCall,
  wholeMessage,
} from '../../src/call/index.ts';
import {
  decodePredictRequest,
  decodePredictResponse,
  encodePredictRequest,
  encodePredictResponse,
  type ModelMetadata,
  type Tensor,
} from '../../src/codec/index.ts';
import { unaryCall } from '../support/index.ts';

const text = (shape: readonly number[]): Tensor => ({
  dtype: 'string',
  shape,
  values: shape.includes(2) ? [Buffer.from('a'), Buffer.from('b')] : [Buffer.from('a')],
});
const info = (shape: readonly number[] | undefined) => ({
  dtype: 'string' as const,
  dtypeNumber: 7,
  shape,
  tensorName: 'x:0',
});
const metadataOf = (...inputs: [string, readonly number[] | undefined][]): ModelMetadata => ({
  model: 'm',
  version: 1n,
  signatures: new Map([
    [
      'serving_default',
      {
        name: 'serving_default',
        methodName: '',
        inputs: new Map(inputs.map(([name, shape]) => [name, info(shape)])),
        outputs: new Map([['y', info([-1])]]),
      },
    ],
  ]),
});
const predictOf = (inputs: Record<string, Tensor>): Uint8Array =>
  Buffer.concat(
    encodePredictRequest({
      spec: { name: 'm', signature: '' },
      inputs: new Map(Object.entries(inputs)),
      outputFilter: [],
    }),
  );
const answer = Buffer.concat(
  encodePredictResponse({ spec: undefined, outputs: new Map([['y', text([1])]]) }),
);

interface World {
  readonly metadata?: ModelMetadata | Error;
  readonly known?: ModelMetadata;
  readonly reply?: () => Reply;
  readonly add?: 'strings' | 'all' | 'off';
}

async function send(
  message: Uint8Array,
  { metadata, known, reply = () => replyOf(answer, 'b'), add = 'strings' }: World,
  more: Partial<UnaryCall> = {},
): Promise<{ asked: number; sent: Call[]; reply: Reply }> {
  const sent: Call[] = [];
  let asked = 0;
  const filter = addBatchDimension(
    { add, models: new ByModel(), maxMessageBytes: 2 ** 20, maxInflateRatio: 100 },
    {
      catalog: {
        known: () => known,
        metadata: () => {
          asked++;
          return metadata instanceof Error
            ? Promise.reject(metadata)
            : Promise.resolve(metadata as ModelMetadata);
        },
      },
    },
  );
  const call = unaryCall(message, { scalarText: true, ...more });
  const came = await filter((each) => {
    sent.push(each);
    return Promise.resolve(reply());
  })(call);
  return { asked, sent, reply: came };
}

async function inputsOf(call: Call | undefined): Promise<Record<string, readonly number[]>> {
  const message = await wholeMessage((call as Call).request, 2 ** 20);
  const { inputs } = decodePredictRequest(message?.bytes ?? new Uint8Array(0));
  return Object.fromEntries([...inputs].map(([name, { shape }]) => [name, shape]));
}

describe('the batch dimension', () => {
  it('costs a call nothing that the door has found to need none', async () => {
    const call = unaryCall(predictOf({ x: text([]) }));
    const { asked, sent } = await send(new Uint8Array(0), {}, { ...call, scalarText: false });
    assert.equal(asked, 0);
    assert.equal(sent[0]?.request, call.request);
  });

  it('is added and taken off where all fits', async () => {
    const { asked, sent, reply } = await send(predictOf({ x: text([]) }), {
      metadata: metadataOf(['x', [-1]]),
    });
    assert.equal(asked, 1);
    assert.deepEqual(await inputsOf(sent[0]), { x: [1] });
    const message = await wholeMessage(reply.body, 2 ** 20);
    assert.deepEqual(decodePredictResponse(message?.bytes as Uint8Array).outputs.get('y')?.shape, []);
  });

  it('asks for no signature that is known', async () => {
    const { asked, sent } = await send(predictOf({ x: text([]) }), { known: metadataOf(['x', [-1]]) });
    assert.equal(asked, 0);
    assert.deepEqual(await inputsOf(sent[0]), { x: [1] });
  });

  const untouched: [string, Record<string, Tensor>, World][] = [
    ['lists, and asks for no signature', { x: text([2]) }, {}],
    ['one input of two', { x: text([]), z: text([2]) }, {}],
    ['a signature without a batch', { x: text([]) }, { metadata: metadataOf(['x', []]) }],
    ['a signature of a fixed size', { x: text([]) }, { metadata: metadataOf(['x', [1]]) }],
    ['a signature of two dimensions', { x: text([]) }, { metadata: metadataOf(['x', [-1, 1]]) }],
    ['a signature of any rank', { x: text([]) }, { metadata: metadataOf(['x', undefined]) }],
    [
      'inputs that do not all lack one',
      { x: text([]), z: text([]) },
      { metadata: metadataOf(['x', [-1]], ['z', []]) },
    ],
    ['an input that the signature does not have', { q: text([]) }, { metadata: metadataOf(['x', [-1]]) }],
    [
      'a model whose signature cannot be had',
      { x: text([]) },
      { metadata: new StatusError(Code.UNAVAILABLE, 'nobody is there') },
    ],
    ['whatever comes where it is off', { x: text([]) }, { add: 'off', metadata: metadataOf(['x', [-1]]) }],
  ];
  for (const [name, inputs, world] of untouched)
    it(`leaves alone ${name}`, async () => {
      const { asked, sent, reply } = await send(predictOf(inputs), world);
      assert.equal(asked, world.metadata === undefined || world.add === 'off' ? 0 : 1);
      assert.equal(sent.length, 1);
      const shapes = Object.entries(inputs).map(([key, { shape }]) => [key, shape]);
      assert.deepEqual(await inputsOf(sent[0]), Object.fromEntries(shapes));
      const message = await wholeMessage(reply.body, 2 ** 20);
      assert.deepEqual(message?.bytes, answer);
    });

  it('is added to all inputs, and to numbers of several rows, where it is set to all; these keep theirs in the answer', async () => {
    const numbers: Tensor = { dtype: 'float', shape: [2], bytes: new Uint8Array(8) };
    const world: World = { add: 'all', known: metadataOf(['x', [-1, 2]], ['s', [-1]]) };
    const { sent, reply } = await send(predictOf({ x: numbers, s: text([]) }), world, { scalarText: false });
    assert.deepEqual(await inputsOf(sent[0]), { x: [1, 2], s: [1] });
    assert.deepEqual((await wholeMessage(reply.body, 2 ** 20))?.bytes, answer);
  });

  it('passes a server’s own error on as it came', async () => {
    const error = trailersOf(new StatusError(Code.NOT_FOUND, 'no such model'));
    const { reply } = await send(predictOf({ x: text([]) }), {
      known: metadataOf(['x', [-1]]),
      reply: () => ({ metadata: ['x-odd', 'yes'], body: Flow.of([], error), from: 'b' }),
    });
    assert.equal(await wholeMessage(reply.body, 2 ** 20), undefined);
    assert.deepEqual(reply.body.trailers, error);
    assert.deepEqual(reply.metadata, ['x-odd', 'yes']);
  });

  it('reads messages that are compressed, and says so no more', async () => {
    const packed = gzipSync(predictOf({ x: text([]) }));
    const zipped = gzipSync(answer);
    const marked = (bytes: Uint8Array): Uint8Array[] => {
      const prefix = messagePrefix(bytes.length);
      prefix[0] = 1;
      return [prefix, bytes];
    };
    const { sent, reply } = await send(
      new Uint8Array(0),
      {
        known: metadataOf(['x', [-1]]),
        reply: () => ({
          metadata: ['grpc-encoding', 'gzip', 'x-odd', 'yes'],
          body: Flow.of(marked(zipped), ['grpc-status', '0']),
          from: 'b',
        }),
      },
      {
        metadata: ['grpc-encoding', 'gzip', 'grpc-accept-encoding', 'gzip', 'x-user', 'me'],
        request: Flow.of(marked(packed)),
      },
    );
    assert.deepEqual(gunzipSync(packed), predictOf({ x: text([]) }));
    assert.deepEqual(sent[0]?.metadata, ['x-user', 'me']);
    assert.deepEqual(await inputsOf(sent[0]), { x: [1] });
    assert.deepEqual(reply.metadata, ['x-odd', 'yes']);
    const message = await wholeMessage(reply.body, 2 ** 20);
    assert.equal(message?.compressed, false);
    assert.deepEqual(decodePredictResponse(message.bytes).outputs.get('y')?.shape, []);
  });

  it('sends on the very bytes that came where nothing is added, and those that were not kept all the same', async () => {
    const packed = gzipSync(predictOf({ x: text([2]) }));
    const prefix = messagePrefix(packed.length);
    prefix[0] = 1;
    const metadata = ['grpc-encoding', 'gzip'];
    const kept = new Flow(true);
    for (const chunk of [prefix, packed]) kept.push(chunk);
    kept.end();
    const { sent } = await send(new Uint8Array(0), {}, { metadata, request: kept });
    assert.deepEqual(sent[0]?.metadata, metadata);
    assert.deepEqual((await wholeMessage(sent[0].request, 2 ** 20))?.bytes, packed);

    const once = new Flow(true);
    for (const chunk of [prefix, packed]) once.push(chunk);
    once.end();
    once.dropCopy();
    const rebuilt = await send(new Uint8Array(0), {}, { metadata, request: once });
    assert.deepEqual(rebuilt.sent[0]?.metadata, []);
    assert.deepEqual(await inputsOf(rebuilt.sent[0]), { x: [2] });
  });

  it('goes no further for a call that is cancelled while it waits', async () => {
    const call = unaryCall(predictOf({ x: text([]) }));
    const gone = new StatusError(Code.CANCELLED, 'the client left');
    call.cancellation.cancel(gone);
    await assert.rejects(
      send(
        new Uint8Array(0),
        { metadata: gone },
        { request: flowOf(predictOf({ x: text([]) })), cancellation: call.cancellation },
      ),
      gone,
    );
  });
});
