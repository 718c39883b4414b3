/** The queue before a stub fleet with so many places, on a clock of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Call,
  Code,
  getMetadata,
  type Handler,
  replyOf,
  type StatusError,
  trailersOf,
} from '../../../src/call/index.ts';
import { createQueue, LatencyBook, type QueueOptions } from '../../../src/filters/index.ts';
import { manualTimers, method, recordingObserver, unaryCall } from '../../support/index.ts';

const options: QueueOptions = { maxLength: 3, maxWaitMs: 1000, priorityField: 'x-priority' };

/** A fleet that takes so many calls at once; the test ends them. */
function harness(places: number) {
  const timers = manualTimers();
  const observer = recordingObserver();
  const latencies = new LatencyBook(0.95, timers.clock);
  const running: { readonly call: Call; readonly end: () => void }[] = [];
  const queue = createQueue(options, {
    hasRoom: () => running.length < places,
    latencies,
    observer,
    clock: timers.clock,
    after: timers.after,
  });
  const next: Handler = (call) =>
    new Promise((resolve) => {
      const entry = {
        call,
        end: () => {
          running.splice(running.indexOf(entry), 1);
          resolve(replyOf(Buffer.from(''), 'a'));
          queue.roomMade();
        },
      };
      running.push(entry);
    });
  return { handler: queue.filter(next), running, observer, timers, latencies };
}

const call = (priority?: string, fields: Parameters<typeof unaryCall>[1] = {}): Call =>
  unaryCall(undefined, {
    ...(priority === undefined ? {} : { metadata: ['x-priority', priority] }),
    ...fields,
  });

async function refused(answer: Promise<unknown>): Promise<StatusError> {
  return answer.then(
    () => assert.fail('the call was let in'),
    (error: unknown) => error as StatusError,
  );
}

describe('the queue', () => {
  it('lets calls through as long as there is room, and the next one when one has ended', async () => {
    const { handler, running, observer } = harness(2);
    const answers = [handler(call()), handler(call()), handler(call())];
    assert.equal(running.length, 2);
    assert.deepEqual(observer.events, ['queued half_plus_two 1']);
    running[0]?.end();
    assert.equal(running.length, 2);
    running[0]?.end();
    running[0]?.end();
    await Promise.all(answers);
    assert.deepEqual(observer.events, ['queued half_plus_two 1', 'queued half_plus_two 0']);
  });

  it('serves by priority, and takes an unknown one for normal', () => {
    const { handler, running } = harness(1);
    void handler(call('first'));
    const waiting = [call('low'), call('bogus'), call('high')];
    for (const each of waiting) void handler(each);
    const served: (string | undefined)[] = [];
    for (let entry = running[0]; entry !== undefined; entry = running[0]) {
      served.push(getMetadata(entry.call.metadata, 'x-priority'));
      entry.end();
    }
    assert.deepEqual(served, ['first', 'high', 'bogus', 'low']);
  });

  it('refuses the call that finds the line full, and says when to come again', async () => {
    const { handler, observer } = harness(0);
    for (let i = 0; i < 3; i++) handler(call()).catch(() => undefined);
    const error = await refused(handler(call()));
    assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
    assert.match(error.message, /model half_plus_two is busy: 3 calls wait already/);
    assert.equal(getMetadata(trailersOf(error), 'grpc-retry-pushback-ms'), '1000');
    assert.equal(observer.count('limited queue'), 1);
  });

  it('lets nobody wait longer than a second, or half of what is left of the deadline', async () => {
    const { handler, timers } = harness(0);
    const long = refused(handler(call()));
    const short = refused(handler(call(undefined, { deadline: timers.clock() + 400 })));
    timers.advance(200);
    assert.match((await short).message, /no place within 200 ms/);
    timers.advance(799);
    timers.advance(1);
    assert.match((await long).message, /no place within 1000 ms/);
  });

  it('refuses at once whoever would wait too long at the pace of late', async () => {
    const { handler, running, timers } = harness(1);
    void handler(call());
    for (let i = 0; i < 3; i++) void handler(call());
    // one leaves each 100 ms
    for (let i = 0; i < 2; i++) {
      timers.advance(100);
      running[0]?.end();
    }
    const error = await refused(handler(call(undefined, { deadline: timers.clock() + 300 })));
    assert.match(error.message, /a place is expected in 200 ms/);
    assert.equal(error.retryAfterMs, 200);
  });

  it('refuses a call whose deadline is shorter than any answer of late, before a place is looked for', async () => {
    const { handler, latencies, observer, timers } = harness(1);
    for (let i = 0; i < 20; i++) latencies.kind('half_plus_two', 64).answered('a', 100);
    const error = await refused(handler(call(undefined, { deadline: timers.clock() + 20 })));
    assert.equal(error.code, Code.DEADLINE_EXCEEDED);
    assert.match(
      error.message,
      /deadline of 20 ms cannot be met: answers of model half_plus_two take 100 ms now/,
    );
    assert.equal(observer.count('limited deadline'), 1);
    // what was learnt fades, and the next one is tried
    timers.advance(120_000);
    void handler(call(undefined, { deadline: timers.clock() + 20 }));
  });

  it('asks about models while they are busy', async () => {
    const { handler, running } = harness(0);
    void handler(call(undefined, { method: method('/tensorflow.serving.ModelService/GetModelStatus') }));
    assert.equal(running.length, 1);
    await Promise.resolve();
  });

  it('forgets a client that leaves, and finds room that came without a call ending', async () => {
    let open = false;
    const timers = manualTimers();
    const latencies = new LatencyBook(0.95, timers.clock);
    const queue = createQueue(options, {
      hasRoom: () => open,
      latencies,
      observer: recordingObserver(),
      clock: timers.clock,
      after: timers.after,
    });
    const handler = queue.filter(() => Promise.resolve(replyOf(Buffer.from(''), 'a')));
    const leaving = call();
    const left = refused(handler(leaving));
    const staying = handler(call());
    leaving.cancellation.cancel();
    assert.equal((await left).code, Code.CANCELLED);
    open = true;
    timers.advance(50);
    assert.equal((await staying).from, 'a');
  });
});
