/** A flow delivers in order, retains for a second reading, gives credit once, and ends once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import { Flow, type FlowReader } from '../../src/call/index.ts';
import { MemoryAccount } from '../../src/memory/index.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function recorder(): FlowReader & { seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    onData: (chunk) => seen.push([...chunk].join(',')),
    onEnd: (trailers) => seen.push(`end ${trailers.join('=')}`),
    onError: (error) => seen.push(`error ${error.message}`),
  };
}

describe('Flow', () => {
  it('delivers what came before the reader, then what comes after, then the end', () => {
    const flow = new Flow();
    flow.push(bytes(1));
    const reader = recorder();
    flow.read(reader);
    flow.push(bytes(2, 3));
    flow.end(['grpc-status', '0']);
    flow.push(bytes(4));
    flow.end();
    assert.deepEqual(reader.seen, ['1', '2,3', 'end grpc-status=0']);
    assert.equal(flow.bytes, 3);
  });

  it('gives every reader all bytes from the start while it retains', () => {
    const flow = new Flow(true);
    flow.push(bytes(1));
    const first = recorder();
    flow.read(first);
    flow.push(bytes(2));
    const second = recorder();
    flow.read(second);
    flow.push(bytes(3));
    flow.end();
    assert.deepEqual(first.seen, ['1', '2']);
    assert.deepEqual(second.seen, ['1', '2', '3', 'end ']);
  });

  it('gives the producer credit for a byte once, however often it is read', () => {
    const flow = new Flow(true);
    let credit = 0;
    flow.onCredit = (n) => (credit += n);
    flow.push(bytes(1, 2, 3));
    flow.read(recorder());
    flow.credit(2);
    flow.read(recorder());
    flow.credit(3);
    assert.equal(credit, 3);
  });

  it('tells an error to the reader, to late readers and to those who wait for the end', () => {
    const flow = new Flow();
    const error = new StatusError(Code.UNAVAILABLE, 'gone');
    const done: unknown[] = [];
    flow.whenDone((e) => done.push(e));
    flow.fail(error);
    flow.whenDone((e) => done.push(e));
    const late = recorder();
    flow.read(late);
    assert.deepEqual(late.seen, ['error gone']);
    assert.deepEqual(done, [error, error]);
  });

  it('tells the producer when nobody reads any more, unless it had ended', () => {
    const flow = new Flow();
    const reasons: string[] = [];
    flow.onAbandon = (reason) => reasons.push(reason.message);
    flow.abandon(new StatusError(Code.CANCELLED, 'left'));
    const ended = Flow.of([bytes(1)]);
    ended.onAbandon = (reason) => reasons.push(reason.message);
    ended.abandon();
    assert.deepEqual(reasons, ['left']);
  });

  it('ends when nobody reads any more, whether its producer says so or not', () => {
    for (const answers of [true, false]) {
      const flow = new Flow();
      if (answers)
        flow.onAbandon = (reason) => {
          flow.fail(reason);
        };
      flow.push(bytes(1));
      const reader = recorder();
      flow.read(reader);
      const ends: unknown[] = [];
      flow.whenDone((error) => ends.push(error?.message));
      flow.abandon(new StatusError(Code.CANCELLED, 'left'));
      assert.deepEqual(ends, ['left']);
      flow.push(bytes(2));
      flow.end();
      assert.deepEqual(flow.peek(), []);
      assert.deepEqual(reader.seen, ['1'], 'who has left is told of nothing');
    }
  });

  it('keeps nothing for a fork that nobody reads when it keeps nothing itself', () => {
    const account = new MemoryAccount();
    for (const release of [(flow: Flow) => flow.push(new Uint8Array(100)), (flow: Flow) => flow.dropCopy()]) {
      const flow = new Flow(true, 100, account);
      flow.push(bytes(1));
      flow.read(recorder());
      const waits = flow.fork() as Flow;
      const reads = flow.fork() as Flow;
      const reader = recorder();
      reads.read(reader);
      flow.push(bytes(2));
      assert.deepEqual([...Buffer.concat(waits.peek())], [1, 2]);
      release(flow);
      flow.push(bytes(3));
      assert.deepEqual(waits.peek(), []);
      const late = recorder();
      waits.read(late);
      assert.deepEqual(late.seen, ['error the beginning of the request is not held any more']);
      flow.end();
      assert.deepEqual([reader.seen.at(-2), reader.seen.at(-1)], ['3', 'end ']);
      flow.discard();
    }
    assert.equal(account.bytes, 0);
  });

  it('feeds no fork that was abandoned, and keeps nothing when its own reader has left too', () => {
    const flow = new Flow(true, 100);
    flow.push(bytes(1));
    flow.read(recorder());
    const fork = flow.fork() as Flow;
    fork.abandon();
    flow.push(bytes(2));
    assert.equal(fork.bytes, 1);
    flow.dropCopy();
    flow.detach();
    flow.push(bytes(3));
    assert.deepEqual(flow.peek(), []);
  });

  it('gives nothing more to a fork whose reader has left', () => {
    const flow = new Flow(true);
    flow.push(bytes(1));
    const fork = flow.fork() as Flow;
    fork.read(recorder());
    fork.detach();
    flow.push(bytes(2));
    assert.deepEqual(fork.peek(), []);
    fork.abandon();
    flow.push(bytes(3));
    assert.deepEqual(fork.peek(), []);
  });
});

describe('memory that a flow borrows', () => {
  /** Counts what comes back. */
  const lender = (): { back: number; release(bytes: number): void } => ({
    back: 0,
    release(bytes) {
      this.back += bytes;
    },
  });
  const writer = (): FlowReader & { holds: boolean } => ({ ...recorder(), holds: false });

  it('goes back when the call is over, all of it and once', () => {
    const [first, second] = [lender(), lender()];
    const flow = new Flow(true);
    flow.push(bytes(1, 2), first);
    flow.read(writer());
    flow.push(bytes(3), second);
    flow.push(bytes(4), first);
    flow.push(bytes(5), first);
    flow.end();
    assert.deepEqual([first.back, second.back], [0, 0]);
    flow.discard();
    flow.discard();
    assert.deepEqual([first.back, second.back], [4, 1]);
  });

  it('goes back when nobody has read it, and at once when it comes too late', () => {
    const memory = lender();
    const flow = new Flow(true);
    flow.push(bytes(1), memory);
    flow.discard();
    flow.push(bytes(2, 3), memory);
    assert.equal(memory.back, 3);
  });

  const shown: readonly (readonly [string, (flow: Flow) => unknown])[] = [
    [
      'a reader that does not say what it holds',
      (flow) => {
        flow.read(recorder());
      },
    ],
    [
      'a second reading',
      (flow) => {
        flow.read(writer());
        flow.detach();
        flow.read(writer());
      },
    ],
    ['a fork', (flow) => flow.fork()],
    ['a look at the chunks', (flow) => flow.peek()],
    [
      'a reading to look at the chunks',
      (flow) => {
        flow.readToPeek(recorder());
      },
    ],
    [
      'a reader that still holds some',
      (flow) => {
        flow.read({ ...writer(), holds: true });
      },
    ],
  ];
  for (const [what, use] of shown) {
    it(`never goes back after ${what}`, () => {
      const memory = lender();
      const flow = new Flow(true);
      flow.push(bytes(1), memory);
      use(flow);
      flow.push(bytes(2), memory);
      flow.end();
      flow.discard();
      assert.equal(memory.back, 0);
    });
  }

  it('goes back as it is read where nothing is kept, but not while the reader holds some', () => {
    const memory = lender();
    const flow = new Flow();
    flow.push(bytes(1), memory);
    const reader = writer();
    reader.onData = () => {
      assert.equal(memory.back, 0, 'before it was read');
    };
    flow.read(reader);
    assert.equal(memory.back, 1);
    reader.onData = () => undefined;
    reader.holds = true;
    flow.push(bytes(2), { release: () => assert.fail('it is held') });
    const other = lender();
    reader.holds = false;
    const whole = new Flow();
    whole.read(reader);
    whole.push(bytes(3, 4), other);
    assert.equal(other.back, 2);
  });

  it('of a chunk that is too much to keep goes back after its reading', () => {
    const memory = lender();
    const flow = new Flow(true, 2);
    const seen: number[] = [];
    flow.read({ ...writer(), onData: () => seen.push(memory.back) });
    flow.push(bytes(1, 2), memory);
    flow.push(bytes(3), memory);
    assert.deepEqual({ seen, back: memory.back }, { seen: [0, 2], back: 3 });
  });
});
