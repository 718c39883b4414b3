/** Streams before a stub fleet that takes so many, on a clock of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, type StatusError } from '../../src/base/status.ts';
import { type Call, Flow, type Handler, noMetadata } from '../../src/call/index.ts';
import { createClientOf, streamsFilter } from '../../src/filters/index.ts';
import { manualTimers, method, recordingObserver, streamCall, unaryCall } from '../support/index.ts';

const streaming = method('/inference.GRPCInferenceService/ModelStreamInfer', { streaming: true });

function harness(places: number, idleMs = 10_000) {
  const timers = manualTimers();
  const observer = recordingObserver();
  const open = new Map<Call, Flow>();
  const filter = streamsFilter(
    { idleMs },
    {
      hasCapacity: () => open.size < places,
      compete: () => true,
      clientOf: createClientOf(() => false),
      observer,
      clock: timers.clock,
      after: timers.after,
    },
  );
  const next: Handler = (call) => {
    const body = new Flow();
    open.set(call, body);
    call.cancellation.onCancel((reason) => {
      open.delete(call);
      body.fail(reason);
    });
    return Promise.resolve({ metadata: noMetadata, body, from: 'a' });
  };
  return { handler: filter(next), open, observer, timers };
}

const stream = (peer: string): Call => streamCall({ method: streaming, request: new Flow(), peer });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('streams', () => {
  it('are limited alone: a call passes, however many there are', async () => {
    const { handler, open } = harness(0);
    void handler(unaryCall());
    assert.equal(open.size, 1);
    await turn();
  });

  it('are refused when there is no room and nobody has more than a share', async () => {
    const { handler, open, observer } = harness(2);
    await handler(stream('192.0.2.1:1'));
    await handler(stream('192.0.2.2:1'));
    for (const peer of ['192.0.2.3:1', '192.0.2.1:1']) {
      await assert.rejects(handler(stream(peer)), (error: StatusError) => {
        assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
        assert.equal(error.retryAfterMs, 1000);
        return /every backend has its limit of streams/.test(error.message);
      });
    }
    assert.equal(open.size, 2);
    assert.equal(observer.count('limited backend streams'), 2);
  });

  it('take the place of the most silent one of the client with most, alone of which one client may have all', async () => {
    const { handler, open, timers } = harness(4);
    const mine = Array.from({ length: 4 }, (_, i) => stream(`192.0.2.1:${i}`));
    for (const each of mine) {
      await handler(each);
      timers.advance(1000);
    }
    await assert.rejects(handler(stream('192.0.2.1:0')));
    // the first says something, so that the second has been silent for longest
    mine[0]?.request.push(Buffer.alloc(10));
    timers.advance(1000);
    const other = stream('192.0.2.2:1');
    await handler(other);
    assert.deepEqual([...open.keys()], [mine[0], mine[2], mine[3], other]);
    assert.match(mine[1]?.cancellation.reason?.message ?? '', /gives its place to another client/);
    // two and two are fair shares
    await handler(stream('192.0.2.2:2'));
    await assert.rejects(handler(stream('192.0.2.2:3')));
    assert.equal(open.size, 4);
  });

  it('share the places of one address by connection', async () => {
    const { handler, open } = harness(2);
    const mine = [stream('192.0.2.1:1'), stream('192.0.2.1:1')];
    for (const each of mine) await handler(each);
    await handler(stream('192.0.2.1:2'));
    assert.equal(open.size, 2);
    assert.equal(mine.filter(({ cancellation }) => cancellation.reason !== undefined).length, 1);
  });

  it('end when they are silent both ways for too long, and not before', async () => {
    const { handler, open, timers, observer } = harness(9);
    const [silent, asking, answered] = [stream('192.0.2.1:1'), stream('192.0.2.1:1'), stream('192.0.2.1:1')];
    for (const each of [silent, asking, answered]) await handler(each);
    for (let i = 0; i < 12; i++) {
      timers.advance(1000);
      asking.request.push(Buffer.alloc(1));
      open.get(answered)?.push(Buffer.alloc(1));
    }
    assert.deepEqual([...open.keys()], [asking, answered]);
    assert.equal(silent.cancellation.reason?.code, Code.DEADLINE_EXCEEDED);
    assert.match(silent.cancellation.reason.message, /silent for 10000 ms/);
    assert.equal(observer.count('limited idle stream'), 1);
  });

  it('may be silent for ever when the operator says so', async () => {
    const { handler, open, timers } = harness(9, 0);
    await handler(stream('192.0.2.1:1'));
    timers.advance(86_400_000);
    assert.equal(open.size, 1);
  });

  it('are forgotten when they end', async () => {
    const { handler, open, timers } = harness(1);
    for (let i = 0; i < 3; i++) {
      const each = stream('192.0.2.1:1');
      await handler(each);
      open.get(each)?.end();
      open.delete(each);
    }
    timers.advance(60_000);
    assert.equal(open.size, 0);
  });
});
