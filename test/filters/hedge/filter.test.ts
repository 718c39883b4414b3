/** Hedging over stub handlers, on a clock and timers of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import { type Call, Flow, type Handler, type Reply, replyOf } from '../../../src/call/index.ts';
import { hedgeFilter, type HedgeOptions, LatencyStats } from '../../../src/filters/index.ts';
import {
  errorReply,
  manualTimers,
  method,
  readAll,
  recordingObserver,
  streamCall,
  unaryCall,
} from '../../support/index.ts';

const options: HedgeOptions = {
  factor: 3,
  minDelayMs: 100,
  coldDelayMs: 100,
  maxAttempts: 3,
  budget: { percent: 5, minPerSecond: 1, windowMs: 10_000 },
  maxResetsPerSecond: 20,
};

interface Sent {
  readonly call: Call;
  readonly backend: string;
  readonly answer: (reply: Reply) => void;
  readonly fail: (error: StatusError) => void;
}

/** A fleet of named backends that answer when the test says so. */
function harness(backends: readonly string[], changes: Partial<HedgeOptions> = {}) {
  const timers = manualTimers();
  const latencies = new LatencyStats(0.95, timers.clock);
  const observer = recordingObserver();
  const sent: Sent[] = [];
  const next: Handler = (call) =>
    new Promise((resolve, reject) => {
      const backend = backends.find((name) => call.avoid?.includes(name) !== true);
      if (backend === undefined) {
        reject(new StatusError(Code.UNAVAILABLE, 'nobody else', { disposition: 'not-started' }));
        return;
      }
      call.onPicked?.(backend);
      sent.push({ call, backend, answer: resolve, fail: reject });
      call.cancellation.onCancel(reject);
    });
  const handler = hedgeFilter(
    { ...options, ...changes },
    { observer, clock: timers.clock, after: timers.after, latencies },
  )(next);
  return { handler, sent, observer, timers, latencies };
}

