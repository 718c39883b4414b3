/** Sequences of stateful models: how they are found, numbered, and kept in order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import { ByModel, Cancellation, Flow, getMetadata, messageIn, type Reply } from '../../../src/call/index.ts';
import {
  decodePredictRequest,
  encodePredictRequest,
  readInferSequence,
  readPredictSequence,
  type Tensor,
} from '../../../src/codec/index.ts';
import { sequenceFilter } from '../../../src/filters/index.ts';
import { SequenceLock } from '../../../src/filters/sequence/sequence-lock.ts';
import { method, stubHandler, unaryCall } from '../../support/index.ts';

const uint64 = (value: bigint): Tensor => ({
  dtype: 'uint64',
  shape: [1],
  bytes: new Uint8Array(BigUint64Array.of(value).buffer),
});
const uint32 = (value: number): Tensor => ({
  dtype: 'uint32',
  shape: [1],
  bytes: new Uint8Array(Uint32Array.of(value).buffer),
});
const x: Tensor = { dtype: 'float', shape: [1], bytes: new Uint8Array(Float32Array.of(1).buffer) };

function predict(id: bigint | undefined, control: number | undefined): Buffer {
  const inputs = new Map([['x', x]]);
  if (id !== undefined) inputs.set('sequence_id', uint64(id));
  if (control !== undefined) inputs.set('sequence_control_input', uint32(control));
  const request = { spec: { name: 'counter', signature: '' }, inputs, outputFilter: [] };
  return Buffer.concat(encodePredictRequest(request));
}
const counter = { model: 'counter', signature: '' };
const call = (message: Uint8Array) => unaryCall(message, { target: counter });
const options = {
  models: new ByModel<true>([[{ model: 'counter' }, true]]),
  maxWaiting: 2,
  maxRequestBytes: 1000,
};

/**
 * ModelInferRequests of tritonclient 2.73.0: grpc._utils._get_inference_request(model_name='counter', inputs=[], ...)
 * with sequence_id=42, sequence_start=True; and with sequence_id='abc', sequence_end=True. Serialized
 * deterministically.
 */
const triton = {
  start:
    '0a07636f756e74657222120a0c73657175656e63655f656e641202080022110a0b73657175656e63655f69641202102a22140a0e73657175656e63655f737461727412020801',
  endText:
    '0a07636f756e74657222120a0c73657175656e63655f656e641202080122140a0b73657175656e63655f696412051a0361626322140a0e73657175656e63655f737461727412020800',
};

/**
 * ModelInferRequests of tritonclient 2.73.0 with inputs x, sequence_id and sequence_control_input = 1, serialized
 * deterministically: `given` is the same request with sequence_id = 2^52 + 5 where `zero` has 0. `raw` by
 * grpc._utils._get_inference_request with InferInput.set_data_from_numpy, `contents` by service_pb2.ModelInferRequest;
 * `absent` has no sequence_id, `uint32` has one of that type.
 */
const tensors = {
  raw: {
    zero: '0a07636f756e7465722a0c0a01781204465033321a01012a180a0b73657175656e63655f6964120655494e5436341a01012a230a1673657175656e63655f636f6e74726f6c5f696e707574120655494e5433321a01013a040000803f3a0800000000000000003a0401000000',
    given:
      '0a07636f756e7465722a0c0a01781204465033321a01012a180a0b73657175656e63655f6964120655494e5436341a01012a230a1673657175656e63655f636f6e74726f6c5f696e707574120655494e5433321a01013a040000803f3a0805000000000010003a0401000000',
  },
  contents: {
    zero: '0a07636f756e7465722a140a01781204465033321a01012a0632040000803f2a1d0a0b73657175656e63655f6964120655494e5436341a01012a032a01002a280a1673657175656e63655f636f6e74726f6c5f696e707574120655494e5433321a01012a03220101',
    given:
      '0a07636f756e7465722a140a01781204465033321a01012a0632040000803f2a240a0b73657175656e63655f6964120655494e5436341a01012a0a2a0885808080808080082a280a1673657175656e63655f636f6e74726f6c5f696e707574120655494e5433321a01012a03220101',
  },
  absent:
    '0a07636f756e7465722a0c0a01781204465033321a01012a230a1673657175656e63655f636f6e74726f6c5f696e707574120655494e5433321a01013a040000803f3a0401000000',
  uint32:
    '0a07636f756e7465722a1d0a0b73657175656e63655f6964120655494e5433321a01012a032201002a280a1673657175656e63655f636f6e74726f6c5f696e707574120655494e5433321a01012a03220101',
};

