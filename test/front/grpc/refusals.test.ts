/**
 * Calls that are refused while they are under way: the client and the observer are told the same, once, whenever it
 * happens.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Code, type StatusError } from '../../../src/base/status.ts';
import { Flow, getMetadata, type Handler, messagePrefix, type Reply } from '../../../src/call/index.ts';
import { observeFilter } from '../../../src/filters/index.ts';
import { createRpcHandler } from '../../../src/front/index.ts';
import { MemoryAccount } from '../../../src/memory/index.ts';
import { targetOf } from '../../../src/models/index.ts';
import type { Headers, ServerStream, StreamEvents } from '../../../src/wire/index.ts';
import { manualClock, recordingObserver } from '../../support/index.ts';

const unary = '/inference.GRPCInferenceService/ModelInfer';
const stream = '/inference.GRPCInferenceService/ModelStreamInfer';

const framed = (message: Uint8Array): Buffer => Buffer.concat([messagePrefix(message.length), message]);
/** ModelInferRequest { model_name, raw_input_contents } */
const infer = (model: string, bytes = 0): Buffer => {
  const name = [0x0a, model.length, ...Buffer.from(model)];
  const length = [0x80 | (bytes & 0x7f), 0x80 | ((bytes >> 7) & 0x7f), bytes >> 14];
  return framed(Buffer.from([...name, ...(bytes === 0 ? [] : [0x3a, ...length, ...Buffer.alloc(bytes)])]));
};

/** What a backend does with a call: as Upstream has it, the reply fails with the request and with a cancel. */
function backend(): { handler: Handler; calls: number; readonly body: Flow; takes: boolean; take(): void } {
  const body = new Flow();
  const fail = (reason: StatusError): void => {
    body.fail(reason);
  };
  body.onAbandon = fail;
  let take = (): void => undefined;
  let waiting = 0;
  const it = {
    body,
    calls: 0,
    /** It reads what comes, at once. */
    takes: true,
    take: () => {
      take();
    },
    handler: (call: Parameters<Handler>[0]): Promise<Reply> => {
      it.calls++;
      const { request } = call;
      take = () => {
        request.credit(waiting);
        waiting = 0;
      };
      request.read({
        onData(chunk) {
          waiting += chunk.length;
          if (it.takes) take();
        },
        onEnd() {},
        onError: fail,
      });
      call.cancellation.onCancel(fail);
      return Promise.resolve({ metadata: [], body, from: 'b' });
    },
  };
  return it;
}

/** A door with one backend behind it, whose reply the test ends. */
function harness(limits: { maxMessageBytes?: number; maxRetainedBytes?: number } = {}) {
  const { clock, advance } = manualClock();
  const observer = recordingObserver();
  const server = backend();
  const view = { knows: () => true, defaultVersion: () => undefined };
  const door = createRpcHandler({
    handler: observeFilter({ observer, clock, view })(server.handler),
    options: {
      timeouts: { defaultMs: 1e6, maxMs: 1e6, byModel: undefined },
      maxMessageBytes: 1000,
      maxInflateRatio: 100,
      maxRetainedBytes: 1e6,
      pace: { bodyTimeoutMs: 1000, minBodyBytesPerSecond: 1000 },
      ...limits,
    },
    memory: new MemoryAccount(),
    resolve: (spec) => targetOf(spec),
    clock,
    observer,
    nextId: () => 'id',
    cors: { headers: () => [], preflight: () => [] },
    refused: () => 'id',
  });
  /** Statuses that the client was told, with their texts and ids. */
  const told: string[] = [];
  const note = (fields: Headers = []): void => {
    const status = getMetadata(fields, 'grpc-status');
    if (status === undefined) return;
    told.push([status, getMetadata(fields, 'x-request-id') ?? 'no id'].join(' '));
  };
  const client: ServerStream = {
    id: 1,
    varying: [],
    queuedBytes: 0,
    respond: note,
    write: () => true,
    end: note,
    reset: () => undefined,
    credit: () => undefined,
    cut: note,
  };
  const open = (path: string): StreamEvents => {
    const fields = [':method', 'POST', ':path', path, 'content-type', 'application/grpc'];
    return door(client, fields, '192.0.2.1:5000', true) as StreamEvents;
  };
  /** Codes that the observer was told. */
  const ends = (): readonly Code[] => observer.ends.map(({ code }) => code);
  return { open, told, ends, observer, server, advance };
}

