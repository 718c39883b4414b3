/** Retries over stub backends: which failures lead to another backend, and what stops that. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import { type Call, Flow, getMetadata, type Reply, replyOf, trailersOf } from '../../src/call/index.ts';
import { retryFilter, type RetryOptions } from '../../src/filters/index.ts';
import {
  errorReply,
  manualClock,
  method,
  recordingObserver,
  stubHandler,
  unaryCall,
} from '../support/index.ts';

const options: RetryOptions = {
  maxAttempts: 3,
  maxUnstarted: 6,
  backoffMs: 1,
  budget: { percent: 20, minPerSecond: 3, windowMs: 10_000 },
};
const ok = replyOf(Buffer.from('fine'), 'b');
const said = (code: Code, message: string, more: readonly string[] = []): Reply => ({
  metadata: [],
  body: Flow.of([], [...trailersOf(new StatusError(code, message)), ...more]),
  from: 'a',
});

/** The first attempt fails so, any other succeeds. */
async function after(
  first: Reply | StatusError,
  fields: Parameters<typeof unaryCall>[1] = {},
): Promise<readonly Call[]> {
  const { handler, calls } = stubHandler((_call, nth) => {
    if (nth > 0) return ok;
    if (first instanceof StatusError) throw first;
    return first;
  });
  const { clock } = manualClock();
  const deps = { observer: recordingObserver(), clock, random: () => 0.5 };
  await retryFilter(options, deps)(handler)(unaryCall(undefined, fields)).catch(() => undefined);
  return calls;
}

describe('retryFilter', () => {
  const busy: readonly (readonly [string, Reply])[] = [
    [
      'a full batch queue of TensorFlow Serving',
      said(Code.UNAVAILABLE, 'The batch scheduling queue to which this task was submitted is full'),
    ],
    ['a model that OpenVINO Model Server still loads', said(Code.UNAVAILABLE, 'Model is not loaded yet')],
    ['a full queue of Triton', said(Code.UNAVAILABLE, '[request id: 1] Exceeds maximum queue size')],
    ['a server that has too many requests', said(Code.RESOURCE_EXHAUSTED, 'Too many concurrent requests')],
    [
      'a server that asks to be left alone for 0 ms',
      said(Code.RESOURCE_EXHAUSTED, 'no', ['grpc-retry-pushback-ms', '0']),
    ],
  ];
  for (const [name, reply] of busy) {
    it(`sends a call to another backend after ${name}`, async () => {
      const calls = await after(reply);
      assert.equal(calls.length, 2);
      assert.deepEqual(calls[1]?.avoid, ['a']);
      assert.equal(getMetadata(calls[0]?.metadata ?? [], 'grpc-previous-rpc-attempts'), undefined);
      assert.equal(getMetadata(calls[1]?.metadata ?? [], 'grpc-previous-rpc-attempts'), '1');
    });
  }

  it('sends a call to another backend after one that broke it off without a status, if doing it twice does no harm', async () => {
    const broken = new StatusError(Code.INTERNAL, 'reset', { where: 'a', disposition: 'stream-reset' });
    assert.deepEqual((await after(broken))[1]?.avoid, ['a']);
    assert.equal((await after(broken, { sequence: { id: '7', starts: false, ends: false } })).length, 1);
    assert.equal((await after(broken, { method: method('/x.Y/Z', { idempotent: false }) })).length, 1);
    assert.equal((await after(new StatusError(Code.INTERNAL, 'the gateway itself'))).length, 1);
  });

  it('sends a body of megabytes again, from its first byte', async () => {
    const calls = await after(said(Code.UNAVAILABLE, 'full'), {
      request: Flow.of([Buffer.alloc(8 * 2 ** 20), Buffer.alloc(8 * 2 ** 20)]),
    });
    assert.equal(calls.length, 2);
    assert.equal(calls[1]?.request.bytes, 2 ** 24);
    assert.ok(calls[1]?.request.peek().length === 2);
  });

  it('takes what speaks of the request, or of the client, as the answer', async () => {
    for (const reply of [
      said(Code.RESOURCE_EXHAUSTED, 'message is larger than 4194304 bytes'),
      said(Code.INVALID_ARGUMENT, 'wrong shape'),
      said(Code.INTERNAL, 'the model failed'),
      said(Code.DEADLINE_EXCEEDED, 'Timed out waiting for notification'),
    ])
      assert.equal((await after(reply)).length, 1);
  });

  it('obeys a backend that wants no other attempt', async () => {
    for (const wish of ['-1', 'x', '']) {
      const reply = said(Code.UNAVAILABLE, 'full', ['grpc-retry-pushback-ms', wish]);
      assert.equal((await after(reply)).length, 1, wish);
    }
  });

  it('never sends a sequence, or a call that changes something, a second time once it may have begun', async () => {
    const begun = said(Code.UNAVAILABLE, 'gone');
    assert.equal((await after(begun, { sequence: { id: '7', starts: false, ends: false } })).length, 1);
    assert.equal((await after(begun, { method: method('/x.Y/Z', { idempotent: false }) })).length, 1);
    const unstarted = new StatusError(Code.UNAVAILABLE, 'refused', {
      where: 'a',
      disposition: 'not-started',
    });
    assert.equal((await after(unstarted, { sequence: { id: '7', starts: false, ends: false } })).length, 2);
  });

  it('stops when the budget is used up', async () => {
    const { handler, calls } = stubHandler(() => errorReply(new StatusError(Code.UNAVAILABLE, 'down')));
    const { clock } = manualClock();
    const send = retryFilter(options, { observer: recordingObserver(), clock, random: () => 0.5 })(handler);
    for (let i = 0; i < 200; i++) await send(unaryCall());
    assert.equal(calls.length, 200 + 30 + 40);
  });

  it('counts all calls of one lost connection as one extra attempt', async () => {
    const lost = (lostConnection: object) =>
      new StatusError(Code.UNAVAILABLE, 'the connection was lost', { where: 'a', lostConnection });
    let connection = {};
    const { handler, calls } = stubHandler((_call, nth) => {
      if (nth % 200 >= 100) return ok;
      throw lost(connection);
    });
    const { clock } = manualClock();
    const twoOnly = { ...options, budget: { percent: 0, minPerSecond: 0.2, windowMs: 10_000 } };
    const send = retryFilter(twoOnly, { observer: recordingObserver(), clock, random: () => 0.5 })(handler);
    const hundred = () => Promise.allSettled(Array.from({ length: 100 }, () => send(unaryCall())));
    for (let i = 0; i < 2; i++) {
      connection = {};
      assert.ok((await hundred()).every(({ status }) => status === 'fulfilled'));
    }
    assert.equal(calls.length, 400);
    // the third is one too many: a backend that loses connections again and again is no accident
    connection = {};
    assert.ok((await hundred()).every(({ status }) => status === 'rejected'));
  });
});
