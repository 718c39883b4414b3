/** Draining with two workers: one admin door is asked, both processes do it, and so does one that starts later. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDemoServer } from '../../src/demo/index.ts';
import { freePort, run, startProcess, waitFor } from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

it('draining reaches every worker, and one that takes the place of another', async () => {
  const server = await startDemoServer({ models: ['half_plus_two'] });
  const backend = `127.0.0.1:${server.port}`;
  const [rest, grpc, admin] = await Promise.all([freePort(), freePort(), freePort()]);
  const file = join(mkdtempSync(join(tmpdir(), 'tensorgate-drains-')), 'gateway.yaml');
  writeFileSync(
    file,
    'doors: { adminActions: true, host: 127.0.0.1 }\nworkers: 2\nshutdown: { graceMs: 0 }\n',
  );
  const ports = ['--rest-port', String(rest), '--grpc-port', String(grpc), '--admin-port', String(admin)];
  const flags = ['serve', '--config', file, '--backend', `tfs://${backend}`, ...ports];
  const gateway = await startProcess(process.execPath, [main, ...flags], { ready: /admin +http/ });
  const url = `http://127.0.0.1:${admin}`;
  /** Each connection may be another worker's: whether it has the backend drained, by process id. */
  const ask = async (): Promise<[pid: number, drained: boolean]> => {
    // the two answers come over one connection, so from one process
    const { stdout } = await run('curl', ['-s', '-m', '2', `${url}/api/version`, `${url}/api/fleet`]);
    return [Number(/"pid": (\d+)/.exec(stdout)?.[1]), stdout.includes('"drained": true')];
  };
  const everyWorker = (wanted: boolean, not = 0): Promise<number[]> =>
    waitFor(
      async () => {
        const seen = new Map<number, boolean>();
        for (let i = 0; i < 6; i++) seen.set(...(await ask()));
        // a connection that was given to the worker that is killed gets no answer
        seen.delete(Number.NaN);
        const pids = [...seen.keys()];
        return (
          pids.length === 2 &&
          !seen.has(not) &&
          [...seen.values()].every((drained) => drained === wanted) &&
          pids
        );
      },
      45_000,
      `two workers with drained ${wanted}`,
    );
  try {
    await everyWorker(false);
    const drain = (drained: boolean): Promise<Response> =>
      fetch(`${url}/api/fleets/default/backends/${backend}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ drained }),
      });
    assert.equal((await drain(true)).status, 200);
    const [first] = await everyWorker(true);
    process.kill(first ?? 0, 'SIGKILL');
    await everyWorker(true, first);
    assert.equal((await drain(false)).status, 200);
    await everyWorker(false);
  } finally {
    await gateway.stop();
    await server.stop();
  }
});