describe('the sequence of a request', () => {
  it('is in the inputs sequence_id and sequence_control_input of Predict', () => {
    assert.deepEqual(readPredictSequence(predict(7n, 1)), {
      id: '7',
      starts: true,
      ends: false,
      inInputs: true,
    });
    assert.deepEqual(readPredictSequence(predict(2n ** 60n, 2)), {
      id: String(2n ** 60n),
      starts: false,
      ends: true,
      inInputs: true,
    });
    assert.equal(readPredictSequence(predict(7n, 0))?.starts, false);
    assert.equal(readPredictSequence(predict(undefined, 1))?.id, '0');
    assert.equal(readPredictSequence(predict(undefined, undefined)), undefined);
  });

  it('is what protobuf makes of it when parts of it come twice, and is refused when nobody can say', () => {
    const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
    const key = '0a0b73657175656e63655f6964';
    const idOf = (text: string): string | undefined => readInferSequence(hex(text))?.id;
    // parameters: the value before the key; a value in two pieces; a key twice; a double in the place of a number
    assert.equal(idOf(`2211 1202 102a ${key}`), '42');
    assert.equal(idOf(`2215 ${key} 1202 102a 1202 102b`), '43');
    assert.equal(idOf(`2211 ${key} 1202 102a 2211 ${key} 1202 102b`), '43');
    assert.equal(idOf(`221a ${key} 120b 102a 21 0000000000000040`), undefined);
    // an entry with a field beside its key and value: upb forgets it, others do not
    assert.throws(() => idOf(`2213 ${key} 1202 102a 1807`), /an entry of a map has a field beside/);
    // an input that is there twice
    assert.throws(() => idOf(`2a13 ${key} 2a04 2a02 0708 2a13 ${key} 2a04 2a02 0708`), /is there twice/);
  });

  it('is in the parameters of ModelInfer, as a number or as a text', () => {
    assert.deepEqual(readInferSequence(Buffer.from(triton.start, 'hex')), {
      id: '42',
      starts: true,
      ends: false,
      inInputs: false,
    });
    assert.deepEqual(readInferSequence(Buffer.from(triton.endText, 'hex')), {
      id: 'abc',
      starts: false,
      ends: true,
      inInputs: false,
    });
  });
});

