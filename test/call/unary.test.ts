/** Unary calls of the gateway's own, and the one message of a reply. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import {
  askOwn,
  type Call,
  Flow,
  flowOf,
  type Handler,
  type Metadata,
  ownCall,
  unaryReply,
} from '../../src/call/index.ts';
import { methodOf } from '../../src/models/index.ts';
import { fakeTime } from '../support/index.ts';

const asked = {
  method: methodOf('/tensorflow.serving.ModelService/GetModelStatus'),
  metadata: ['content-type', 'application/grpc'],
  target: undefined,
  request: flowOf(new Uint8Array(0)),
  id: 'health',
};
const answers =
  (body: Flow, metadata: Metadata = []): Handler =>
  () =>
    Promise.resolve({ metadata, body, from: 'a' });
const message = Uint8Array.of(1, 2, 3);
const ok = ['grpc-status', '0'];
const compressed = Uint8Array.of(1, 0, 0, 0, 1, 9);

describe('the reply of a unary call', () => {
  const reply = (body: Flow): Promise<{ bytes: Uint8Array }> =>
    unaryReply(answers(body), ownCall(asked, 'REST', 1000), 10, () => undefined);

  it('is its one message', async () => {
    assert.deepEqual([...(await reply(flowOf(message, ok))).bytes], [1, 2, 3]);
  });

  it('is an error with the status of the backend, also without any status', async () => {
    const refused = Flow.of([], ['grpc-status', '5', 'grpc-message', 'no such model']);
    await assert.rejects(reply(refused), { code: Code.NOT_FOUND, message: 'no such model' });
    await assert.rejects(reply(flowOf(message, [])), { code: Code.UNKNOWN });
  });

  it('is an error when OK comes without a message, or with one that is compressed unasked', async () => {
    await assert.rejects(reply(Flow.of([], ok)), { code: Code.INTERNAL, message: /without an answer/ });
    await assert.rejects(reply(Flow.of([compressed], ok)), { code: Code.INTERNAL, message: /compressed/ });
  });

  it('is an error when it is larger than it may be', async () => {
    await assert.rejects(reply(flowOf(new Uint8Array(11), ok)), { code: Code.RESOURCE_EXHAUSTED });
  });
});

describe('a call of the gateway’s own', () => {
  const limits = { clock: () => 500, timeoutMs: 200, maxBytes: 10 };

  it('gives the answer, whatever its status', async () => {
    const answer = await askOwn(answers(Flow.of([], ['grpc-status', '5'])), asked, limits);
    assert.deepEqual(answer, { message: undefined, trailers: ['grpc-status', '5'], from: 'a' });
  });

  it('ends at its own time limit, which its deadline says too', async (t) => {
    const time = fakeTime(t);
    let seen: Call | undefined;
    const never: Handler = (call) => {
      seen = call;
      return new Promise((_, reject) => void call.cancellation.onCancel(reject));
    };
    const late = askOwn(never, asked, { ...limits, what: 'a health check' });
    assert.equal(seen?.deadline, 700);
    time.advance(200);
    await assert.rejects(late, {
      code: Code.DEADLINE_EXCEEDED,
      message: 'no answer to a health check within 200 ms',
    });
  });

  it('says of an answer that cannot be read what its user says', async () => {
    const unread = (): StatusError => new StatusError(Code.INTERNAL, 'not taken');
    const large = answers(flowOf(new Uint8Array(11), ok));
    await assert.rejects(askOwn(large, asked, { ...limits, unread }), { message: 'not taken' });
  });
});
