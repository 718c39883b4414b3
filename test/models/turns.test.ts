/**
 * A stream before a server that is asked one question at a time: what becomes of the request where the first question
 * was not begun.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import { createBridge, type Inference, v2Dialect, type ModelServer } from '../../src/bridge/index.ts';
import { type Call, Cancellation, Flow, wholeMessage } from '../../src/call/index.ts';
import { encodeModelInferRequest, noParameters } from '../../src/codec/index.ts';
import { methodOf } from '../../src/models/index.ts';
import { framed } from '../support/index.ts';

const none: Pick<ModelServer, 'status' | 'describe' | 'v2'> = {
  status: () => Promise.reject(new Error('not asked')),
  describe: () => Promise.reject(new Error('not asked')),
  v2: undefined,
};

function bridge(infer: ModelServer['infer']) {
  const limits = { maxMessageBytes: 1000, maxInflateRatio: 10 };
  return createBridge({
    ...{ dialect: v2Dialect, spoken: 'another API', from: 'backend' },
    ...{ server: () => ({ ...none, infer }), limits },
  });
}

function callOf(request: Flow): Call {
  return {
    kind: 'stream',
    method: methodOf('/inference.GRPCInferenceService/ModelStreamInfer'),
    via: 'gRPC',
    metadata: [],
    target: { model: 'm', signature: '' },
    request,
    deadline: Number.POSITIVE_INFINITY,
    cancellation: new Cancellation(),
    id: 'id',
    peer: 'peer',
  };
}
const question = (id: string): Buffer =>
  framed(
    Buffer.concat(
      encodeModelInferRequest({
        ...{ model: 'm', version: '', id, parameters: noParameters },
        ...{ inputs: new Map(), inputParameters: new Map(), outputs: [] },
      }),
    ),
  );
const answer = ({ id }: Inference): ReturnType<ModelServer['infer']> =>
  Promise.resolve({
    ...{ version: 1n, versionText: '1', id, parameters: noParameters },
    ...{ outputs: new Map(), outputParameters: new Map() },
  });

describe('questions of a stream that are asked in turn', () => {
  it('can be sent to another server from the first byte when nothing was begun', async () => {
    const request = new Flow();
    request.push(question('1'));
    const call = callOf(request);
    const unstarted = bridge(() =>
      Promise.reject(new StatusError(Code.UNAVAILABLE, 'refused', { disposition: 'not-started' })),
    );
    await assert.rejects(unstarted(call), { code: Code.UNAVAILABLE, disposition: 'not-started' });
    // what the retry filter looks at
    assert.equal(request.started, false);
    const asked: string[] = [];
    const reply = await bridge((inference) => {
      asked.push(inference.id);
      return answer(inference);
    })(call);
    // what was kept for that is let go, and more comes
    assert.equal(request.started, true);
    assert.deepEqual(request.peek(), []);
    request.push(question('2'));
    assert.deepEqual(request.peek(), []);
    request.end();
    await new Promise<void>((resolve) => {
      reply.body.whenDone(() => {
        resolve();
      });
    });
    assert.deepEqual(asked, ['1', '2']);
  });

  it('are called off with the call, and with whoever reads the answers', async () => {
    for (const leave of [
      (call: Call) => {
        call.cancellation.cancel();
      },
      (_call: Call, body: Flow) => {
        body.abandon();
      },
    ]) {
      const request = new Flow();
      request.push(question('1'));
      const call = callOf(request);
      let cancellation: Cancellation | undefined;
      const limits = { maxMessageBytes: 1000, maxInflateRatio: 10 };
      const reply = await createBridge({
        ...{ dialect: v2Dialect, spoken: 'another API', from: 'backend', limits },
        server: (each) => {
          cancellation = each.cancellation;
          return {
            ...none,
            infer: ({ id }) => (id === '1' ? answer({ id } as Inference) : new Promise(() => undefined)),
          };
        },
      })(call);
      request.push(question('2'));
      leave(call, reply.body);
      assert.equal(cancellation?.reason?.code, Code.CANCELLED);
      assert.equal(reply.body.done, true);
    }
  });

  it('end when the stream ends, also before the first', async () => {
    const request = new Flow();
    request.end();
    const reply = await bridge(answer)(callOf(request));
    assert.equal(await wholeMessage(reply.body, 100), undefined);
    assert.deepEqual(reply.body.trailers, ['grpc-status', '0']);
  });

  it('are refused where a message is cut short', async () => {
    const request = new Flow();
    request.push(question('1').subarray(0, 6));
    request.end();
    await assert.rejects(bridge(answer)(callOf(request)), { code: Code.INTERNAL });
  });
});
