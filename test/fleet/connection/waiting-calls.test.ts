/**
 * Calls that wait for a stream at one backend: who leaves the queue is not served, and no connection gets more than
 * its limit.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import { Cancellation } from '../../../src/call/index.ts';
import { createGrpcTransport } from '../../../src/fleet/connection/grpc-transport.ts';
import type { OnOver, Transport } from '../../../src/fleet/connection/transport.ts';
import type { ServerStream } from '../../../src/wire/index.ts';
import { unaryCall, waitFor } from '../../support/index.ts';
import { startWireServer, type WireServer } from '../../support/wire.ts';
import { optionsOf } from '../options.ts';

interface Backend {
  readonly server: WireServer;
  readonly transport: Transport;
  /** Streams that have reached the server, in order. */
  readonly streams: ServerStream[];
  /** How many calls wait, each time that it was told. */
  readonly queue: number[];
  readonly limits: string[];
  /** Sends a call. @returns how it ended, once it has: a gRPC code */
  send(cancellation?: Cancellation, onOver?: OnOver): { code: number | undefined; done: Promise<void> };
}

const well = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', '0'];

/** A backend on one connection, whose calls stay open until a test answers them. */
async function start(t: TestContext, maxConcurrentStreams: number, maxQueue = 100): Promise<Backend> {
  const streams: ServerStream[] = [];
  const server = await startWireServer(
    (stream) => {
      streams.push(stream);
      return {};
    },
    { maxConcurrentStreams },
  );
  const queue: number[] = [];
  const limits: string[] = [];
  const options = optionsOf([]);
  const transport = createGrpcTransport(
    { name: 'b', host: '127.0.0.1', port: server.port, api: 'tfs' },
    { ...options, connection: { ...options.connection, maxConnections: 1, maxQueue } },
    {
      events: {
        onLost: () => undefined,
        onQueue: (waiting) => void queue.push(waiting),
        onLimit: (name) => void limits.push(name),
      },
      clock: () => performance.now(),
    },
  );
  t.after(() => {
    transport.close(false);
    server.close();
  });
  return {
    server,
    transport,
    streams,
    queue,
    limits,
    send(cancellation = new Cancellation(), onOver) {
      const call = { code: undefined as number | undefined, done: Promise.resolve() };
      call.done = transport.send(unaryCall(new Uint8Array(1), { cancellation }), onOver).then(
        () => void (call.code = Code.OK),
        (reason: unknown) => void (call.code = StatusError.from(reason).code),
      );
      return call;
    },
  };
}

const seen = ({ streams }: Backend, count: number): Promise<unknown> =>
  waitFor(() => streams.length === count);

describe('calls that wait for a stream', () => {
  it('leave the queue at once when they are cancelled, and those behind them are served', async (t) => {
    const backend = await start(t, 1);
    const first = backend.send();
    await seen(backend, 1);
    const cancellation = new Cancellation();
    const overs: (number | undefined)[] = [];
    const cancelled = backend.send(cancellation, (error) => void overs.push(error?.code));
    const behind = backend.send();
    assert.equal(backend.queue.at(-1), 2);
    cancellation.cancel(new StatusError(Code.DEADLINE_EXCEEDED, 'too late'));
    assert.equal(backend.queue.at(-1), 1);
    await cancelled.done;
    assert.equal(cancelled.code, Code.DEADLINE_EXCEEDED);
    assert.deepEqual(overs, [Code.DEADLINE_EXCEEDED], 'it is over once');

    backend.streams[0]?.respond(well, true);
    await seen(backend, 2);
    assert.equal(backend.queue.at(-1), 0);
    backend.streams[1]?.respond(well, true);
    await Promise.all([first.done, behind.done]);
    assert.deepEqual([first.code, behind.code], [0, 0]);
  });

  it('take no place in the queue when they are cancelled', async (t) => {
    const backend = await start(t, 1, 1);
    backend.send();
    await seen(backend, 1);
    const cancellation = new Cancellation();
    await Promise.all([
      backend.send(cancellation).done,
      Promise.resolve().then(() => {
        cancellation.cancel();
      }),
    ]);
    const behind = backend.send();
    assert.deepEqual(backend.limits, []);
    backend.streams[0]?.respond(well, true);
    await seen(backend, 2);
    backend.streams[1]?.respond(well, true);
    await behind.done;
    assert.equal(behind.code, 0);
  });

  it('do not enter it when they are cancelled already', async (t) => {
    const backend = await start(t, 1);
    const cancellation = new Cancellation();
    cancellation.cancel();
    const call = backend.send(cancellation);
    await call.done;
    assert.equal(call.code, Code.CANCELLED);
    assert.deepEqual(backend.queue, []);
  });

  it('get no more streams of a new connection than its server allows', async (t) => {
    const backend = await start(t, 2);
    const calls = Array.from({ length: 10 }, () => backend.send());
    for (let served = 0; served < calls.length; served += 2) {
      await seen(backend, served + 2);
      assert.equal(backend.queue.at(-1), calls.length - served - 2);
      for (const stream of backend.streams.slice(served)) stream.respond(well, true);
    }
    await Promise.all(calls.map(({ done }) => done));
    assert.deepEqual(new Set(calls.map(({ code }) => code)), new Set([0]));
    assert.equal(backend.server.accepted, 1);
  });

  it('are not held up by one that only wants to know of a connection', async (t) => {
    const backend = await start(t, 1);
    const connected = backend.transport.connect();
    const first = backend.send();
    await connected;
    await seen(backend, 1);
    // it opens no stream: with the only one taken, it has nothing to wait for either
    await backend.transport.connect();
    const behind = backend.send();
    backend.streams[0]?.respond(well, true);
    await seen(backend, 2);
    backend.streams[1]?.respond(well, true);
    await Promise.all([first.done, behind.done]);
    assert.deepEqual([first.code, behind.code], [0, 0]);
  });

  it('go elsewhere when the connection that they wait for goes before it is of use', async (t) => {
    const backend = await start(t, 2);
    backend.server.onConnection = (connection) => {
      connection.shutdown();
    };
    const call = backend.send();
    await call.done;
    assert.equal(call.code, Code.UNAVAILABLE);
  });
});
