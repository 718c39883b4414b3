/** The account of held bytes: what goes first when there is too much, and that nothing is counted after its end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, type StatusError } from '../../src/base/status.ts';
import { Flow } from '../../src/call/index.ts';
import { MemoryKind, type Holder, MemoryReservation, MemoryAccount } from '../../src/memory/index.ts';
import { manualTimers } from '../support/index.ts';

const ignore = { onData() {}, onEnd() {}, onError() {} };

function account(limitBytes: number) {
  const timers = manualTimers();
  const events: string[] = [];
  const memory = new MemoryAccount(limitBytes, {
    clock: timers.clock,
    after: timers.after,
    events: { limited: (limit) => events.push(limit) },
  });
  return { memory, timers, events };
}

/** A request of so many bytes that was sent and is kept. */
function sent(memory: MemoryAccount, bytes: number): Flow {
  const flow = new Flow(true, Number.POSITIVE_INFINITY, memory);
  flow.push(new Uint8Array(bytes));
  flow.end();
  flow.read(ignore);
  flow.credit(bytes);
  return flow;
}

function holder(memory: MemoryAccount, bytes: number, stalledMs: number): Holder & { gone?: StatusError } {
  const made: Holder & { gone?: StatusError } = {
    bytes,
    stalledMs: () => stalledMs,
    evict(reason) {
      made.gone = reason;
      memory.add(MemoryKind.replies, -bytes);
      remove();
    },
  };
  const remove = memory.register(made);
  memory.add(MemoryKind.replies, bytes);
  return made;
}

describe('what the account holds for one call', () => {
  it('grows and shrinks, goes as a whole, and counts no more then', () => {
    const { memory } = account(1e9);
    const reasons: StatusError[] = [];
    const held = new MemoryReservation(memory, MemoryKind.rebuilt, {
      stalledMs: () => 0,
      evict: (why) => reasons.push(why),
    });
    held.hold(100);
    held.hold(-40);
    assert.equal(memory.held(MemoryKind.rebuilt), 60);
    held.end();
    held.hold(-60);
    held.add(5);
    assert.equal(memory.bytes, 0);
    assert.throws(() => held.hold(1), { code: Code.CANCELLED });
    assert.deepEqual(reasons, []);
  });

  it('is refused when it is large and there is no room, and told to go when it holds most', () => {
    const { memory, timers } = account(100_000);
    const gone: string[] = [];
    const made = (name: string): MemoryReservation => {
      const held: MemoryReservation = new MemoryReservation(memory, MemoryKind.rebuilt, {
        stalledMs: () => 0,
        evict() {
          gone.push(name);
          held.end();
        },
      });
      return held;
    };
    const large = made('large');
    large.hold(90_000);
    const small = made('small');
    small.hold(20_000);
    assert.throws(() => large.hold(20_000), { code: Code.RESOURCE_EXHAUSTED });
    timers.advance(1000);
    assert.deepEqual(gone, ['large'], 'it is a quarter beyond the limit');
    small.end();
    assert.equal(memory.bytes, 0);
  });
});

describe('a request in the account', () => {
  it('stays there while somebody has views on it, whether it can be read again or not', () => {
    const { memory } = account(1e9);
    for (const most of [Number.POSITIVE_INFINITY, 10]) {
      const flow = new Flow(true, most, memory);
      flow.push(new Uint8Array(100));
      const done = flow.view();
      flow.read(ignore);
      flow.credit(100);
      flow.dropCopy();
      assert.equal(memory.held(MemoryKind.copies), 100);
      const hedge = flow.fork()?.view();
      done();
      assert.equal(memory.held(MemoryKind.copies), hedge === undefined ? 0 : 100);
      hedge?.();
      flow.dropCopy();
      assert.equal(memory.bytes, 0);
      flow.discard();
    }
  });

  it('is a request until its reader has dealt with it, then a copy, and nothing when it is let go', () => {
    const { memory } = account(1e9);
    const flow = new Flow(true, Number.POSITIVE_INFINITY, memory);
    flow.push(new Uint8Array(100));
    flow.push(new Uint8Array(50));
    assert.deepEqual([memory.held(MemoryKind.requests), memory.held(MemoryKind.copies)], [150, 0]);
    flow.read(ignore);
    flow.credit(100);
    assert.deepEqual([memory.held(MemoryKind.requests), memory.held(MemoryKind.copies)], [50, 100]);
    flow.dropCopy();
    assert.deepEqual([memory.held(MemoryKind.requests), memory.held(MemoryKind.copies)], [50, 0]);
    flow.credit(50);
    assert.equal(memory.bytes, 0);
    flow.discard();
    flow.discard();
    assert.equal(memory.bytes, 0);
  });

  it('is out of the account once it is discarded, and whoever reads it then hears that the call is over', () => {
    const { memory } = account(1e9);
    const flow = sent(memory, 70_000);
    flow.push(new Uint8Array(1));
    flow.discard();
    assert.equal(memory.bytes, 0);
    flow.credit(1000);
    assert.equal(memory.bytes, 0);
    let heard: StatusError | undefined;
    flow.read({ ...ignore, onError: (error) => (heard = error) });
    assert.equal(heard?.code, Code.CANCELLED);
  });

  it('stays whole for one who reads to look at it afterwards, whoever asks for memory', () => {
    const { memory } = account(100_000);
    const flow = new Flow(true, Number.POSITIVE_INFINITY, memory);
    flow.push(new Uint8Array(150_000).fill(7));
    flow.readToPeek(ignore);
    flow.credit(150_000);
    assert.ok(memory.full());
    assert.equal(Buffer.concat(flow.peek()).length, 150_000);
    flow.detach();
    assert.ok(flow.retains);
  });
});

