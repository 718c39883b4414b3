/** Requests that come slowly or never, before a stub of all that follows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import { type Call, Flow, type Handler, messagePrefix, replyOf } from '../../src/call/index.ts';
import { arrivalFilter } from '../../src/filters/index.ts';
import { manualTimers, method, recordingObserver, streamCall, unaryCall } from '../support/index.ts';

const options = { hereBytes: 1000, minBytesPerSecond: 10_000 };
const streaming = method('/inference.GRPCInferenceService/ModelStreamInfer', { streaming: true });

function harness() {
  const timers = manualTimers();
  const observer = recordingObserver();
  const reached: Call[] = [];
  let wait = false;
  const next: Handler = (call) => {
    reached.push(call);
    // as a backend does that reads at once
    call.request.read({
      onData: (chunk) => {
        call.request.credit(chunk.length);
      },
      onEnd() {},
      onError() {},
    });
    return new Promise(() => undefined);
  };
  const filter = arrivalFilter(options, {
    othersWait: () => wait,
    observer,
    clock: timers.clock,
    after: timers.after,
  });
  return {
    handler: filter(next),
    reached,
    observer,
    timers,
    othersWait: (is: boolean) => {
      wait = is;
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const slow = (flow: Flow, kind: 'unary' | 'stream' = 'unary'): Call =>
  kind === 'unary'
    ? unaryCall(undefined, { request: flow })
    : streamCall({ request: flow, method: streaming });
const outcome = (answer: Promise<unknown>): Promise<StatusError> =>
  answer.then(
    () => assert.fail('it was answered'),
    (error: unknown) => StatusError.from(error),
  );

describe('arrival', () => {
  it('lets a call go on at once when its request is whole', () => {
    const { handler, reached } = harness();
    void handler(unaryCall(Buffer.alloc(5)));
    assert.equal(reached.length, 1);
  });

  it('keeps a call until its request has ended, or is large', async () => {
    for (const finish of [(flow: Flow) => flow.end(), (flow: Flow) => flow.push(Buffer.alloc(999))]) {
      const { handler, reached } = harness();
      const flow = new Flow(true);
      flow.push(Buffer.alloc(1));
      void handler(slow(flow));
      await turn();
      assert.equal(reached.length, 0);
      finish(flow);
      await turn();
      assert.equal(reached.length, 1);
    }
  });

  it('keeps a stream until its first message is here', async () => {
    const { handler, reached } = harness();
    const flow = new Flow();
    flow.push(Buffer.concat([messagePrefix(10), Buffer.alloc(4)]));
    void handler(slow(flow, 'stream'));
    await turn();
    assert.equal(reached.length, 0);
    flow.push(Buffer.alloc(6));
    await turn();
    assert.equal(reached.length, 1);
  });

  it('lets a service that nobody knows speak first', () => {
    const { handler, reached } = harness();
    void handler(streamCall({ method: method('/a.B/C', { streaming: true }), target: undefined }));
    assert.equal(reached.length, 1);
  });

  it('ends with the call, and goes on to whoever says why when the request fails', async () => {
    const { handler, reached } = harness();
    const call = slow(new Flow(true));
    const left = outcome(handler(call));
    call.cancellation.cancel();
    assert.equal((await left).code, Code.CANCELLED);
    const flow = new Flow(true);
    void handler(slow(flow));
    flow.fail(new StatusError(Code.INTERNAL, 'broken'));
    await turn();
    assert.equal(reached.length, 1);
  });

  it('takes the place of a large request that stalls or drips while others wait, within a second and a half', async () => {
    for (const drip of [0, 1000]) {
      const { handler, reached, timers, observer, othersWait } = harness();
      const flow = new Flow(true);
      flow.push(Buffer.alloc(1000));
      const call = slow(flow);
      const answer = outcome(handler(call));
      await turn();
      assert.equal(reached.length, 1);
      // nobody minds while nobody waits
      for (let i = 0; i < 40; i++) {
        if (drip > 0) flow.push(Buffer.alloc(drip));
        timers.advance(250);
      }
      assert.equal(call.cancellation.reason, undefined);
      othersWait(true);
      timers.advance(250);
      const error = await answer;
      assert.equal(error.code, Code.DEADLINE_EXCEEDED);
      assert.match(
        error.message,
        /too slow: it brings less than 10000 bytes a second while other calls wait/,
      );
      assert.equal(call.cancellation.reason, error);
      assert.equal(observer.count('limited slow body'), 1);
    }
  });

  it('leaves those in peace that come at a pace, and those that the backend does not read', async () => {
    const { handler, timers, othersWait } = harness();
    othersWait(true);
    const flow = new Flow(true);
    flow.push(Buffer.alloc(1000));
    const call = slow(flow);
    void handler(call);
    await turn();
    for (let i = 0; i < 40; i++) {
      flow.push(Buffer.alloc(2600));
      timers.advance(250);
    }
    assert.equal(call.cancellation.reason, undefined);
    flow.end();
    timers.advance(5000);
    assert.equal(call.cancellation.reason, undefined);
    const unread = arrivalFilter(options, {
      othersWait: () => true,
      observer: recordingObserver(),
      clock: timers.clock,
      after: timers.after,
    })(() => new Promise(() => undefined));
    const held = new Flow(true);
    held.push(Buffer.alloc(20_000));
    const waiting = slow(held);
    void unread(waiting);
    await turn();
    timers.advance(5000);
    assert.equal(waiting.cancellation.reason, undefined);
  });

  it('gives the answer, and what goes wrong further in', async () => {
    const timers = manualTimers();
    const filter = arrivalFilter(options, {
      othersWait: () => false,
      observer: recordingObserver(),
      clock: timers.clock,
      after: timers.after,
    });
    const flow = new Flow(true);
    const answered = filter(() => Promise.resolve(replyOf(Buffer.from('x'), 'a')))(slow(flow));
    flow.push(Buffer.alloc(2000));
    assert.equal((await answered).from, 'a');
    const failing = new Flow(true);
    const failed = outcome(
      filter(() => Promise.reject(new StatusError(Code.UNAVAILABLE, 'gone')))(slow(failing)),
    );
    failing.push(Buffer.alloc(2000));
    assert.equal((await failed).code, Code.UNAVAILABLE);
  });
});