describe('a call that is refused', () => {
  it('before it has gone on is counted, and reaches nobody', async () => {
    const { open, told, ends, observer, server } = harness();
    const events = open(unary);
    events.onData(infer('m'));
    events.onData(infer('m'));
    await turn();
    assert.deepEqual(told, [`${Code.UNIMPLEMENTED} id`]);
    assert.deepEqual([observer.started, ends(), server.calls], [1, [Code.UNIMPLEMENTED], 0]);
  });

  it('after it has gone on is counted once', async () => {
    const { open, told, ends, observer } = harness();
    const events = open(unary);
    events.onData(infer('m'));
    await turn();
    events.onData(infer('m'));
    await turn();
    assert.deepEqual(told, [`${Code.UNIMPLEMENTED} id`]);
    assert.deepEqual([observer.started, ends()], [1, [Code.UNIMPLEMENTED]]);
  });

  it('for its second message is refused, too, when its first one is kept no more', async () => {
    const { open, told, ends } = harness({ maxRetainedBytes: 10 });
    const events = open(unary);
    events.onData(infer('m', 200));
    await turn();
    events.onData(infer('m'));
    assert.deepEqual(told, [`${Code.UNIMPLEMENTED} id`]);
    assert.deepEqual(ends(), [Code.UNIMPLEMENTED]);
  });

  it('after its reply has begun is counted as what the client is told', async () => {
    const { open, told, ends, server } = harness();
    const events = open(stream);
    events.onData(infer('m'));
    await turn();
    assert.equal(server.calls, 1);
    events.onData(infer('other'));
    await turn();
    assert.deepEqual(told, [`${Code.INVALID_ARGUMENT} id`]);
    assert.deepEqual(ends(), [Code.INVALID_ARGUMENT]);
    assert.equal(server.body.error?.code, Code.INVALID_ARGUMENT);
  });

  it('because its reply is too large is counted as that, though its request still comes', async () => {
    const { open, told, ends, server } = harness();
    const events = open(stream);
    events.onData(infer('m'));
    await turn();
    server.body.push(framed(Buffer.alloc(1001)));
    await turn();
    assert.deepEqual(told, [`${Code.RESOURCE_EXHAUSTED} no id`]);
    assert.deepEqual(ends(), [Code.RESOURCE_EXHAUSTED]);
  });

  it('and was reset by its client in the same read is not counted', async () => {
    const { open, told, observer, server } = harness();
    const events = open(unary);
    events.onData(infer('m'));
    events.onReset(8, false);
    await turn();
    assert.deepEqual([told, observer.started, server.calls], [[], 0, 0]);
  });
});

describe('the minimum body rate', () => {
  const late =
    (path: string, limits: Parameters<typeof harness>[0]) => async (): Promise<readonly string[]> => {
      const { open, told, advance } = harness(limits);
      const events = open(path);
      events.onData(infer('m', 500).subarray(0, 200));
      await turn();
      advance(1);
      events.onTick?.();
      advance(1100);
      events.onTick?.();
      assert.deepEqual(told, [], 'it is not late yet');
      advance(200);
      events.onTick?.();
      await turn();
      return told;
    };

  it('holds for a unary request that is kept', async () => {
    assert.deepEqual(await late(unary, {})(), [`${Code.DEADLINE_EXCEEDED} id`]);
  });

  it('holds for a unary request that is kept no more, being too large', async () => {
    assert.deepEqual(await late(unary, { maxRetainedBytes: 100 })(), [`${Code.DEADLINE_EXCEEDED} id`]);
  });

  it('ends for a stream that somebody reads', async () => {
    assert.deepEqual(await late(stream, {})(), []);
  });

  it('does not count the time in which the backend is the slow one', async () => {
    const { open, told, advance, server } = harness({ maxMessageBytes: 1e6, maxRetainedBytes: 100 });
    server.takes = false;
    const events = open(unary);
    const message = infer('m', 60_000);
    events.onData(message.subarray(0, 200));
    await turn();
    events.onData(message.subarray(200, 30_000));
    for (let i = 0; i < 100; i++) {
      events.onTick?.();
      advance(1000);
    }
    server.take();
    events.onTick?.();
    assert.deepEqual(told, []);
    advance(31_000);
    events.onTick?.();
    assert.deepEqual(told, [`${Code.DEADLINE_EXCEEDED} id`]);
  });

  it('ends with the request', async () => {
    const { open, told, advance } = harness({ maxRetainedBytes: 100 });
    const events = open(unary);
    events.onData(infer('m', 500));
    events.onEnd([]);
    await turn();
    events.onTick?.();
    advance(100_000);
    events.onTick?.();
    assert.deepEqual(told, []);
  });
});
