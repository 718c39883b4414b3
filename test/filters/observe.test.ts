/** Every call's end is told once, with the code that its client saw, on every path a call can end on. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import {
  Cancellation,
  Flow,
  type Handler,
  type ModelRef,
  noMetadata,
  type Reply,
  replyOf,
} from '../../src/call/index.ts';
import { observeFilter } from '../../src/filters/observe.ts';
import {
  errorReply,
  manualClock,
  readAll,
  type RecordingObserver,
  recordingObserver,
  streamCall,
  unaryCall,
} from '../support/index.ts';

const view = {
  knows: ({ model }: ModelRef) => model === 'half_plus_two',
  defaultVersion: () => 7n as bigint | undefined,
};

describe('the observe filter', () => {
  let observer: RecordingObserver;
  let time: ReturnType<typeof manualClock>;
  const observed = (next: Handler): Handler => observeFilter({ observer, clock: time.clock, view })(next);
  const onlyEnd = () => {
    assert.equal(observer.started, 1);
    assert.equal(observer.ends.length, 1, 'exactly one end');
    return observer.ends[0]!;
  };
  beforeEach(() => {
    observer = recordingObserver();
    time = manualClock(1000);
  });

  it('tells code, time, bytes, backend and version of a call that went well', async () => {
    const handler = observed(async () => {
      time.advance(12);
      return replyOf(Buffer.from('answer'), '127.0.0.1:8500');
    });
    const call = unaryCall(Buffer.from('question'));
    await readAll((await handler(call)).body);
    const { call: seen, ...end } = onlyEnd();
    assert.equal(seen, call);
    assert.deepEqual(end, {
      started: 1,
      code: Code.OK,
      message: '',
      where: '',
      durationMs: 12,
      from: '127.0.0.1:8500',
      requestBytes: 13,
      replyBytes: 11,
      version: '7',
      knownModel: true,
    });
  });

  it("tells a backend's own error status from its trailers", async () => {
    const handler = observed(async () => errorReply(new StatusError(Code.NOT_FOUND, 'no such modèl'), 'b:1'));
    await readAll((await handler(unaryCall())).body);
    assert.equal(onlyEnd().code, Code.NOT_FOUND);
    assert.equal(onlyEnd().message, 'no such modèl');
    assert.equal(onlyEnd().from, 'b:1');
  });

  it('tells what the gateway throws, and passes it on; unknown errors become INTERNAL', async () => {
    const error = new StatusError(Code.UNAVAILABLE, 'nobody can answer', { where: 'fleet default' });
    await assert.rejects(observed(() => Promise.reject(error))(unaryCall()), error);
    assert.equal(onlyEnd().code, Code.UNAVAILABLE);
    assert.equal(onlyEnd().where, 'fleet default');
    assert.equal(onlyEnd().from, '', 'no backend answered');
    observer = recordingObserver();
    const broken = observed(() => {
      throw new TypeError('bug');
    });
    await assert.rejects(broken(unaryCall()), { name: 'StatusError', code: Code.INTERNAL });
    assert.equal(onlyEnd().code, Code.INTERNAL);
  });

  it('waits for the end of a stream, and counts its bytes', async () => {
    const body = new Flow();
    const call = streamCall();
    const reply = await observed(async () => ({ metadata: noMetadata, body, from: 'b' }))(call);
    const reading = readAll(reply.body);
    body.push(Buffer.alloc(100));
    call.request.push(Buffer.alloc(30));
    assert.equal(observer.ends.length, 0);
    time.advance(5000);
    body.push(Buffer.alloc(50));
    body.end(['grpc-status', '0']);
    await reading;
    assert.equal(onlyEnd().replyBytes, 150);
    assert.equal(onlyEnd().requestBytes, 30);
    assert.equal(onlyEnd().durationMs, 5000);
  });

  it('tells a reply that breaks in the middle', async () => {
    const body = new Flow();
    await observed(async () => ({ metadata: noMetadata, body, from: 'b' }))(unaryCall());
    body.push(Buffer.alloc(3));
    body.fail(new StatusError(Code.UNAVAILABLE, 'connection lost', { where: 'b' }));
    body.end();
    assert.equal(onlyEnd().code, Code.UNAVAILABLE);
  });

  it('tells once that the client left, before the reply and during it, even when nothing below reacts', async () => {
    const cancellation = new Cancellation();
    const never = observed(() => new Promise<Reply>(() => undefined));
    void never(unaryCall(Buffer.alloc(0), { cancellation }));
    cancellation.cancel();
    assert.equal(onlyEnd().code, Code.CANCELLED);

    observer = recordingObserver();
    const later = new Cancellation();
    const body = new Flow();
    await observed(async () => ({ metadata: noMetadata, body, from: 'b' }))(
      unaryCall(Buffer.alloc(0), { cancellation: later }),
    );
    later.cancel(new StatusError(Code.DEADLINE_EXCEEDED, 'too late'));
    body.fail(new StatusError(Code.CANCELLED, 'reset'));
    assert.equal(onlyEnd().code, Code.DEADLINE_EXCEEDED);

    observer = recordingObserver();
    const before = new Cancellation();
    before.cancel();
    await observed(async () => replyOf(Buffer.alloc(0), 'b'))(
      unaryCall(Buffer.alloc(0), { cancellation: before }),
    );
    assert.equal(onlyEnd().code, Code.CANCELLED);
  });

  it('tells once when the door abandons the reply, and the producer still hears of it', async () => {
    const body = new Flow();
    let heard = 0;
    body.onAbandon = () => heard++;
    const reply = await observed(async () => ({ metadata: noMetadata, body, from: 'b' }))(unaryCall());
    reply.body.abandon(new StatusError(Code.RESOURCE_EXHAUSTED, 'reply too large'));
    assert.equal(onlyEnd().code, Code.RESOURCE_EXHAUSTED);
    assert.equal(heard, 1);
  });

  it('names the version that was asked for, none for a label, and says when the model is not known', async () => {
    const handler = observed(async () => replyOf(Buffer.alloc(0), 'b'));
    for (const target of [
      { model: 'half_plus_two', version: 3n, signature: '' },
      { model: 'half_plus_two', label: 'stable', signature: '' },
      { model: 'invented', signature: '' },
      undefined,
    ]) {
      await handler(unaryCall(Buffer.alloc(0), { target }));
    }
    assert.deepEqual(
      observer.ends.map((end) => [end.version, end.knownModel]),
      [
        ['3', true],
        ['', true],
        ['7', false],
        ['', false],
      ],
    );
  });
});
