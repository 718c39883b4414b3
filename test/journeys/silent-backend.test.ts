/** Three backends under steady load, one of which does not answer, or answers late: the others answer in its place, soon. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type DemoBackend, type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { control } from '../demo/control.ts';
import { sleep, startTestGateway, type TestGateway } from '../support/index.ts';
import { History } from './history.ts';

/** Requests that the backends have seen. */
async function reached(backends: readonly DemoBackend[]): Promise<number> {
  const states = await Promise.all(backends.map((backend) => control(backend.control)));
  return states.reduce((sum, { calls }) => sum + (calls['Predict echo'] ?? 0), 0);
}

/** What a busy machine takes without any fault is no fault of the fleet's. */
function assertQuick(load: History, sinceMs: number): void {
  const before = load.calls
    .filter(({ sentMs }) => sentMs < sinceMs)
    .map(({ sentMs, endedMs }) => endedMs - sentMs);
  const usualMs = before.toSorted((a, b) => a - b)[Math.floor(before.length * 0.99)] ?? 0;
  const p99Ms = load.latencyMs(0.99, sinceMs);
  const text = `p99 ${p99Ms.toFixed(0)} ms, ${usualMs.toFixed(0)} ms before the fault; ${load.summary()}`;
  assert.ok(p99Ms <= 300 + Math.max(load.stallMs, 2 * usualMs), text);
}

describe('a fleet of three with a backend that stays silent', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 3, models: ['echo'] });
  });
  after(() => fleet.stop());
  // a gateway for each test: what one has learnt, and its budget, are none of the next one's
  beforeEach(async () => {
    gateway = await startTestGateway(fleet.backends.map(({ url }) => url));
  });
  afterEach(() => gateway.stop());

  it(
    'answers every call within 300 ms at p99 while one backend is stopped',
    { timeout: 60_000 },
    async (test) => {
      const [, stopped] = fleet.backends as [DemoBackend, DemoBackend, DemoBackend];
      const load = new History(gateway, { perSecond: 150, via: ['gRPC'] });
      await sleep(2000);
      const sinceMs = performance.now();
      stopped.signal('SIGSTOP');
      await sleep(8000);
      await load.stop();
      stopped.signal('SIGCONT');
      test.diagnostic(
        `one stopped: ${load.summary()}; while stopped p99 ${load.latencyMs(0.99, sinceMs).toFixed(0)} ms`,
      );
      load.checkAllAnswered();
      assertQuick(load, sinceMs);
    },
  );

  it('does the same while one backend takes 900 ms', { timeout: 60_000 }, async (test) => {
    const [slow] = fleet.backends as [DemoBackend, DemoBackend, DemoBackend];
    const load = new History(gateway, { perSecond: 150, via: ['gRPC'] });
    await sleep(2000);
    const sinceMs = performance.now();
    await control(slow.control, 'POST', '/faults', { latencyMs: 900 });
    await sleep(8000);
    await load.stop();
    await control(slow.control, 'DELETE', '/faults');
    test.diagnostic(
      `one slow: ${load.summary()}; while slow p99 ${load.latencyMs(0.99, sinceMs).toFixed(0)} ms`,
    );
    load.checkAllAnswered();
    assertQuick(load, sinceMs);
  });

  it('does not double the work of a fleet that is merely slow', { timeout: 60_000 }, async (test) => {
    for (const { control: url } of fleet.backends)
      await control(url, 'POST', '/faults', { latencyMs: 400, jitterMs: 200 });
    const before = await reached(fleet.backends);
    const load = new History(gateway, { perSecond: 60, via: ['gRPC'] });
    await sleep(8000);
    await load.stop();
    const sent = (await reached(fleet.backends)) - before;
    for (const { control: url } of fleet.backends) await control(url, 'DELETE', '/faults');
    test.diagnostic(`all slow: ${load.summary()}; ${sent} requests for ${load.calls.length} calls`);
    load.checkAllAnswered();
    // the budget: 5 %, and one a second
    assert.ok(sent <= load.calls.length * 1.05 + 11, `${sent} requests for ${load.calls.length} calls`);
  });
});
