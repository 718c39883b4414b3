/** Redis as people run it: a cluster, Sentinels, and one address whose primary moves while connections stay. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { silentLog } from '../../../src/base/log.ts';
import { monotonic } from '../../../src/base/loop-clock.ts';
import { redisRates, RedisStore, type SharedRates } from '../../../src/filters/index.ts';
import {
  freePort,
  missing,
  redisCli,
  sleep,
  startRedis,
  startRedisCluster,
  startSentinels,
  type TestRedisCluster,
  type TestSentinels,
  waitFor,
} from '../../support/index.ts';

const times = { timeoutMs: 250, connectTimeoutMs: 1000, breakerMs: 5000 };
/** After the servers have settled who the primary is. */
const seenWithinMs = 1200;

let lines: string[] = [];
const log = {
  ...silentLog,
  warn: (fields: object, text: string) => void lines.push(`${text} ${JSON.stringify(fields)}`),
  info: (_: object, text: string) => void lines.push(text),
};
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
  lines = [];
});

async function storeOf(url: string): Promise<RedisStore> {
  const store = new RedisStore(
    { url, ...times, maxGets: 1000, maxSets: 1000, maxSetBytes: 1_000_000 },
    { clock: monotonic, log },
  );
  open.push(store);
  await waitFor(() => store.up, 10_000, 'the store');
  return store;
}

async function ratesOf(url: string): Promise<SharedRates & { readonly up: boolean }> {
  const rates = redisRates(
    { url, ...times, waitMs: 250, maxAsks: 1000, keyPrefix: 'test:' },
    { clock: monotonic, log },
  );
  open.push(rates);
  await waitFor(() => rates.up, 10_000, 'the rates');
  return rates;
}

const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
const value = Buffer.from('v');
const put = (store: RedisStore, key: string): Promise<string> => store.set(key, value, 60_000);
const holds = async (store: RedisStore, key: string): Promise<boolean> =>
  Buffer.from((await store.get(key, 10)) as Buffer).equals(value);
/** All keys can be written and read. */
const worksFor = async (store: RedisStore, some: readonly string[] = keys): Promise<boolean> => {
  for (const key of some)
    if ((await put(store, key)) !== 'stored' || !(await holds(store, key))) return false;
  return true;
};

