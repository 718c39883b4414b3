/**
 * A whole fleet over real servers in this process: checks of other kinds, warm-up, stale knowledge, draining,
 * reloads.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { Code, StatusError } from '../../src/base/status.ts';
import { Cancellation, Flow, type Reply, silentObserver, statusOf } from '../../src/call/index.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { type BackendAddress, Fleet, type FleetOptions } from '../../src/fleet/index.ts';
import { nonceRequest } from '../journeys/history.ts';
import { method, readAll, streamCall, unaryCall, waitFor } from '../support/index.ts';
import {
  predictReply,
  rawAnswer,
  type RawBackend,
  type RawCall,
  startRawBackend,
} from '../support/raw-backend.ts';
import { optionsOf } from './options.ts';

const addressOf = ({ port }: { port: number }): BackendAddress => ({
  name: `127.0.0.1:${port}`,
  host: '127.0.0.1',
  port,
  api: 'tfs',
});

describe('a fleet', () => {
  let servers: DemoServer[] = [];
  let fleet: Fleet | undefined;
  afterEach(async () => {
    fleet?.stop(false);
    fleet = undefined;
    await Promise.all(servers.map((server) => server.stop()));
    servers = [];
  });

  async function start(count: number): Promise<DemoServer[]> {
    for (let i = 0; i < count; i++) servers.push(await startDemoServer({ models: ['echo'] }));
    return servers;
  }
  async function startFleet(options: FleetOptions): Promise<Fleet> {
    fleet = new Fleet(options, {
      observer: silentObserver,
      log: silentLog,
      clock: () => performance.now(),
      random: Math.random,
      reserveProbe: () => 0,
    });
    await fleet.start();
    return fleet;
  }
  const echo = (of: Fleet): Promise<Reply> =>
    of.handler(unaryCall(nonceRequest('echo', 7n), { target: { model: 'echo', signature: 'int64' } }));
  const codeOf = async (reply: Reply): Promise<number> => statusOf((await readAll(reply.body)).trailers);
  const predicts = (server: DemoServer | undefined): number =>
    server?.record.counts().get('Predict echo') ?? 0;

  it('takes a model that somebody has loaded anew for another one, though nobody saw it away', async () => {
    const [server] = await start(1);
    assert.ok(server !== undefined);
    const of = await startFleet(optionsOf([addressOf(server)]));
    assert.equal(await codeOf(await echo(of)), Code.OK);
    const version = of.defaultVersion('echo') ?? 0n;
    const before = of.incarnation('echo', version);
    of.everyone.changed('another');
    assert.equal(of.incarnation('echo', version), before);
    of.everyone.changed('echo');
    assert.notEqual(of.incarnation('echo', version), before);
  });

  it('asks another backend when one has lost the model since the last look', async () => {
    const [a, b] = await start(2);
    const { health, ...rest } = optionsOf(servers.map(addressOf));
    const of = await startFleet({ ...rest, health: { ...health, intervalMs: 60_000 } });
    a?.registry.unload('echo', 1n);
    for (let i = 0; i < 6; i++) assert.equal(await codeOf(await echo(of)), Code.OK);
    // one call found it out, and the look that it started told the rest
    assert.ok((a?.record.misdirected ?? 0) <= 2, String(a?.record.misdirected));
    assert.ok(predicts(b) >= 6);
  });

  it('lets all who ask for a model that is new wait until more than one backend has spoken', async () => {
    // the first to say anything has another version than the others
    servers.push(await startDemoServer({ models: ['echo=half_plus_two'] }));
    for (let i = 0; i < 2; i++)
      servers.push(await startDemoServer({ models: ['echo'], faults: { latencyMs: 100, scope: 'all' } }));
    const of = await startFleet(optionsOf(servers.map(addressOf), { models: [] }));
    const first = echo(of);
    await waitFor(() => of.knows('echo'));
    const codes = await Promise.all(
      [first, echo(of), echo(of), echo(of)].map(async (reply) => codeOf(await reply)),
    );
    assert.deepEqual(codes, [Code.OK, Code.OK, Code.OK, Code.OK]);
    assert.equal(predicts(servers[0]), 0);
  });

  it('replays a recorded request to a model that comes up, before it gets calls', async () => {
    const [a, b] = await start(2);
    const of = await startFleet(
      optionsOf(servers.map(addressOf), { warmUp: { requests: 3, timeoutMs: 1000, maxBytes: 10_000 } }),
    );
    b?.registry.unload('echo', 1n);
    await waitFor(() => of.models()[0]?.available === 1);
    assert.equal(await codeOf(await echo(of)), Code.OK);
    const before = predicts(b);
    b?.registry.load('echo', 1n);
    await waitFor(() => predicts(b) === before + 3, 20_000, 'three replays');
    assert.ok(predicts(a) >= 1);
  });

  it('takes out a backend that an operator drains, and keeps it out over a reload', async () => {
    const [a] = await start(2);
    const options = optionsOf(servers.map(addressOf));
    const of = await startFleet(options);
    assert.equal(of.setDrained(addressOf(a as DemoServer).name, true), true);
    await of.update({ ...options, ejection: { ...options.ejection, baseMs: 1 } });
    const before = predicts(a);
    for (let i = 0; i < 10; i++) await echo(of);
    assert.equal(predicts(a), before);
    assert.equal(of.setDrained('nobody:1', true), false);
  });

  it('gives a terminating backend no new call while another serves, and all when none does', async (t) => {
    const held: RawCall[] = [];
    let holds = true;
    const answer = (call: RawCall): void => void call.send(rawAnswer(call.id, predictReply));
    const leaving = await startRawBackend({
      onCall: (call) => void (holds ? held.push(call) : answer(call)),
    });
    const staying = await startRawBackend({ onCall: answer });
    t.after(() => {
      leaving.close();
      staying.close();
    });
    const [old, other] = [leaving, staying].map(({ url }) =>
      addressOf({ port: Number(new URL(url).port) }),
    ) as [BackendAddress, BackendAddress];
    const options = optionsOf([old]);
    const reload = (...backends: BackendAddress[]): Promise<void> =>
      of.update({ ...options, sources: [{ kind: 'fixed', backends }] });
    const of = await startFleet(options);
    const first = echo(of);
    await waitFor(() => held.length === 1);
    await reload({ ...old, terminating: true }, other);
    await waitFor(() => of.state('echo')?.available === 2, 20_000, 'both to serve');
    const names = async (): Promise<Set<string>> =>
      new Set(await Promise.all(Array.from({ length: 10 }, async () => (await echo(of)).from)));
    assert.deepEqual(await names(), new Set([other.name]));
    assert.deepEqual(
      of.backends().map(({ name, terminating, inFlight }) => [name, terminating, inFlight]),
      [
        [old.name, true, 1],
        [other.name, undefined, 0],
      ],
    );
    // a call of no model, too
    const health = unaryCall(Buffer.alloc(0), { method: method('/a.B/C'), target: undefined });
    assert.equal((await of.handler(health)).from, other.name);
    holds = false;
    for (const call of held) answer(call);
    assert.equal(await codeOf(await first), Code.OK, 'what was under way has ended well');
    await reload({ ...old, terminating: true });
    assert.deepEqual(await names(), new Set([old.name]));
    await reload({ ...old, terminating: true }, { ...other, terminating: true });
    await waitFor(() => of.state('echo')?.available === 2, 20_000, 'both to serve');
    assert.deepEqual(await names(), new Set([old.name, other.name]));
  });

  it('has no room for a call of no model while only a drained backend has any', async () => {
    const [full, drained] = await start(2);
    assert.ok(full !== undefined && drained !== undefined);
    const { concurrency, ...rest } = optionsOf(servers.map(addressOf));
    const of = await startFleet({ ...rest, concurrency: { ...concurrency, maxStreams: 1 } });
    const stream = streamCall({ method: method('/a.B/C', { streaming: true }), target: undefined });
    assert.equal(of.hasCapacity(stream), true);
    of.setDrained(addressOf(drained).name, true);
    const open = of.handler(stream).catch(() => undefined);
    assert.equal(of.hasCapacity(streamCall({ ...stream, request: new Flow() })), false);
    stream.cancellation.cancel();
    await open;
  });

  it('keeps connections over a reload, unless their settings change', async () => {
    const [a] = await start(1);
    const options = optionsOf(servers.map(addressOf));
    const of = await startFleet(options);
    await echo(of);
    const ofServer = a as DemoServer;
    assert.equal(ofServer.connections, 1);
    await of.update({ ...options, balance: { ...options.balance, policy: 'peak-ewma' } });
    await echo(of);
    assert.equal(ofServer.connections, 1);
    await of.update({ ...options, connection: { ...options.connection, maxQueue: 7 } });
    assert.equal(await codeOf(await echo(of)), Code.OK);
    await waitFor(() => ofServer.connections === 1, 20_000, 'the old connection to end');
  });

  it('watches servers by grpc.health.v1 when asked to', async () => {
    await start(1);
    const { health } = optionsOf([]);
    const check = { ...health, check: 'grpc' as const };
    const of = await startFleet(optionsOf(servers.map(addressOf), { health: check }));
    assert.equal(of.backends()[0]?.up, true);
    assert.equal(await codeOf(await echo(of)), Code.OK);
    of.stop(false);
    const other = await startFleet(
      optionsOf(servers.map(addressOf), { health: { ...check, service: 'no.such.Service' } }),
    );
    assert.equal(other.backends()[0]?.up, false);
    assert.match(other.backends()[0]?.reason ?? '', /health check/);
  });

  it('watches servers by an HTTP path when asked to', async () => {
    await start(1);
    let answer = 200;
    const http: Server = createServer((_, response) => void response.writeHead(answer).end());
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const { health } = optionsOf([]);
    const check = { ...health, check: 'http' as const, path: '/ready', port, intervalMs: 50 };
    const of = await startFleet(optionsOf(servers.map(addressOf), { health: check }));
    assert.equal(of.backends()[0]?.up, true);
    answer = 503;
    await waitFor(() => of.backends()[0]?.up === false, 20_000, 'the 503 to be seen');
    assert.match(of.backends()[0]?.reason ?? '', /HTTP status 503/);
    answer = 200;
    await waitFor(() => of.backends()[0]?.up === true, 20_000, 'the return');
    http.close();
  });

  it('says who cannot answer, and why', async () => {
    const [a] = await start(1);
    const of = await startFleet(optionsOf(servers.map(addressOf)));
    const dead = addressOf(a as DemoServer);
    await a?.stop();
    servers = [];
    await waitFor(() => of.backends()[0]?.reason.includes('refused') === true, 20_000, 'the refusal');
    await assert.rejects(echo(of), (error: unknown) => {
      assert.ok(
        error instanceof StatusError &&
          error.code === Code.UNAVAILABLE &&
          error.disposition === 'not-started',
      );
      assert.match(
        error.message,
        new RegExp(`no backend of fleet test can answer for model echo: .*${dead.name}`),
      );
      return true;
    });
  });

  it('has the others answer while a backend that is being stopped finishes a long call', async (t) => {
    const held: RawCall[] = [];
    const answered: string[] = [];
    const backends = [
      await startRawBackend({ onCall: (call) => void held.push(call) }),
      await startRawBackend({ onCall: (call) => void call.send(rawAnswer(call.id, predictReply)) }),
    ];
    t.after(() => {
      for (const backend of backends) backend.close();
    });
    const [leaving] = backends as [RawBackend];
    const ports = backends.map(({ url }) => ({ port: Number(new URL(url).port) }));
    const { health, ...rest } = optionsOf(ports.map(addressOf));
    const of = await startFleet({ ...rest, health: { ...health, intervalMs: 60_000 } });
    const first = [echo(of), echo(of)];
    await waitFor(() => held.length === 1);
    leaving.leave();
    await waitFor(() => of.backends()[0]?.up === false, 20_000, 'its end to be seen');
    for (let i = 0; i < 10; i++) answered.push((await echo(of)).from);
    assert.deepEqual(new Set(answered), new Set([addressOf(ports[1] as { port: number }).name]));
    for (const call of held) call.send(rawAnswer(call.id, predictReply));
    for (const reply of first) assert.equal(await codeOf(await reply), Code.OK);
  });

  it('lets a call wait for a connection that was lost a moment ago, and for no longer than its client does', async () => {
    const [a] = await start(1);
    const of = await startFleet(optionsOf(servers.map(addressOf)));
    a?.dropConnections();
    await waitFor(() => of.backends()[0]?.up === false, 1000, 'the loss').catch(() => undefined);
    assert.equal(await codeOf(await echo(of)), Code.OK);
    const cancellation = new Cancellation();
    cancellation.cancel();
    await assert.rejects(
      of.handler(
        unaryCall(nonceRequest('echo', 7n), { target: { model: 'other', signature: '' }, cancellation }),
      ),
    );
  });
});