describe('the sequence filter', () => {
  it('leaves calls of other models alone', async () => {
    const stub = stubHandler(new Uint8Array(0));
    const other = unaryCall(predict(0n, 1), { target: { model: 'other', signature: '' } });
    await sequenceFilter(options, { newId: () => 5n })(stub.handler)(other);
    assert.equal(stub.calls[0], other);
  });

  it('gives an id to a sequence that starts with 0, in the request and in the reply', async () => {
    const stub = stubHandler(new Uint8Array(0));
    const reply = await sequenceFilter(options, { newId: () => 123_456_789n })(stub.handler)(
      call(predict(0n, 1)),
    );
    const [sent] = stub.calls;
    assert.deepEqual(sent?.sequence, { id: '123456789', starts: true, ends: false });
    const { inputs } = decodePredictRequest(messageIn(sent.request.peek())?.bytes ?? new Uint8Array(0));
    assert.deepEqual([...inputs.keys()].sort(), ['sequence_control_input', 'sequence_id', 'x']);
    assert.deepEqual(inputs.get('sequence_id'), uint64(123_456_789n));
    assert.equal(getMetadata(reply.metadata, 'sequence-id'), '123456789');
  });

  it('gives one over KServe V2 too', async () => {
    const stub = stubHandler(new Uint8Array(0));
    // sequence_start alone
    const message = Buffer.from('0a07636f756e74657222140a0e73657175656e63655f737461727412020801', 'hex');
    const infer = unaryCall(message, {
      target: counter,
      method: method('/inference.GRPCInferenceService/ModelInfer'),
    });
    await sequenceFilter(options, { newId: () => 77n })(stub.handler)(infer);
    const bytes = messageIn(stub.calls[0]?.request.peek() ?? [])?.bytes ?? new Uint8Array(0);
    assert.deepEqual(readInferSequence(bytes), { id: '77', starts: true, ends: false, inInputs: false });
    // int64_param: Triton 2.51 says "invalid value type for 'sequence_id' parameter" to uint64_param
    assert.ok(Buffer.from(bytes).includes(Buffer.from([0x12, 2, 0x10, 77])));
  });

  describe('of tensors over KServe V2', () => {
    const id = 2n ** 52n + 5n;
    async function sent(hex: string): Promise<Buffer> {
      const stub = stubHandler(new Uint8Array(0));
      const infer = unaryCall(Buffer.from(hex, 'hex'), {
        target: counter,
        method: method('/inference.GRPCInferenceService/ModelInfer'),
      });
      const reply = await sequenceFilter(options, { newId: () => id })(stub.handler)(infer);
      assert.equal(getMetadata(reply.metadata, 'sequence-id'), String(id));
      return Buffer.from(messageIn(stub.calls[0]?.request.peek() ?? [])?.bytes ?? []);
    }

    for (const kind of ['raw', 'contents'] as const)
      it(`gets an id in place of 0 in its tensor (${kind}), as the client itself would write it`, async () => {
        assert.equal((await sent(tensors[kind].zero)).toString('hex'), tensors[kind].given);
      });

    it('gets a tensor where the client left it out', async () => {
      const whole = await sent(tensors.absent);
      assert.deepEqual(readInferSequence(whole), {
        id: String(id),
        starts: true,
        ends: false,
        inInputs: true,
      });
      assert.ok(whole.toString('hex').startsWith(tensors.absent));
    });

    it('is refused when its tensor cannot hold the id', async () => {
      await assert.rejects(sent(tensors.uint32), /sequence_id is of type UINT32/);
    });
  });

  it('passes a request with an id of its own untouched', async () => {
    const stub = stubHandler(new Uint8Array(0));
    const mine = call(predict(9n, 0));
    await sequenceFilter(options, { newId: () => assert.fail() })(stub.handler)(mine);
    assert.equal(stub.calls[0]?.request, mine.request);
    assert.equal(stub.calls[0]?.sequence?.id, '9');
  });

  it('refuses id 0 in the middle of a sequence, and messages that it cannot read', async () => {
    const { handler } = stubHandler(new Uint8Array(0));
    const filtered = sequenceFilter(options, { newId: () => 1n })(handler);
    const isInvalid = (error: unknown): boolean =>
      error instanceof StatusError && error.code === Code.INVALID_ARGUMENT;
    await assert.rejects(filtered(call(predict(0n, 0))), isInvalid);
    await assert.rejects(filtered(call(new Uint8Array(2000))), isInvalid);
  });

  it('lets one call of a sequence go at a time, in order, until its whole answer is there', async () => {
    const bodies: Flow[] = [];
    const { handler, calls } = stubHandler((): Reply => {
      const body = new Flow();
      bodies.push(body);
      return { metadata: [], body, from: 'a' };
    });
    const filtered = sequenceFilter(options, { newId: () => 1n })(handler);
    const replies = [1, 2, 3].map(() => filtered(call(predict(9n, 0))));
    const other = filtered(call(predict(10n, 0)));
    await Promise.all([replies[0], other]);
    assert.equal(calls.length, 2);
    bodies[0]?.end(['grpc-status', '0']);
    await replies[1];
    assert.equal(calls.length, 3);
    await assert.rejects(
      Promise.all([filtered(call(predict(9n, 0))), filtered(call(predict(9n, 0)))]),
      (error: unknown) => error instanceof StatusError && error.code === Code.RESOURCE_EXHAUSTED,
    );
  });
});

describe('turns', () => {
  it('are not taken by a call that was cancelled while it waited', async () => {
    const turns = new SequenceLock();
    const end = await turns.take('s', 5, new Cancellation());
    const leaving = new Cancellation();
    const left = turns.take('s', 5, leaving);
    const next = turns.take('s', 5, new Cancellation());
    leaving.cancel();
    await assert.rejects(left);
    end();
    end();
    (await next)();
    // nobody is under way: the next one need not wait
    (await turns.take('s', 5, new Cancellation()))();
  });
});
