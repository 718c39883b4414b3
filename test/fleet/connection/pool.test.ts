/**
 * The connections to one backend: as many as its stream limit asks for, a bounded queue, and GOAWAY that nobody
 * notices.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { StatusError } from '../../../src/base/status.ts';
import { Cancellation } from '../../../src/call/index.ts';
import { Pool } from '../../../src/fleet/connection/pool.ts';
import type { ConnectionOptions } from '../../../src/fleet/options.ts';
import { defaultClientLimits, type Http2Client, type Stream } from '../../../src/wire/index.ts';
import { waitFor } from '../../support/index.ts';
import { grpcFields, startWireServer, type WireServer } from '../../support/wire.ts';

const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

const options: ConnectionOptions = {
  connectTimeoutMs: 1000,
  hungAfterMs: 1000,
  maxConnections: 3,
  maxQueue: 2,
  http2: defaultClientLimits,
};

/** A server whose calls stay open until a test ends them, and a pool to it. */
async function setUp(maxConcurrentStreams: number): Promise<{
  server: WireServer;
  pool: Pool;
  queue: number[];
  limits: string[];
  lost: StatusError[];
}> {
  const server = await startWireServer(() => ({}), { maxConcurrentStreams });
  const queue: number[] = [];
  const limits: string[] = [];
  const lost: StatusError[] = [];
  const address = { name: 'b', host: '127.0.0.1', port: server.port, api: 'tfs' } as const;
  const events = {
    onLost: (reason: StatusError) => void lost.push(reason),
    onLimit: (name: string) => void limits.push(name),
    onQueue: (waiting: number) => void queue.push(waiting),
  };
  const pool = new Pool(address, options, events, () => performance.now());
  closers.push(() => {
    pool.close(false);
    server.close();
  });
  return { server, pool, queue, limits, lost };
}

/** A connection with room for a stream, now or later. */
const acquire = (pool: Pool): Promise<Http2Client> =>
  Promise.resolve(pool.acquire() ?? pool.wait(new Cancellation(), (client) => Promise.resolve(client)));

const ignored = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

function open(client: Http2Client): Stream {
  return client.request(grpcFields('/a.B/C'), [], true, ignored);
}

describe('the pool of a backend', () => {
  it('opens another connection when the backend’s stream limit binds, and tells how many calls wait', async () => {
    const { server, pool, queue, limits } = await setUp(2);
    const streams: Stream[] = [];
    for (let i = 0; i < 6; i++) streams.push(open(await acquire(pool)));
    assert.equal(server.accepted, 3);
    assert.equal(pool.connections, 3);

    const waiting = [acquire(pool), acquire(pool)];
    assert.equal(queue.at(-1), 2);
    await assert.rejects(async () => acquire(pool), /2 calls wait for it already/);
    assert.deepEqual(limits, ['queue']);

    streams[0]?.reset(8);
    streams[1]?.reset(8);
    await Promise.all(waiting);
    assert.equal(queue.at(-1), 0);
    assert.equal(server.accepted, 3);
  });

  it('keeps to one connection while that has room', async () => {
    const { server, pool } = await setUp(100);
    assert.deepEqual(pool.states, []);
    const connected = pool.connect();
    assert.deepEqual(pool.states, ['connecting']);
    await connected;
    assert.deepEqual(pool.states, ['ready']);
    for (let i = 0; i < 50; i++) open(await acquire(pool));
    assert.equal(server.accepted, 1);
  });

  it('takes a connection that was told to go out of use, and lets its calls finish', async () => {
    const { server, pool, lost } = await setUp(100);
    const first = await acquire(pool);
    const stream = open(first);
    await waitFor(() => server.requests.length === 1);
    for (const connection of server.connections) connection.shutdown();
    await waitFor(() => first.draining);
    const second = await acquire(pool);
    assert.notEqual(second, first);
    assert.equal(first.openStreams, 1);
    assert.deepEqual(pool.states, ['ready', 'draining']);
    stream.reset(8);
    await waitFor(() => pool.states.length === 1);
    assert.deepEqual(lost, []);
  });

  it('has the next connection ready when one is told to go, before a call asks for it', async () => {
    const { server, pool, lost } = await setUp(100);
    open(await acquire(pool));
    await waitFor(() => server.requests.length === 1);
    for (const connection of server.connections) connection.shutdown();
    await waitFor(() => server.accepted === 2);
    await waitFor(() => pool.connections === 1);
    assert.notEqual(pool.acquire(), undefined, 'a call does not wait');
    assert.deepEqual(lost, []);
  });

  it('puts the next attempt off when a connection is told to go before it was of use', async () => {
    let greeted = 0;
    const { server, pool } = await setUp(100);
    server.onConnection = (connection) => {
      greeted++;
      connection.shutdown();
    };
    const startMs = performance.now();
    const waiting = acquire(pool).catch(() => undefined);
    await waitFor(() => greeted >= 5);
    await waitFor(() => pool.states.includes('backoff'));
    // 25, 50, 100 and 200 ms, a fifth less at the least; a busy machine only makes it more
    assert.ok(performance.now() - startMs > 295, `${performance.now() - startMs} ms`);
    pool.close(false);
    assert.ok(!pool.states.includes('backoff'), 'no attempt follows');
    await waiting;
  });

  it('does not let calls wait for a backend that finishes old ones and takes no new connections', async () => {
    const { server, pool, lost } = await setUp(100);
    const first = await acquire(pool);
    open(first);
    await waitFor(() => server.requests.length === 1);
    // a server that is being stopped: it answers what it has begun, and listens no more
    server.refuse();
    for (const connection of server.connections) connection.shutdown();
    await waitFor(() => lost.length > 0);
    assert.equal(pool.connections, 0, 'none that takes calls');
    assert.deepEqual(pool.states, ['draining']);
    await assert.rejects(
      async () => acquire(pool),
      (error: unknown) =>
        error instanceof StatusError &&
        error.disposition === 'not-started' &&
        /connection refused/.test(error.message),
    );
    assert.equal(first.openStreams, 1, 'the old call goes on');
  });

  it('counts connections that only finish their calls for nothing', async () => {
    const { server, pool } = await setUp(100);
    for (let i = 1; i <= 4; i++) {
      open(await acquire(pool));
      await waitFor(() => server.requests.length === i);
      for (const connection of server.connections) connection.shutdown();
      await waitFor(() => pool.connections === 1 && server.accepted === i + 1);
    }
    assert.equal(server.connections.size, 5, 'four of them are beyond what may be open for new calls');
  });

  it('fails those that wait when no connection comes about, surely not started', async () => {
    const { server, pool, lost } = await setUp(100);
    server.close();
    await assert.rejects(
      async () => acquire(pool),
      (error: unknown) =>
        error instanceof StatusError &&
        error.disposition === 'not-started' &&
        /connection refused/.test(error.message),
    );
    assert.equal(lost.length, 1);
  });
});