const ok = (backend: string): Reply => replyOf(Buffer.from(backend), backend);
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('hedgeFilter', () => {
  it('leaves a call alone that is answered in time', async () => {
    const { handler, sent, observer, timers } = harness(['a', 'b']);
    const reply = handler(unaryCall());
    timers.advance(99);
    sent[0]?.answer(ok('a'));
    assert.equal((await reply).from, 'a');
    timers.advance(1000);
    assert.equal(sent.length, 1);
    assert.deepEqual(observer.events, []);
  });

  it('waits as long as is usual for the model, and longer', () => {
    const { handler, sent, timers, latencies } = harness(['a', 'b']);
    const kind = latencies.kind({ model: 'half_plus_two' }, 64);
    kind.answered('b', 1);
    timers.advance(128);
    for (let i = 0; i < 20; i++) kind.answered('b', 128);
    void handler(unaryCall());
    timers.advance(383);
    assert.equal(sent.length, 1);
    timers.advance(1);
    assert.equal(sent.length, 2);
  });

  it('asks another backend when the first is silent, takes its answer and calls the first off', async () => {
    const { handler, sent, observer, timers } = harness(['a', 'b']);
    const call = unaryCall(Buffer.from('question'));
    const reply = handler(call);
    timers.advance(100);
    const [first, second] = sent as [Sent, Sent];
    assert.equal(second.backend, 'b');
    assert.deepEqual(second.call.metadata.slice(-2), ['grpc-previous-rpc-attempts', '1']);
    const asked = await readAll(second.call.request);
    assert.ok(asked.bytes.includes('question'));
    second.answer(ok('b'));
    assert.equal((await reply).from, 'b');
    assert.equal(first.call.cancellation.reason?.code, Code.CANCELLED);
    assert.equal(call.cancellation.reason, undefined);
    assert.deepEqual(observer.events, ['hedged a sent', 'hedged a won']);
  });

  it('takes the first answer after all when it comes first', async () => {
    const { handler, sent, observer, timers } = harness(['a', 'b']);
    const reply = handler(unaryCall());
    timers.advance(100);
    sent[0]?.answer(ok('a'));
    assert.equal((await reply).from, 'a');
    assert.notEqual(sent[1]?.call.cancellation.reason, undefined);
    assert.deepEqual(observer.events, ['hedged a sent']);
  });

  it('sends a request that is still arriving to both, and the faster one gives the client its credit', async () => {
    const { handler, sent, timers } = harness(['a', 'b']);
    const request = new Flow(true);
    let credited = 0;
    request.onCredit = (bytes) => (credited += bytes);
    request.push(Buffer.from('one'));
    void handler(unaryCall(undefined, { request })).then((reply) => reply.body.abandon());
    timers.advance(100);
    const [, second] = sent as [Sent, Sent];
    const seen = readAll(second.call.request);
    request.push(Buffer.from('two'));
    assert.equal(credited, 6);
    request.end();
    assert.equal((await seen).bytes.toString(), 'onetwo');
    second.answer(ok('b'));
    await settle();
  });

  it('waits for the first attempt when the hedge fails, and for the hedge when the first fails', async () => {
    const busy = errorReply(new StatusError(Code.UNAVAILABLE, 'busy'), 'b');
    const one = harness(['a', 'b']);
    const reply = one.handler(unaryCall());
    one.timers.advance(100);
    one.sent[1]?.answer(busy);
    await settle();
    one.sent[0]?.answer(ok('a'));
    assert.equal((await reply).from, 'a');

    const two = harness(['a', 'b']);
    const other = two.handler(unaryCall());
    two.timers.advance(100);
    two.sent[0]?.fail(new StatusError(Code.UNAVAILABLE, 'gone'));
    await settle();
    two.sent[1]?.answer(ok('b'));
    assert.equal((await other).from, 'b');
  });

  it('tells the failure of the first attempt when all fail', async () => {
    const { handler, sent, timers } = harness(['a', 'b']);
    const reply = handler(unaryCall());
    timers.advance(100);
    sent[1]?.answer(errorReply(new StatusError(Code.UNAVAILABLE, 'b is busy'), 'b'));
    await settle();
    sent[0]?.fail(new StatusError(Code.UNAVAILABLE, 'a is gone'));
    await assert.rejects(reply, /a is gone/);
  });

  it('asks nobody when there is nobody else, and goes on waiting', async () => {
    const { handler, sent, timers } = harness(['a']);
    const reply = handler(unaryCall());
    timers.advance(500);
    await settle();
    assert.equal(sent.length, 1);
    sent[0]?.answer(ok('a'));
    assert.equal((await reply).from, 'a');
  });

  it('keeps nothing of a request that still comes for a hedge that has found nobody', async () => {
    const timers = manualTimers();
    const calls: Call[] = [];
    const next: Handler = (call) => {
      calls.push(call);
      if (calls.length > 1) return Promise.reject(new StatusError(Code.UNAVAILABLE, 'nobody else'));
      call.onPicked?.('a');
      return new Promise(() => undefined);
    };
    const latencies = new LatencyStats(0.95, timers.clock);
    const deps = { observer: recordingObserver(), clock: timers.clock, after: timers.after, latencies };
    const request = new Flow(true);
    request.push(Buffer.from('abc'));
    void hedgeFilter({ ...options, maxAttempts: 2 }, deps)(next)(unaryCall(undefined, { request }));
    timers.advance(100);
    await settle();
    const hedge = calls[1]?.request as Flow;
    request.push(Buffer.alloc(1000));
    assert.deepEqual([hedge.done, hedge.bytes, hedge.peek().length], [true, 3, 0]);
    assert.equal(request.bytes, 1003);
    assert.equal(request.done, false);
  });

  it('asks a third backend when two are silent, and never a fourth', () => {
    const { handler, sent, timers } = harness(['a', 'b', 'c', 'd']);
    void handler(unaryCall());
    timers.advance(100);
    timers.advance(100);
    timers.advance(1000);
    assert.deepEqual(
      sent.map(({ backend }) => backend),
      ['a', 'b', 'c'],
    );
  });

  it('never hedges a sequence, a stream, a method that is not idempotent, or a request that is not kept', () => {
    const { handler, sent, timers } = harness(['a', 'b']);
    const unkept = new Flow();
    unkept.push(Buffer.from('x'));
    void handler(unaryCall(undefined, { sequence: { id: '7', starts: false, ends: false } }));
    void handler(streamCall());
    void handler(unaryCall(undefined, { method: method('/x.Y/Z', { idempotent: false }) }));
    void handler(unaryCall(undefined, { request: unkept }));
    timers.advance(10_000);
    assert.equal(sent.length, 4);
  });

  it('hedges a twentieth of the calls of a silent fleet and no more, beyond one a second', () => {
    const { handler, sent, observer, timers } = harness(['a', 'b'], { maxAttempts: 2 });
    for (let i = 0; i < 1000; i++) void handler(unaryCall());
    timers.advance(100);
    assert.equal(sent.length, 1060);
    assert.equal(observer.count('hedged a sent'), 60);
    assert.equal(observer.count('hedged a no budget'), 940);
  });

  it('asks for a place in the budget again while the first backend stays silent', () => {
    const { handler, sent, timers } = harness(['a', 'b'], {
      maxAttempts: 2,
      budget: { percent: 0, minPerSecond: 1, windowMs: 1000 },
    });
    void handler(unaryCall());
    void handler(unaryCall());
    timers.advance(100);
    assert.equal(sent.length, 3);
    timers.advance(1200);
    assert.equal(sent.length, 4);
  });

  it('resets so many losers a second and lets the others finish unheard', async () => {
    const { handler, sent, timers } = harness(['a', 'b'], {
      maxAttempts: 2,
      maxResetsPerSecond: 2,
      budget: { ...options.budget, percent: 100 },
    });
    const replies = Array.from({ length: 5 }, () => handler(unaryCall()));
    timers.advance(100);
    for (const { backend, answer } of sent) if (backend === 'b') answer(ok('b'));
    for (const reply of replies) assert.equal((await reply).from, 'b');
    const losers = sent.filter(({ backend }) => backend === 'a');
    assert.equal(losers.filter(({ call }) => call.cancellation.reason !== undefined).length, 2);
    for (const { answer } of losers) answer(ok('a'));
    await settle();
  });

  it('passes a cancellation on to every attempt, and to the winner as long as its answer is on its way', async () => {
    const { handler, sent, timers } = harness(['a', 'b']);
    const call = unaryCall();
    const reply = handler(call);
    timers.advance(100);
    call.cancellation.cancel();
    await assert.rejects(reply, { code: Code.CANCELLED });
    assert.ok(sent.every(({ call: { cancellation } }) => cancellation.reason !== undefined));

    const later = harness(['a']);
    const long = unaryCall();
    const answer = later.handler(long);
    const body = new Flow();
    body.push(Buffer.from('begin'));
    later.sent[0]?.answer({ metadata: [], body, from: 'a' });
    await answer;
    long.cancellation.cancel();
    assert.notEqual(later.sent[0]?.call.cancellation.reason, undefined);
  });
});
