/** Gateways as processes: several workers that are seen as one, and their ends, expected and not, under load. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  type GatewayProcess,
  sleep,
  startGatewayProcess,
  startTestGateway,
  waitFor,
} from '../support/index.ts';
import { History } from './history.ts';

/** Worker processes, by Linux's own account. */
const workersOf = ({ process: { pid } }: GatewayProcess): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);

async function counted({ admin }: GatewayProcess, pattern: RegExp): Promise<number> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => pattern.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Several clients, each with a connection of its own: connections are what is shared out between workers. */
const loads = (gateway: GatewayProcess, count: number): History[] =>
  Array.from({ length: count }, () => new History(gateway, { perSecond: 20 }));

describe('a gateway of two workers', () => {
  let fleet: DemoFleet;
  let gateway: GatewayProcess;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 2, models: ['echo'] });
    const urls = fleet.backends.map(({ url }) => url);
    gateway = await startGatewayProcess(urls, ['--workers', '2']);
    await waitFor(() => workersOf(gateway).length === 2, 60_000, 'two workers');
    await waitFor(async () => (await counted(gateway, /^process_start_time_seconds/)) > 0, 60_000, 'metrics');
  });
  after(async () => {
    // the first of them may be all that there is, when the second did not come up
    await (gateway as GatewayProcess | undefined)?.process.stop();
    await fleet.stop();
  });

  it(
    'shares connections out, and shows the calls of both in every answer of the admin door',
    { timeout: 60_000 },
    async () => {
      const all = loads(gateway, 4);
      await sleep(2000);
      await Promise.all(all.map((load) => load.stop()));
      for (const load of all) load.checkAllAnswered();
      const calls = all.reduce((sum, load) => sum + load.calls.length, 0);
      const success = /_requests_success\{.*method="Predict".*\} /;
      for (let i = 0; i < 4; i++) assert.equal(await counted(gateway, success), calls);
      const used = workersOf(gateway).map((pid) =>
        Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[13]),
      );
      assert.ok(
        Math.min(...used) * 4 > Math.max(...used),
        `one worker did nearly everything: ${used.join(', ')} ticks`,
      );
      await waitFor(
        async () => {
          const { fleets } = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
            fleets: { backends: { connections: number }[] }[];
          };
          return fleets[0]?.backends.reduce((sum, { connections }) => sum + connections, 0) === 4;
        },
        20_000,
        'a connection of each worker to each backend',
      );
    },
  );

  it('has one health checker', { timeout: 60_000 }, async (test) => {
    const looks = async (): Promise<number> => {
      let sum = 0;
      for (const { control } of fleet.backends) {
        const state = (await (await fetch(control)).json()) as { calls: Record<string, number> };
        sum += state.calls['GetModelStatus echo'] ?? 0;
      }
      return sum;
    };
    const before = await looks();
    const sinceMs = performance.now();
    await sleep(11_000);
    const seen = (await looks()) - before;
    const seconds = (performance.now() - sinceMs) / 1000;
    const text = `${seen} looks in ${seconds.toFixed(0)} s at two backends by two workers`;
    test.diagnostic(text);
    // every five seconds, give or take a fifth, at each of two backends; two checkers would look twice as often
    assert.ok(seen >= 2 && seen <= 2 * (seconds / 4 + 1), text);
  });

  it('replaces a worker that is killed, and goes on', { timeout: 60_000 }, async () => {
    const [victim] = workersOf(gateway) as [number];
    const all = loads(gateway, 4);
    await sleep(500);
    const success = /_requests_success\{.*method="Predict".*\} /;
    // whichever worker is asked, and whatever it finds: sums never go back
    const sums = [await counted(gateway, success)];
    assert.ok((sums[0] as number) > 0);
    process.kill(victim, 'SIGKILL');
    await waitFor(
      async () => {
        await sleep(200);
        // the one that is asked may be the one that is gone
        await counted(gateway, success).then(
          (sum) => sums.push(sum),
          () => undefined,
        );
        return workersOf(gateway).length === 2 && !workersOf(gateway).includes(victim);
      },
      30_000,
      'another worker',
    );
    await sleep(1500);
    sums.push(await counted(gateway, success));
    assert.deepEqual(
      sums,
      sums.toSorted((a, b) => a - b),
    );
    const late = loads(gateway, 4);
    await sleep(1000);
    await Promise.all([...all, ...late].map((load) => load.stop()));
    for (const load of all) load.checkPromises();
    for (const load of late) load.checkAllAnswered();
    assert.match(gateway.process.output(), new RegExp(`worker ${victim} ended`));
  });

  it(
    'stops in order on SIGTERM: no call fails while clients may go elsewhere',
    { timeout: 60_000 },
    async () => {
      const other = await startGatewayProcess(fleet.backends.map(({ url }) => url));
      const front = await startTestGateway([`tfs://${gateway.grpc}`, `tfs://${other.grpc}`]);
      try {
        const load = new History(front, { perSecond: 100 });
        await sleep(1500);
        gateway.process.signal('SIGTERM');
        await gateway.process.exited;
        await sleep(500);
        await load.stop();
        load.checkAllAnswered();
        assert.equal(await gateway.process.exited, 0);
      } finally {
        await front.stop();
        await other.process.stop(15_000);
      }
    },
  );
});
