/** Workers that take the place of others while the configuration's file is not what the gateway runs on. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { freePort, startProcess, waitFor } from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

describe('a worker that takes the place of another', () => {
  let fleet: DemoFleet;
  let folder: string;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
  });
  after(() => fleet.stop());
  beforeEach((t) => {
    folder = mkdtempSync(join(tmpdir(), 'tensorgate-replaced-'));
    (t as TestContext).after(() => rmSync(folder, { recursive: true }));
  });

  async function start(t: TestContext) {
    const [restPort, grpcPort, adminPort] = [await freePort(), await freePort(), await freePort()];
    const file = join(folder, 'gateway.yaml');
    const config = {
      doors: { host: '127.0.0.1', restPort, grpcPort, adminPort },
      fleets: { default: { backends: fleet.backends.map(({ url }) => url) } },
      shutdown: { graceMs: 0, drainMs: 500 },
      workers: 2,
    };
    const write = (more: object): void => writeFileSync(file, stringify({ ...config, ...more }));
    write({});
    const gateway = await startProcess(process.execPath, [main, 'serve', '--config', file], {
      ready: 'is serving',
      readyTimeoutMs: 60_000,
    });
    t.after(() => gateway.stop());
    const workers = (): number[] =>
      readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8')
        .split(' ')
        .filter((text) => text !== '')
        .map(Number);
    const predict = async (): Promise<number> => {
      const url = `http://127.0.0.1:${restPort}/v1/models/half_plus_two:predict`;
      // a connection of its own, so that every worker gets some
      const headers = { connection: 'close' };
      return (await fetch(url, { method: 'POST', headers, body: '{"instances":[1.0]}' })).status;
    };
    /** Kills these, and waits for as many others that serve. */
    const replace = async (victims: readonly number[]): Promise<void> => {
      for (const pid of victims) process.kill(pid, 'SIGKILL');
      await waitFor(
        () => workers().length === 2 && victims.every((pid) => !workers().includes(pid)),
        30_000,
        'other workers',
      );
      await waitFor(
        async () => {
          for (let i = 0; i < 20; i++) if ((await predict().catch(() => 0)) !== 200) return false;
          return true;
        },
        30_000,
        'answers',
      );
    };
    await waitFor(() => workers().length === 2, 30_000, 'two workers');
    return { gateway, config, file, write, workers, replace, restPort, adminPort };
  }
  const refusals = (output: string): number => output.split('"the new configuration is refused').length - 1;

  for (const [name, more] of [
    ['is wrong', { nope: 1 }],
    ['needs a restart', { workers: 3 }],
  ] as const) {
    it(`starts with what the others have when the file ${name}`, { timeout: 120_000 }, async (t) => {
      const { gateway, write, workers, replace } = await start(t);
      write(more);
      await waitFor(() => refusals(gateway.output()) === 1, 20_000, 'the refusal');
      await replace(workers().slice(0, 1));
      assert.equal(gateway.child.exitCode, null);
      // one more line where the other of the first two has looked only after the new one had begun
      const told = refusals(gateway.output());
      assert.ok(told <= 2, `${told} lines`);
      // those who knew of it are gone: the new ones have looked, too
      await replace(workers());
      await waitFor(() => refusals(gateway.output()) > told, 20_000, 'the refusal of the new ones');
      assert.equal(gateway.child.exitCode, null);
    });
  }

  it('starts when the file is gone, and nobody else is left', { timeout: 120_000 }, async (t) => {
    const { file, workers, replace } = await start(t);
    rmSync(file);
    await replace(workers());
  });

  it('starts with what a reload has brought', { timeout: 120_000 }, async (t) => {
    const { gateway, write, workers, replace, adminPort } = await start(t);
    const shown = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${adminPort}/api/config`, { headers: { connection: 'close' } })).text();
    write({ deadlines: { defaultMs: 12_345 } });
    await waitFor(
      async () => {
        for (let i = 0; i < 6; i++) if (!(await shown()).includes('12345')) return false;
        return true;
      },
      20_000,
      'the reload',
    );
    write({ nope: 1 });
    await waitFor(() => refusals(gateway.output()) === 1, 20_000, 'the refusal');
    await replace(workers());
    for (let i = 0; i < 6; i++) assert.match(await shown(), /12345/);
  });
});