describe('a Redis Cluster', { skip: missing('redis-server') }, () => {
  let cluster: TestRedisCluster;
  before(async () => void (cluster = await startRedisCluster()));
  after(() => cluster.stop());
  const port = (i: number): number => cluster.nodes[i]?.port ?? 0;

  for (const [name, url] of [
    ['by the address of one of its nodes', () => `redis://127.0.0.1:${port(0)}`],
    ['by several nodes, one of them gone', () => `redis-cluster://127.0.0.1:1,127.0.0.1:${port(4)}`],
  ] as const)
    it(`${name}: every key is stored where it belongs`, async () => {
      const store = await storeOf(url());
      await waitFor(() => worksFor(store), 10_000, 'all keys');
      const answers = await Promise.all(keys.map((key) => holds(store, key)));
      assert.deepEqual(answers.filter(Boolean).length, keys.length);
    });

  it('is one for shared limits, whatever they go by', async () => {
    const both = [
      await ratesOf(`redis://127.0.0.1:${port(1)}`),
      await ratesOf(`redis://127.0.0.1:${port(2)}`),
    ];
    const cell = { emissionMs: 600_000, toleranceMs: 600_000 * 21 };
    const take = (i: number): Promise<{ kind: string }> =>
      (both[i % 2] as SharedRates).take([
        { ...cell, name: 'all', key: '' },
        { ...cell, toleranceMs: 1e12, name: 'other', key: `k${i}` },
      ]);
    await waitFor(async () => (await take(0)).kind === 'taken' && (await take(1)).kind === 'taken', 10_000);
    const kinds: string[] = [];
    for (let i = 0; i < 40; i++) kinds.push((await take(i)).kind);
    assert.equal(kinds.filter((kind) => kind === 'unknown').length, 0);
    assert.ok(kinds.filter((kind) => kind === 'taken').length <= 20, kinds.join());
    assert.equal(kinds.at(-1), 'refused');
  });

  it('moves slots between nodes, and no key is missed meanwhile', { timeout: 60_000 }, async () => {
    const store = await storeOf(`redis://127.0.0.1:${port(0)}`);
    await waitFor(() => worksFor(store), 10_000, 'all keys');
    const idOf = async (i: number): Promise<string> => redisCli(port(i), 'cluster', 'myid');
    const moved = redisCli(
      port(0),
      '--cluster',
      'reshard',
      `127.0.0.1:${port(0)}`,
      '--cluster-from',
      await idOf(0),
      '--cluster-to',
      await idOf(1),
      '--cluster-slots',
      '1000',
      '--cluster-yes',
    );
    let over = false;
    void moved.finally(() => (over = true));
    const missed = new Set<string>();
    do for (const key of keys) if (!(await holds(store, key))) missed.add(key);
    while (!over);
    await moved;
    assert.deepEqual([...missed], []);
    assert.ok(await worksFor(store));
  });

  it('loses a primary: the keys of others go on, and its own are back as soon as the cluster is whole', async (t) => {
    const store = await storeOf(`redis://127.0.0.1:${port(0)}`);
    await waitFor(() => worksFor(store), 10_000, 'all keys');
    const victim = cluster.nodes[2];
    await victim?.kill();
    await waitFor(() => lines.length > 0, 5000, 'the loss to be seen');
    const startMs = performance.now();
    const during = await Promise.all(keys.map((key) => store.get(key, 10)));
    assert.ok(performance.now() - startMs < 200, 'nobody waits for a node that is gone');
    assert.ok(during.filter((answer) => typeof answer !== 'string').length > keys.length / 3, during.join());
    await waitFor(
      async () => {
        const primaries = await cluster.primaries(port(0));
        return primaries.length === 3 && !primaries.includes(port(2));
      },
      30_000,
      'a cluster that is whole again',
    );
    const wholeMs = performance.now();
    await waitFor(() => worksFor(store), 10_000, 'all keys');
    const tookMs = performance.now() - wholeMs;
    t.diagnostic(`all keys are back ${tookMs.toFixed()} ms after the cluster is whole`);
    assert.ok(tookMs < seenWithinMs, `${tookMs.toFixed()} ms`);
    assert.equal(
      lines.filter((line) => line.includes(`is down: 127.0.0.1:${victim?.port}`)).length,
      1,
      lines.join('\n'),
    );
  });
});

describe('Redis with Sentinels', { skip: missing('redis-server') }, () => {
  let sentinels: TestSentinels;
  before(async () => void (sentinels = await startSentinels()));
  after(() => sentinels.stop());

  it(
    'is found, and found again after a failover and after the death of its primary',
    { timeout: 90_000 },
    async (t) => {
      const store = await storeOf(sentinels.url);
      assert.ok(await worksFor(store));
      const before_ = await sentinels.primary();
      await sentinels.failover();
      await waitFor(async () => (await sentinels.primary()) !== before_, 30_000, 'another primary');
      const switchedMs = performance.now();
      await waitFor(() => worksFor(store), 10_000, 'all keys');
      const tookMs = performance.now() - switchedMs;
      // the one that was the primary has to be a replica before it can be one again
      await waitFor(
        async () => (await redisCli(before_, 'info', 'replication')).includes('master_link_status:up'),
        20_000,
      );
      await sleep(1000);
      const now = await sentinels.primary();
      await sentinels.servers.find(({ port }) => port === now)?.kill();
      await waitFor(async () => (await sentinels.primary()) !== now, 30_000, 'a primary in its place');
      const killedMs = performance.now();
      await waitFor(() => worksFor(store), 10_000, 'all keys');
      const tookToo = performance.now() - killedMs;
      t.diagnostic(
        `usable ${tookMs.toFixed()} and ${tookToo.toFixed()} ms after the Sentinels had named another primary`,
      );
      assert.ok(Math.max(tookMs, tookToo) < seenWithinMs);
    },
  );

  it('says which name the Sentinels do not know', async () => {
    const store = new RedisStore(
      { url: sentinels.url.replace('=models', '=others'), ...times, maxGets: 1, maxSets: 1, maxSetBytes: 1 },
      { clock: monotonic, log },
    );
    open.push(store);
    await waitFor(() => lines.length > 0, 5000);
    assert.match(lines[0] ?? '', /no Sentinel says where the primary is: .* knows no servers named others/);
  });
});

