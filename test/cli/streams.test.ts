/**
 * Standard output and error that nobody reads, that are closed, or that a full disk is behind: the gateway serves on,
 * and ends.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { freePort, waitFor } from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tensorgate-streams-'));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly rest: number;
  readonly admin: number;
  /** Makes the file wrong, so that the next reload complains, or right again. */
  readonly spoil: (wrong: boolean) => void;
}

async function start(workers: number, stdio: ('pipe' | number)[]): Promise<Started> {
  const [restPort, grpcPort, adminPort] = [await freePort(), await freePort(), await freePort()];
  const file = join(folder, `${adminPort}.yaml`);
  const config = {
    doors: { host: '127.0.0.1', restPort, grpcPort, adminPort },
    fleets: { default: { backends: ['http://127.0.0.1:1'] } },
    telemetry: { accessLog: 'all' },
    shutdown: { graceMs: 0, drainMs: 500 },
    workers,
  };
  const spoil = (wrong: boolean): void => {
    writeFileSync(file, stringify(wrong ? { ...config, nope: 1 } : config));
  };
  spoil(false);
  const child = spawn(process.execPath, [main, 'serve', '--config', file], { stdio: ['ignore', ...stdio] });
  children.add(child);
  await waitFor(async () => (await fetch(`http://127.0.0.1:${adminPort}/healthz`)).ok, 60_000, 'the doors');
  return { child, rest: restPort, admin: adminPort, spoil };
}

/** Requests that fail, each with a line of about 400 bytes. */
async function call(rest: number, times: number): Promise<void> {
  const url = `http://127.0.0.1:${rest}/v3/${'m'.repeat(200)}`;
  for (let done = 0; done < times; done += 20)
    await Promise.all(Array.from({ length: 20 }, async () => (await fetch(url)).arrayBuffer()));
}

async function dropped(admin: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  return Number(/^tensorgate_log_lines_dropped_total (\d+)/m.exec(text)?.[1] ?? 0);
}

/** Within a bound, and in order. */
async function end({ child }: Started): Promise<void> {
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = new Promise((resolve) => setTimeout(resolve, 20_000, 'not ended').unref());
  assert.equal(await Promise.race([exited, late]), 0);
}

for (const workers of [1, 2]) {
  describe(`${workers} worker(s)`, () => {
    it('go on without readers of standard output and error', { timeout: 120_000 }, async () => {
      const started = await start(workers, ['pipe', 'pipe']);
      const { child, rest, admin, spoil } = started;
      const ended = (): boolean => child.exitCode !== null;
      child.stdout?.destroy();
      child.stderr?.destroy();
      spoil(true);
      child.kill('SIGHUP');
      await call(rest, 40);
      // a line for the refused reload, and one for each call
      await waitFor(async () => (await dropped(admin)) >= 41, 20_000, 'lines that are lost');
      assert.equal(ended(), false);
      await end(started);
    });

    it('go on and end while standard output is full', { timeout: 120_000 }, async () => {
      const started = await start(workers, ['pipe', 'pipe']);
      // far more than a pipe holds
      await call(started.rest, 1000);
      assert.equal(started.child.exitCode, null);
      await end(started);
    });

    it('go on while the disk is full', { timeout: 120_000 }, async () => {
      const full = openSync('/dev/full', 'w');
      const started = await start(workers, [full, full]);
      await call(started.rest, 40);
      await waitFor(async () => (await dropped(started.admin)) >= 40, 20_000, 'lines that are lost');
      await end(started);
    });
  });
}
