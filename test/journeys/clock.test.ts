/**
 * The machine's clock jumps under load: deadlines, health and rates go by the monotonic clock, so no call may notice.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type DemoBackend, startDemoFleet } from '../../src/demo/index.ts';
import { missing, startGatewayProcess, tool, waitFor } from '../support/index.ts';
import { History } from './history.ts';

const hourMs = 3_600_000;

describe('a clock that jumps', { skip: missing('libfaketime') }, () => {
  it(
    'by hours, forth and back, costs no call, and health goes on being seen',
    { timeout: 120_000 },
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'tensorgate-clock-'));
      const offset = join(folder, 'offset');
      const jump = (hours: number): void => writeFileSync(offset, `${hours < 0 ? '' : '+'}${hours}h\n`);
      jump(0);
      const fleet = await startDemoFleet({ replicas: 2, models: ['echo'] });
      const gateway = await startGatewayProcess(
        fleet.backends.map(({ url }) => url),
        [],
        {
          LD_PRELOAD: tool('libfaketime') ?? '',
          FAKETIME_TIMESTAMP_FILE: offset,
          FAKETIME_NO_CACHE: '1',
          // a jump leaves CLOCK_MONOTONIC alone
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
        },
      );
      /** What its clock says beyond ours, and how its backends are. */
      const seen = async (): Promise<{ aheadMs: number; up: number }> => {
        const answer = await fetch(`http://${gateway.admin}/api/fleet`);
        const page = (await answer.json()) as { fleets: { backends: { up: boolean }[] }[] };
        const up = page.fleets[0]?.backends.filter((backend) => backend.up).length ?? 0;
        return { aheadMs: Date.parse(answer.headers.get('date') ?? '') - Date.now(), up };
      };
      const [backend] = fleet.backends as [DemoBackend];
      const load = new History(gateway, { perSecond: 80 });
      const more = (calls: number): Promise<unknown> => {
        const aim = load.ok + calls;
        return waitFor(() => load.ok >= aim, 30_000, `${calls} calls`);
      };
      try {
        await more(100);
        for (const hours of [6, -6]) {
          jump(hours);
          // node:http makes a date once a second
          await waitFor(
            async () => Math.abs((await seen()).aheadMs - hours * hourMs) < hourMs / 2,
            20_000,
            'the jump',
          );
          await more(100);
          // what must be noticed is noticed on time: not six hours later
          backend.signal('SIGKILL');
          await waitFor(async () => (await seen()).up === 1, 30_000, 'the loss of a backend');
          await backend.restart();
          await waitFor(async () => (await seen()).up === 2, 30_000, 'its return');
        }
        jump(0);
        await more(100);
      } finally {
        await load.stop();
        await gateway.process.stop();
        await fleet.stop();
        rmSync(folder, { recursive: true });
      }
      t.diagnostic(load.summary());
      load.checkAllAnswered();
    },
  );
});
