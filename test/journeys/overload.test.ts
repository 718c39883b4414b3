/** Three times as many calls as the backends can do: they do what they can, and nobody waits for nothing. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { sleep, startTestGateway, type TestGateway } from '../support/index.ts';
import { History } from './history.ts';

const serviceMs = 100;
const slots = 4;
const replicas = 3;
/** Calls a second that the backends can do. */
const capacity = (replicas * slots * 1000) / serviceMs;
const seconds = 6;
const clients = 4;
/** On a calm machine timers are late by a few ms. */
const calmStallMs = 60;

describe('a fleet that is offered three times what it can do', () => {
  let fleet: DemoFleet;
  before(async () => {
    fleet = await startDemoFleet({
      replicas,
      models: ['echo'],
      flags: ['--latency-ms', String(serviceMs), '--slots', String(slots)],
    });
  });
  after(() => fleet.stop());

  const cases: readonly {
    name: string;
    deadlineMs: number;
    concurrency: object;
    /** Of the capacity, at least; and of the calls that are late, at most. */
    goodput: number;
    late: number;
  }[] = [
    {
      name: 'with the limits that are the default',
      deadlineMs: 4000,
      concurrency: {},
      goodput: 0.9,
      late: 0.01,
    },
    {
      name: 'with a limit that fits the backends',
      deadlineMs: 1000,
      concurrency: { maxInFlight: 6 },
      goodput: 0.9,
      late: 0.01,
    },
    // a latency that the machine itself makes uneven teaches it less
    {
      name: 'with a limit that is learnt',
      deadlineMs: 1000,
      concurrency: { adaptive: true },
      goodput: 0.7,
      late: 0.1,
    },
  ];
  for (const { name, deadlineMs, concurrency, ...least } of cases) {
    it(
      `does what it can ${name}, and keeps the deadlines of those it takes`,
      { timeout: 60_000 },
      async (test) => {
        const gateway: TestGateway = await startTestGateway([], {
          fleets: { default: { backends: fleet.backends.map(({ url }) => url), concurrency } },
        });
        try {
          // an idle backend's latency is seen first, as it is in life
          const calm = new History(gateway, { perSecond: capacity / 4, via: ['gRPC'] });
          await sleep(1500);
          await calm.stop();
          // several clients: the calls of one would wait for its connection's streams
          const loads = Array.from(
            { length: clients },
            () =>
              new History(gateway, {
                perSecond: (3 * capacity) / clients,
                maxPending: Number.POSITIVE_INFINITY,
                deadlineMs,
                via: ['gRPC'],
              }),
          );
          await sleep(2000);
          const fromMs = performance.now();
          const memory = process.memoryUsage().rss;
          await sleep((seconds - 2) * 1000);
          const toMs = performance.now();
          const grewMb = (process.memoryUsage().rss - memory) / 2 ** 20;
          await Promise.all(loads.map((load) => load.stop()));
          const all = loads.flatMap(({ calls }) => calls);
          const good = all.filter(
            ({ failure, endedMs }) => failure === '' && endedMs >= fromMs && endedMs < toMs,
          );
          const perSecond = (good.length * 1000) / (toMs - fromMs);
          const later = all.filter(({ sentMs }) => sentMs >= fromMs);
          const refused = later.filter(({ failure }) =>
            failure.startsWith('8 RESOURCE_EXHAUSTED: model echo is busy'),
          );
          const late = later.filter(
            ({ failure }) => failure !== '' && !failure.startsWith('8 RESOURCE_EXHAUSTED'),
          );
          test.diagnostic(
            `${perSecond.toFixed(0)} of ${capacity} calls a second; of ${later.length} calls ${refused.length} refused, ${late.length} late; memory grew by ${grewMb.toFixed(0)} MB`,
          );
          // a machine that leaves this process waiting is no measure of what the backends could do
          const stallMs = Math.max(...loads.map((load) => load.stallMs));
          if (stallMs > calmStallMs)
            test.diagnostic(`not judged: this process was kept waiting for ${stallMs.toFixed(0)} ms`);
          else {
            for (const load of loads) load.checkPromises();
            assert.ok(refused.length > 0);
            assert.ok(
              perSecond >= least.goodput * capacity,
              `${perSecond.toFixed(0)} of ${capacity} calls a second`,
            );
            assert.ok(
              late.length <= later.length * least.late,
              `${late.length} of ${later.length} late: ${late[0]?.failure}`,
            );
          }
          assert.ok(grewMb < 150, `memory grew by ${grewMb.toFixed(0)} MB`);
        } finally {
          await gateway.stop();
        }
      },
    );
  }
});