describe('memory beyond the limit', () => {
  it('lets copies go first, the largest first and no more than is needed, and those calls go on', () => {
    const { memory, timers, events } = account(1_000_000);
    const small = sent(memory, 70_000);
    const large = sent(memory, 600_000);
    const waiting = new Flow(true, Number.POSITIVE_INFINITY, memory);
    waiting.push(new Uint8Array(400_000));
    assert.ok(memory.bytes > memory.limitBytes);
    timers.advance(1);
    assert.deepEqual([small.retains, large.retains, waiting.retains], [true, false, true]);
    assert.equal(memory.bytes, 470_000);
    assert.equal(waiting.error ?? large.error ?? small.error, undefined);
    assert.deepEqual(events, ['memory copies']);
    assert.equal(memory.full(), false);
  });

  it('cuts those who are stalled, the one who holds most first, and nobody else', () => {
    const { memory, timers, events } = account(1_000_000);
    const little = holder(memory, 100_000, 5000);
    const most = holder(memory, 400_000, 5000);
    const reading = holder(memory, 600_000, 0);
    timers.advance(1);
    assert.equal(most.gone?.code, Code.RESOURCE_EXHAUSTED);
    assert.match(most.gone.message, /the limit is 1000000 bytes \(limits\.memoryBytes\)/);
    assert.deepEqual([little.gone, reading.gone], [undefined, undefined]);
    assert.deepEqual(events, ['memory readers']);
  });

  it('is looked at again while it lasts, because who is stalled is seen with time', () => {
    const { memory, timers } = account(1_000_000);
    let stalledMs = 0;
    let gone = false;
    memory.addHolders(() => [
      {
        bytes: 1_100_000,
        stalledMs: () => stalledMs,
        evict() {
          gone = true;
          memory.add(MemoryKind.replies, -1_100_000);
        },
      },
    ]);
    memory.add(MemoryKind.replies, 1_100_000);
    timers.advance(150);
    assert.equal(gone, false);
    stalledMs = 400;
    timers.advance(150);
    assert.ok(gone);
    timers.advance(1000);
    assert.equal(memory.bytes, 0);
  });

  it('cuts those who hold most, stalled or not, when it is a quarter beyond the limit', () => {
    const { memory, timers } = account(1_000_000);
    const a = holder(memory, 300_000, 0);
    const b = holder(memory, 900_000, 0);
    const c = holder(memory, 200_000, 0);
    assert.equal(memory.exhausted, false);
    memory.add(MemoryKind.requests, 200_000);
    assert.ok(memory.exhausted);
    memory.add(MemoryKind.requests, -200_000);
    timers.advance(1);
    assert.ok(b.gone !== undefined);
    assert.deepEqual([a.gone, c.gone], [undefined, undefined]);
  });

  it('is why a call is refused, and told when to come again', () => {
    const { memory, events } = account(1000);
    memory.add(MemoryKind.requests, 1001);
    assert.ok(memory.full());
    const refusal = memory.refusal();
    assert.equal(refusal.code, Code.RESOURCE_EXHAUSTED);
    assert.equal(refusal.retryAfterMs, 1000);
    assert.deepEqual(events, ['memory']);
  });

  it('is over at once when a reload allows more', () => {
    const { memory, timers } = account(1_000_000);
    const held = holder(memory, 1_100_000, 0);
    memory.limitBytes = 2_000_000;
    timers.advance(1000);
    assert.equal(held.gone, undefined);
    const more = holder(memory, 1_000_000, 9999);
    timers.advance(1);
    assert.ok((more.gone ?? held.gone) !== undefined);
  });
});
