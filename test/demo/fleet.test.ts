/** A fleet is processes that start, answer, can be killed and restarted, and leave nothing behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../src/base/status.ts';
import { startDemoFleet } from '../../src/demo/index.ts';
import { floatTensor } from '../../src/demo/tensors.ts';
import { rawClient } from './client.ts';
import { control } from './control.ts';

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function gone(pids: readonly number[]): Promise<boolean> {
  for (const until = Date.now() + 5000; Date.now() < until; await sleep(20))
    if (!pids.some(alive)) return true;
  return false;
}

const x = floatTensor([1], [1]);

describe('startDemoFleet', () => {
  it('starts replicas that answer with their names, and stop leaves no process, stopped ones included', async () => {
    const fleet = await startDemoFleet({ replicas: 2, models: ['half_plus_two'] });
    const pids = fleet.backends.map(({ pid }) => pid);
    try {
      for (const backend of fleet.backends) {
        assert.equal(backend.url, `tfs://127.0.0.1:${backend.port}`);
        const client = rawClient(backend.port);
        await client.predict({ name: 'half_plus_two' }, { x });
        client.close();
        const state = await control(backend.control);
        assert.equal(state.name, backend.name);
        assert.equal(state.pid, backend.pid);
      }
      fleet.backends[1]?.signal('SIGSTOP');
    } finally {
      await fleet.stop();
    }
    assert.ok(await gone(pids));
  });

  it('a killed replica can be restarted on its ports', async () => {
    const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    try {
      const [backend] = fleet.backends;
      assert.ok(backend !== undefined);
      const { pid, port, control: url } = backend;
      backend.signal('SIGKILL');
      assert.ok(await gone([pid]));
      await backend.restart();
      assert.notEqual(backend.pid, pid);
      assert.equal(backend.port, port);
      assert.equal(backend.control, url);
      const client = rawClient(port);
      await client.predict({ name: 'half_plus_two' }, { x });
      client.close();
    } finally {
      await fleet.stop();
    }
  });

  it('flags reach one replica, and a bad one is said and leaves nothing running', async () => {
    const fleet = await startDemoFleet({
      replicas: 2,
      models: ['half_plus_two'],
      flags: (index) => (index === 1 ? ['--fail-rate', '1', '--fail-code', 'ABORTED'] : []),
    });
    try {
      const clients = fleet.backends.map(({ port }) => rawClient(port));
      await clients[0]?.predict({ name: 'half_plus_two' }, { x });
      await assert.rejects(clients[1]!.predict({ name: 'half_plus_two' }, { x }), { code: Code.ABORTED });
      for (const client of clients) client.close();
    } finally {
      await fleet.stop();
    }
    await assert.rejects(
      startDemoFleet({ replicas: 2, models: ['nothing'] }),
      /demo server ended at its start: demo server: unknown model "nothing"/,
    );
  });

  it('the replicas die with their parent, even when it is killed', async () => {
    const source = `
      import { startDemoFleet } from ${JSON.stringify(new URL('../../src/demo/index.ts', import.meta.url).href)};
      const fleet = await startDemoFleet({ replicas: 2, models: ['echo'] });
      console.log(JSON.stringify(fleet.backends.map(({ pid }) => pid)));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const pids = JSON.parse(line) as number[];
    assert.equal(pids.filter(alive).length, 2);
    parent.kill('SIGKILL');
    assert.ok(await gone(pids));
  });
});
