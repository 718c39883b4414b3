/** The queue before a stub fleet with so many places, on a clock of the test's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, type StatusError } from '../../../src/base/status.ts';
import { type Call, getMetadata, type Handler, replyOf, trailersOf } from '../../../src/call/index.ts';
import {
  createClientOf,
  createQueue,
  type LatencyClass,
  LatencyStats,
  type QueueOptions,
} from '../../../src/filters/index.ts';
import { manualTimers, method, recordingObserver, unaryCall } from '../../support/index.ts';

const clientOf = createClientOf((address) => address === '10.0.0.1');
const options: QueueOptions = { maxLength: 3, maxWaitMs: 1000, priorityField: 'x-priority' };

/** A fleet that takes so many calls at once; the test ends them. */
function harness(places: number, settings = options) {
  const timers = manualTimers();
  const observer = recordingObserver();
  const latencies = new LatencyStats(0.95, timers.clock);
  /** What the fastest answer took, in place of what the latencies say, when it is not 0. */
  const book = { leastMs: 0 };
  const running: { readonly call: Call; readonly end: () => void }[] = [];
  const queue = createQueue(settings, {
    hasCapacity: () => running.length < places,
    clientOf,
    latencies: {
      find: (...kind) => (book.leastMs === 0 ? latencies.find(...kind) : (book as unknown as LatencyClass)),
    },
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
          queue.capacityFreed();
        },
      };
      running.push(entry);
    });
  return { queue, handler: queue.filter(next), running, observer, timers, latencies, book };
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
  it('has a line for each fleet’s model of one name', () => {
    const { queue, handler, observer } = harness(0);
    const there = { fleet: 'new', model: 'half_plus_two', signature: '' };
    void handler(call()).catch(() => undefined);
    assert.equal(
      queue.waits(({ fleet }) => fleet === 'new'),
      false,
    );
    void handler(call(undefined, { target: there })).catch(() => undefined);
    assert.equal(
      queue.waits(({ fleet }) => fleet === 'new'),
      true,
    );
    assert.deepEqual(observer.events, ['queued half_plus_two 1', 'queued new/half_plus_two 1']);
  });

  it('serves one fleet’s line while the other’s goes on waiting', () => {
    const room = new Set<string | undefined>();
    const timers = manualTimers();
    const observer = recordingObserver();
    const sent: (string | undefined)[] = [];
    const queue = createQueue(options, {
      hasCapacity: ({ target }) => room.has(target?.fleet),
      clientOf,
      latencies: new LatencyStats(0.95, timers.clock),
      observer,
      clock: timers.clock,
      after: timers.after,
    });
    const handler = queue.filter(({ target }) => {
      sent.push(target?.fleet);
      return new Promise(() => undefined);
    });
    for (const fleet of [undefined, 'new'])
      void handler(call(undefined, { target: { fleet, model: 'half_plus_two', signature: '' } }));
    room.add('new');
    queue.capacityFreed();
    assert.deepEqual(sent, ['new']);
    room.add(undefined);
    queue.capacityFreed();
    assert.deepEqual(sent, ['new', undefined]);
  });

  it('lets calls through as long as there is room, and the next one when one has ended', async () => {
    const { handler, running, observer, timers } = harness(2);
    const answers = [handler(call()), handler(call()), handler(call())];
    assert.equal(running.length, 2);
    assert.deepEqual(observer.events, ['queued half_plus_two 1']);
    timers.advance(7);
    running[0]?.end();
    assert.equal(running.length, 2);
    running[0]?.end();
    running[0]?.end();
    await Promise.all(answers);
    assert.deepEqual(observer.events, [
      'queued half_plus_two 1',
      'waited half_plus_two 7',
      'queued half_plus_two 0',
    ]);
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

  it('refuses at once whoever would wait too long at the pace of late, once that is known', async () => {
    const { handler, running, timers } = harness(1);
    const answers = Array.from({ length: 3 }, () => handler(call()));
    // one leaves each 100 ms, and another one comes
    for (let i = 0; i < 30; i++) {
      timers.advance(100);
      running[0]?.end();
      answers.push(handler(call()));
    }
    const error = await refused(handler(call(undefined, { deadline: timers.clock() + 500 })));
    assert.match(error.message, /a place is expected in 300 ms/);
    assert.equal(error.retryAfterMs, 300);
    while (running.length > 0) running[0]?.end();
    await Promise.all(answers);
  });

  /** 64 clients at once at a server that does one call at a time, six of them with it and the others in line. */
  async function coldStart(firstMs: readonly number[], usualMs: number): Promise<void> {
    const { handler, running, timers } = harness(6, { ...options, maxLength: 4096, maxWaitMs: 20_000 });
    const answers: Promise<unknown>[] = [];
    const ask = (): void =>
      void answers.push(handler(call(undefined, { deadline: timers.clock() + 16_000 })));
    for (let i = 0; i < 64; i++) ask();
    for (let i = 0; i < 200; i++) {
      timers.advance(firstMs[i] ?? usualMs);
      running[0]?.end();
      ask();
    }
    while (running.length > 0) {
      timers.advance(usualMs);
      running[0]?.end();
    }
    await Promise.all(answers);
  }

  it('refuses nobody for the first answers of a server that has just started', async () => {
    await coldStart([500, 21, 107], 21);
    await coldStart([2000], 21);
    await coldStart([21, 2000, 2000], 21);
    await coldStart([300, 250, 200, 150, 100, 90, 80, 70, 60, 50, 40, 30], 21);
  });

  it('refuses early where each call takes two seconds and thousands wait', async () => {
    const { handler, running, timers } = harness(1, { ...options, maxLength: 4096, maxWaitMs: 20_000 });
    const outcomes: string[] = [];
    const ask = (): void => {
      handler(call()).then(
        () => outcomes.push('answered'),
        (error: StatusError) =>
          outcomes.push(error.message.includes('a place is expected') ? 'early' : 'late'),
      );
    };
    for (let i = 0; i < 1000; i++) ask();
    for (let i = 0; i < 20; i++) {
      timers.advance(2000);
      running[0]?.end();
      for (let more = 0; more < 10; more++) ask();
    }
    await Promise.resolve();
    const seen = outcomes.length;
    for (let more = 0; more < 100; more++) ask();
    await new Promise(setImmediate);
    const then = outcomes.slice(seen);
    assert.ok(then.filter((outcome) => outcome === 'early').length >= 100 - 10, then.join());
    assert.ok(outcomes.filter((outcome) => outcome === 'answered').length >= 20);
  });

  it('does not take a call that is refused at its turn for one that got a place', async () => {
    const { queue, handler, running, timers, book } = harness(1, {
      ...options,
      maxLength: 100,
      maxWaitMs: 20_000,
    });
    const answers = Array.from({ length: 10 }, () => handler(call()));
    const soon = { deadline: timers.clock() + 1e6 };
    // each round one gets a place, and four before it are found to be too late
    for (let i = 0; i < 40; i++) {
      soon.deadline = timers.clock() + 4000;
      const hopeless = Array.from({ length: 4 }, () => refused(handler(call('high', soon))));
      answers.push(handler(call()));
      timers.advance(100);
      book.leastMs = 4500;
      running[0]?.end();
      book.leastMs = 0;
      for (const { code } of await Promise.all(hopeless)) assert.equal(code, Code.DEADLINE_EXCEEDED);
    }
    const error = await refused(handler(call(undefined, { deadline: timers.clock() + 1000 })));
    assert.match(error.message, /a place is expected in 1000 ms/);
    while (running.length > 0) running[0]?.end();
    await Promise.all(answers);
    queue.capacityFreed();
  });

  it('refuses a call whose deadline is shorter than any answer of late, before a place is looked for', async () => {
    const { handler, latencies, observer, timers } = harness(1);
    const kind = latencies.kind({ model: 'half_plus_two' }, 64);
    // the first ones are those of a server that has just started
    timers.advance(3000);
    for (let i = 0; i < 20; i++) kind.answered('a', 3000);
    assert.equal(kind.leastMs, 0);
    timers.advance(100);
    for (let i = 0; i < 20; i++) kind.answered('a', 100);
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
    const latencies = new LatencyStats(0.95, timers.clock);
    const queue = createQueue(options, {
      hasCapacity: () => open,
      clientOf,
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

  it('shares places among the clients that wait, whatever their number of calls', async () => {
    const { handler, running } = harness(2);
    const of = (peer: string): Call => call(undefined, { peer });
    // alone it has everything
    for (let i = 0; i < 5; i++) handler(of('192.0.2.1:1')).catch(() => undefined);
    assert.equal(running.length, 2);
    handler(of('192.0.2.2:1')).catch(() => undefined);
    // the line of three was full: the one with most in it has given a place up
    running[0]?.end();
    running[0]?.end();
    assert.deepEqual(
      running.map(({ call: { peer } }) => peer),
      ['192.0.2.1:1', '192.0.2.2:1'],
    );
    // who holds one waits behind who holds none
    handler(of('192.0.2.3:1')).catch(() => undefined);
    running[1]?.end();
    await Promise.resolve();
    assert.deepEqual(running.map(({ call: { peer } }) => peer).sort(), ['192.0.2.1:1', '192.0.2.3:1']);
  });

  it('takes the connections of a trusted proxy for clients, and those of any other address for one', async () => {
    for (const [address, order] of [
      ['10.0.0.1', [':2', ':3', ':1']],
      ['10.0.0.2', [':2', ':1', ':3']],
    ] as const) {
      const { handler, running } = harness(1);
      void handler(call(undefined, { peer: '192.0.2.9:9' }));
      void handler(call(undefined, { peer: `${address}:2` }));
      void handler(call(undefined, { peer: `${address}:3` }));
      void handler(call(undefined, { peer: '192.0.2.9:1' }));
      const served: string[] = [];
      for (let i = 0; i < 3; i++) {
        running[0]?.end();
        // its place is given back when the answer is over
        await new Promise((resolve) => setImmediate(resolve));
        served.push(/:\d$/.exec(running[0]?.call.peer ?? '')?.[0] ?? '');
      }
      assert.deepEqual(served, order);
    }
  });

  it('lets a client with nothing in line in, where one with much would wait too long', async () => {
    const { handler, running, timers } = harness(1, { ...options, maxLength: 10 });
    const of = (peer: string, deadline = 2000): Call =>
      call(undefined, { peer, deadline: timers.clock() + deadline });
    const much = '192.0.2.1:1';
    const answers = Array.from({ length: 4 }, () => handler(of(much)));
    for (let i = 0; i < 30; i++) {
      timers.advance(100);
      running[0]?.end();
      answers.push(handler(of(much)));
    }
    assert.match((await refused(handler(of(much, 500)))).message, /a place is expected in 400 ms/);
    answers.push(handler(of('192.0.2.2:1', 500)));
    running[0]?.end();
    assert.equal(running[0]?.call.peer, '192.0.2.2:1');
    for (; running.length > 0; await new Promise((resolve) => setImmediate(resolve))) running[0]?.end();
    await Promise.all(answers);
  });
});
