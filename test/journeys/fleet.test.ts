/** Three backends under steady load; one is killed, one is stopped, both come back: no call may fail. */
import { after, before, describe, it } from 'node:test';
import { type DemoBackend, type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { sleep, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { History } from './history.ts';

/** Calls that a backend has answered so far, by its own count. */
async function served(backend: DemoBackend): Promise<number> {
  const state = (await (await fetch(backend.control)).json()) as { calls: Record<string, number> };
  return Object.values(state.calls).reduce((sum, count) => sum + Number(count), 0);
}

describe('a fleet of three under load', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;

  before(async () => {
    fleet = await startDemoFleet({ replicas: 3, models: ['echo'] });
    gateway = await startTestGateway(fleet.backends.map(({ url }) => url));
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
  });

  it('knows within a second that a backend is gone and that it is back, without any call', async () => {
    const [first] = fleet.backends as [DemoBackend];
    const upCount = async (): Promise<number> => {
      const page = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
        fleets: { backends: { up: boolean }[] }[];
      };
      return (page.fleets[0]?.backends ?? []).filter(({ up }) => up).length;
    };
    await waitFor(async () => (await upCount()) === 3);
    first.signal('SIGKILL');
    await waitFor(async () => (await upCount()) === 2, 1000, 'the loss to be seen');
    await first.restart();
    await waitFor(async () => (await upCount()) === 3, 4000, 'the return to be seen');
  });

  it('loses none of many calls that are under way when two of three are killed', async (t) => {
    const latency = (latencyMs: number) =>
      Promise.all(
        fleet.backends.map(({ control }) =>
          fetch(`${control}/faults`, { method: 'POST', body: JSON.stringify({ latencyMs }) }),
        ),
      );
    await latency(2000);
    const load = new History(gateway, {
      perSecond: 100,
      deadlineMs: 20_000,
      maxPending: 1000,
      via: ['gRPC'],
    });
    // all at once: none is answered before
    await waitFor(() => load.calls.length >= 150, 20_000, 'calls');
    const killed = fleet.backends.slice(0, 2);
    for (const backend of killed) backend.signal('SIGKILL');
    await latency(0).catch(() => undefined);
    await load.stop();
    t.diagnostic(load.summary());
    load.checkAllAnswered();
    for (const backend of killed) await backend.restart();
  });

  it(
    'loses no call to a SIGKILL and a SIGSTOP, and both backends take traffic again within ten seconds',
    { timeout: 90_000 },
    async () => {
      const [killed, stopped] = fleet.backends as [DemoBackend, DemoBackend, DemoBackend];
      const load = new History(gateway, { perSecond: 150, deadlineMs: 10_000 });
      await sleep(1500);
      killed.signal('SIGKILL');
      await sleep(2000);
      stopped.signal('SIGSTOP');
      await sleep(4000);
      const before = load.ok;
      await waitFor(() => load.ok - before > 100, 20_000, 'the one that is left to carry the load');

      stopped.signal('SIGCONT');
      await killed.restart();
      for (const backend of [killed, stopped]) {
        const start = await served(backend);
        await waitFor(async () => (await served(backend)) > start + 10, 30_000, `traffic at ${backend.name}`);
      }
      await load.stop();
      load.checkAllAnswered();
    },
  );
});
