/** Mirroring over stub handlers: what is copied, and that the original never notices. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ByModel,
  type Call,
  Flow,
  type Handler,
  messageIn,
  type Reply,
  replyOf,
} from '../../src/call/index.ts';
import { decodePredictRequest, encodePredictRequest } from '../../src/codec/index.ts';
import { mirrorFilter, type MirrorRule } from '../../src/filters/index.ts';
import { MemoryAccount, MemoryKind } from '../../src/memory/index.ts';
import {
  fakeTime,
  manualClock,
  predictMethod,
  readAll,
  recordingObserver,
  streamCall,
  unaryCall,
} from '../support/index.ts';

const rule: MirrorRule = { model: 'shadow', version: 2n, percent: 100, maxInFlight: 2, maxBytes: 1000 };
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const message = (size = 1): Buffer =>
  Buffer.concat(
    encodePredictRequest({
      spec: { name: 'half_plus_two', signature: 'sig' },
      inputs: new Map([['x', { dtype: 'uint8', shape: [size], bytes: new Uint8Array(size) }]]),
      outputFilter: [],
    }),
  );
const call = (size?: number): Call =>
  unaryCall(message(size), { method: { ...predictMethod, target: 'spec' } });

function harness(
  changes: Partial<MirrorRule> = {},
  { room = true, random = 0.5, limitBytes = 1e9, send = undefined as Handler | undefined } = {},
) {
  const copies: Call[] = [];
  const observer = recordingObserver();
  const memory = new MemoryAccount(limitBytes);
  const filter = mirrorFilter(new ByModel([[{ model: 'half_plus_two' }, { ...rule, ...changes }]]), {
    send: async (copy) => {
      copies.push(copy);
      return send === undefined ? replyOf(Buffer.from('unheard'), 'b') : send(copy);
    },
    hasCapacity: () => room,
    observer,
    memory,
    clock: manualClock().clock,
    random: () => random,
  });
  const seen: Call[] = [];
  const handler = filter(async (each) => {
    seen.push(each);
    return Promise.resolve(replyOf(Buffer.from('original'), 'a'));
  });
  return { handler, copies, seen, observer, memory };
}

describe('mirrorFilter', () => {
  it('sends the same tensors to the other model, and gives the original’s answer', async () => {
    const { handler, copies, seen, observer } = harness();
    const asked = call();
    const reply = await handler(asked);
    assert.equal(reply.from, 'a');
    assert.equal(seen[0], asked);
    await settle();
    const [copy] = copies as [Call];
    assert.deepEqual(copy.target, { model: 'shadow', signature: '', version: 2n });
    const { bytes } = await readAll(copy.request);
    const { spec, inputs } = decodePredictRequest(messageIn([bytes])?.bytes ?? new Uint8Array(), 1000);
    assert.equal(spec?.name, 'shadow');
    assert.equal(spec?.version, 2n);
    assert.ok(inputs.has('x'));
    assert.deepEqual(observer.events, ['mirrored half_plus_two ok']);
  });

  it('copies to the same model of another fleet, and counts it for the one that is asked', async () => {
    const away = harness({ model: undefined, version: undefined, fleet: 'new' });
    await away.handler(call());
    await settle();
    assert.deepEqual(away.copies[0]?.target, { fleet: 'new', model: 'half_plus_two', signature: '' });
    // a model of that name in another fleet has no mirror
    await away.handler({ ...call(), target: { fleet: 'new', model: 'half_plus_two', signature: '' } });
    await settle();
    assert.equal(away.copies.length, 1);
    assert.deepEqual(away.observer.events, ['mirrored half_plus_two ok']);
  });

  it('is not noticed by the original when the copy fails, hangs or throws', async (t) => {
    // the time-out of one that hangs would keep the process
    fakeTime(t);
    const fates: readonly Handler[] = [
      () => Promise.reject(new Error('broken')),
      () => new Promise<Reply>(() => undefined),
      () => {
        throw new Error('worse');
      },
    ];
    for (const send of fates) {
      const { handler } = harness({}, { send });
      assert.equal((await handler(call())).from, 'a');
      await settle();
    }
  });

  it('copies no more at a time than it may, none larger than the limit, and none without room', async (t) => {
    fakeTime(t);
    const hanging = harness({}, { send: () => new Promise<Reply>(() => undefined) });
    for (let i = 0; i < 5; i++) await hanging.handler(call());
    await settle();
    assert.equal(hanging.copies.length, 2);
    assert.equal(hanging.observer.count('mirrored half_plus_two skipped'), 3);
    for (const { handler, copies, observer } of [harness({ maxBytes: 10 }), harness({}, { room: false })]) {
      await handler(call(500));
      await settle();
      assert.equal(copies.length, 0);
      assert.equal(observer.count('mirrored half_plus_two skipped'), 1);
    }
  });

  it('copies its share of the calls, no sequence, no stream and no other model', async () => {
    const { handler, copies } = harness({ percent: 50 }, { random: 0.6 });
    await handler(call());
    const all = harness();
    await all.handler({ ...call(), sequence: { id: '1', starts: true, ends: false } });
    await all.handler(streamCall());
    await all.handler({ ...call(), target: { model: 'other', signature: '' } });
    await settle();
    assert.equal(copies.length + all.copies.length, 0);
  });

  it('reads a request that is still arriving without giving its client credit', async () => {
    const { handler, copies } = harness();
    const request = new Flow(true);
    let credited = 0;
    request.onCredit = (bytes) => (credited += bytes);
    const whole = Buffer.concat(unaryCall(message()).request.peek());
    request.push(whole.subarray(0, 10));
    await handler(unaryCall(undefined, { method: { ...predictMethod, target: 'spec' }, request }));
    request.push(whole.subarray(10));
    request.end();
    await settle();
    assert.equal(credited, 0);
    assert.equal(copies.length, 1);
  });

  it('holds its copy in the account until the copy has ended, and lets it go when the room is needed', async (t) => {
    fakeTime(t);
    let answer: (reply: Reply) => void = () => undefined;
    const send: Handler = () => new Promise((resolve) => (answer = resolve));
    const { handler, memory, observer } = harness({}, { send });
    await handler(call(500));
    await settle();
    assert.ok(memory.held(MemoryKind.mirrors) >= 500);
    answer(replyOf(Buffer.from('unheard'), 'b'));
    await settle();
    assert.equal(memory.bytes, 0);
    await handler(call(500));
    await settle();
    memory.limitBytes = 100;
    assert.equal(memory.full(), false, 'the copy has gone');
    assert.equal(memory.bytes, 0);
    await handler(call(500));
    assert.equal(observer.count('mirrored half_plus_two skipped'), 0);
    memory.add(MemoryKind.replies, 200);
    await handler(call(500));
    assert.equal(observer.count('mirrored half_plus_two skipped'), 1, 'none begins where there is too much');
    memory.add(MemoryKind.replies, -200);
  });

  it('keeps nothing of a request that turns out to be too large', async () => {
    const { handler, memory, observer } = harness({ maxBytes: 1000 });
    const request = new Flow(true);
    await handler(unaryCall(undefined, { method: { ...predictMethod, target: 'spec' }, request }));
    request.push(Buffer.alloc(2000));
    await settle();
    assert.equal(observer.count('mirrored half_plus_two skipped'), 1);
    assert.equal(memory.bytes, 0);
  });
});