describe(
  'one address whose primary changes while connections stay',
  { skip: missing('redis-server') },
  () => {
    it(
      'is dialled again, for the cache and for shared limits, and said once',
      { timeout: 60_000 },
      async (t) => {
        const first = await startRedis();
        const second = await startRedis({ args: ['--replicaof', `127.0.0.1 ${first.port}`] });
        let leadsTo = first.port;
        const sockets = new Set<Socket>();
        const address = await freePort();
        const balancer = createServer((socket) => {
          const upstream = connect(leadsTo, '127.0.0.1');
          for (const each of [socket, upstream]) {
            sockets.add(each);
            each.on('error', () => undefined);
          }
          socket.pipe(upstream).pipe(socket);
        }).listen(address, '127.0.0.1');
        t.after(async () => {
          balancer.close();
          for (const socket of sockets) socket.destroy();
          await first.kill();
          await second.kill();
        });
        const url = `redis://127.0.0.1:${address}`;
        const store = await storeOf(url);
        const rates = await ratesOf(url);
        assert.ok(await worksFor(store));
        const cell = { name: 'all', key: '', emissionMs: 600_000, toleranceMs: 600_000 * 21 };
        const taken: string[] = [(await rates.take([cell])).kind];
        await waitFor(async () =>
          (await redisCli(second.port, 'info', 'replication')).includes('master_link_status:up'),
        );
        // as a managed service does it: the name leads to the new primary, open connections stay where they are
        await redisCli(second.port, 'replicaof', 'no', 'one');
        await redisCli(first.port, 'replicaof', '127.0.0.1', String(second.port));
        const movedMs = performance.now();
        // for a while the name still leads to the old one
        await waitFor(
          async () => (await put(store, 'k')) !== 'stored' && (await rates.take([cell])).kind === 'unknown',
        );
        leadsTo = second.port;
        const ledMs = performance.now();
        await waitFor(() => worksFor(store, ['k']), 10_000, 'writes');
        await waitFor(
          async () => {
            const { kind } = await rates.take([cell]);
            if (kind === 'taken') taken.push(kind);
            return kind === 'taken';
          },
          10_000,
          'shared limits',
        );
        const tookMs = performance.now() - ledMs;
        t.diagnostic(
          `${(ledMs - movedMs).toFixed()} ms at the replica; writes ${tookMs.toFixed()} ms after the address had moved`,
        );
        assert.ok(tookMs < seenWithinMs, `${tookMs.toFixed()} ms`);
        for (let i = 0; i < 40; i++) if ((await rates.take([cell])).kind === 'taken') taken.push('taken');
        assert.ok(taken.length <= 22, `${taken.length} calls of 22`);
        const said = lines.filter((line) => line.includes('cache'));
        assert.deepEqual(said.length, 2, said.join('\n'));
        assert.match(said[0] ?? '', /the response cache is down.*(READONLY|replica)/);
        assert.match(said[1] ?? '', /is back/);
      },
    );
  },
);

describe('a Redis that refuses', { skip: missing('redis-server') }, () => {
  it('commands that the user may not give, or writes for want of memory, is named once', async (t) => {
    const redis = await startRedis();
    t.after(() => redis.kill());
    await redisCli(redis.port, 'acl', 'setuser', 'reader', 'on', '>pw', '~*', '+ping', '+getrange');
    const reader = await storeOf(`redis://reader:pw@127.0.0.1:${redis.port}`);
    for (let i = 0; i < 10; i++) await put(reader, `k${i}`);
    await sleep(1100);
    await put(reader, 'k');
    assert.equal(await reader.get('k', 10), 'absent');
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0] ?? '', /the Redis of the response cache refuses a command .*NOPERM/);
    const store = await storeOf(redis.url);
    await redisCli(redis.port, 'config', 'set', 'maxmemory', '1');
    for (let i = 0; i < 10; i++) await put(store, `k${i}`);
    assert.equal(lines.length, 2, lines.join('\n'));
    assert.match(lines[1] ?? '', /refuses a command .*OOM/);
    assert.ok(store.up, 'it can be read from');
  });
});
