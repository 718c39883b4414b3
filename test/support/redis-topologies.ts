/** Real Redis servers as people run them: a cluster, and servers that Sentinels watch over. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, run, type RunningProcess, startProcess, waitFor } from './process.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { tool } from './tools.ts';

/** What redis-cli prints for a command at a port of this machine. */
export async function redisCli(port: number, ...words: string[]): Promise<string> {
  const { stdout } = await run('redis-cli', ['-p', String(port), ...words]);
  return stdout.trim();
}

export interface TestRedisCluster {
  readonly nodes: readonly TestRedis[];
  /** The ports of those that have slots, as the node at a port sees it. */
  primaries(port: number): Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** Three primaries with a replica each, which notice a node that is gone within a second or two. */
export async function startRedisCluster(): Promise<TestRedisCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-cluster-'));
  const nodes: TestRedis[] = [];
  for (let i = 0; i < 6; i++) {
    const args = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
    const file = ['--cluster-config-file', join(folder, `nodes-${i}.conf`), '--dir', folder];
    const times = ['--cluster-node-timeout', '1000', '--repl-diskless-sync-delay', '0'];
    nodes.push(await startRedis({ args: [...args, ...file, ...times] }));
  }
  const places = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...places, '--cluster-replicas', '1', '--cluster-yes']);
  const isWhole = async (port: number): Promise<boolean> =>
    (await redisCli(port, 'cluster', 'info')).includes('cluster_state:ok');
  for (const { port } of nodes)
    await waitFor(() => isWhole(port).catch(() => false), 20_000, 'a cluster that is whole');
  return {
    nodes,
    async primaries(port) {
      const known = await redisCli(port, 'cluster', 'nodes');
      return known
        .split('\n')
        .filter((line) => /master/.test(line) && !/fail/.test(line) && / \d+-\d+/.test(line))
        .map((line) => Number(/:(\d+)@/.exec(line)?.[1]));
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      rmSync(folder, { recursive: true });
    },
  };
}

export interface TestSentinels {
  readonly servers: readonly [TestRedis, TestRedis];
  /** "redis-sentinel://..." */
  readonly url: string;
  /** The port of the primary, as the first Sentinel says. */
  primary(): Promise<number>;
  /** Asks for the other server to be the primary. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

/** A primary, its replica, and two Sentinels of which one is enough to see that the primary is gone. */
export async function startSentinels(): Promise<TestSentinels> {
  const path = tool('redis-server');
  if (path === undefined) throw new Error('redis-server is not installed: run scripts/test-tools.sh');
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-sentinels-'));
  const first = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const second = await startRedis({ args: ['--replicaof', `127.0.0.1 ${first.port}`] });
  const sentinels: { port: number; process: RunningProcess }[] = [];
  for (let i = 0; i < 2; i++) {
    const port = await freePort();
    const file = join(folder, `sentinel-${i}.conf`);
    writeFileSync(
      file,
      `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor models 127.0.0.1 ${first.port} 1\n` +
        'sentinel down-after-milliseconds models 500\nsentinel failover-timeout models 2000\n',
    );
    const process = await startProcess(path, [file, '--sentinel'], { ready: '+monitor', cwd: folder });
    sentinels.push({ port, process });
  }
  const one = sentinels[0] as { port: number };
  await waitFor(
    async () => (await redisCli(one.port, 'sentinel', 'replicas', 'models')).includes(String(second.port)),
    30_000,
    'a Sentinel that knows the replica',
  );
  return {
    servers: [first, second],
    url: `redis-sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/0?master=models`,
    async primary() {
      const answer = await redisCli(one.port, 'sentinel', 'get-master-addr-by-name', 'models');
      return Number(answer.split('\n')[1]);
    },
    async failover() {
      await redisCli(one.port, 'sentinel', 'failover', 'models');
    },
    async stop() {
      await Promise.all([...sentinels.map(({ process }) => process.kill()), first.kill(), second.kill()]);
      rmSync(folder, { recursive: true });
    },
  };
}
