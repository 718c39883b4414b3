/** Clients that read slowly, or not at all, after their answer has ended: what is held for them, and that none loses the end of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, before, beforeEach, describe, it } from 'node:test';
import { defaultServerLimits, Http1Server, Http2Server } from '../../src/wire/index.ts';
import { headers, preface, settings, sleep, waitFor } from '../support/index.ts';
import { grpcFields } from '../support/wire.ts';

const mebi = 2 ** 20;
const keepAliveTimeoutMs = 300;

describe('HTTP/1.1 answers that wait for their reader', () => {
  let port = 0;
  let begun = 0;
  let waiting = 0;
  let most = 0;
  let handedOver = 0;
  let connection: Http1Server;
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    connection = new Http1Server(socket, {
      headersTimeoutMs: 5000,
      keepAliveTimeoutMs,
      maxHeadBytes: 16_384,
      maxHeadFields: 100,
      onLimit: () => undefined,
      windowBytes: 65_536,
      highWaterBytes: 65_536,
      onWaiting(bytes) {
        waiting += bytes;
        most = Math.max(most, waiting);
      },
      onStream(stream, fields) {
        begun++;
        const bytes = Number(fields[3]?.slice(1));
        return {
          onData: (chunk) => {
            stream.credit(chunk.length);
          },
          onEnd() {
            stream.respond([':status', '200', 'content-length', String(bytes)]);
            stream.write(Buffer.alloc(bytes, 'x'));
            stream.end();
          },
          onReset() {},
          onDrain() {},
        };
      },
      onOther() {
        handedOver++;
        socket.destroy();
      },
      onClose() {},
    });
    connection.begin(Buffer.alloc(0));
  });
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());
  beforeEach(() => {
    begun = waiting = most = handedOver = 0;
  });

  const get = (bytes: number, more = ''): string => `GET /${bytes} HTTP/1.1\r\nhost: x\r\n${more}\r\n`;

  async function client(allowHalfOpen = false): Promise<Socket> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** Reads at a pace until the connection closes, or so many bytes have come. */
  async function read(socket: Socket, everyMs: number, bytes = Number.POSITIVE_INFINITY): Promise<number> {
    let got = 0;
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        got += chunk.length;
        if (got >= bytes) resolve();
        if (everyMs === 0) return;
        socket.pause();
        setTimeout(() => socket.resume(), everyMs);
      });
      socket.on('close', () => {
        resolve();
      });
      socket.resume();
    });
    return got;
  }

  it('come whole, however long that takes, and the time to keep the connection runs from then on', async () => {
    const socket = await client();
    socket.write(get(48 * mebi));
    assert.ok((await read(socket, 2, 48 * mebi)) > 48 * mebi);
    const readMs = performance.now();
    await once(socket, 'close');
    assert.ok(performance.now() - readMs < 3 * keepAliveTimeoutMs);
    assert.equal(waiting, 0);
  });

  it('come whole when the connection ends with them', async () => {
    const socket = await client();
    socket.write(get(48 * mebi, 'connection: close\r\n'));
    assert.ok((await read(socket, 5)) > 48 * mebi);
    assert.equal(waiting, 0);
  });

  it('come whole when the port drains', async () => {
    const socket = await client();
    socket.write(get(48 * mebi));
    await waitFor(() => waiting > 0, 5000, 'output that waits');
    connection.shutdown();
    assert.ok((await read(socket, 5)) > 48 * mebi);
    assert.equal(waiting, 0);
  });

  it('are the last when the connection ends with them: what comes behind is not looked at', async () => {
    const socket = await client(true);
    socket.write(get(10, 'connection: close\r\n') + get(10));
    socket.resume();
    await waitFor(() => begun === 1, 1000, 'the first request');
    await sleep(20);
    socket.write(get(10));
    await sleep(50);
    socket.destroy();
    assert.equal(begun, 1);
    assert.equal(handedOver, 0);
  });

  it('hold back the requests behind them until they are read', async () => {
    const socket = await client();
    socket.pause();
    const requests = 100;
    socket.write(get(mebi).repeat(requests));
    await waitFor(() => waiting > 0, 5000, 'output that waits');
    await sleep(100);
    const stopped = begun;
    assert.ok(most < 2 * mebi, `${most} bytes waited`);
    // longer than an idle connection is kept: it is no idle one
    await sleep(2 * keepAliveTimeoutMs);
    assert.equal(begun, stopped);
    assert.ok(stopped < requests / 2, `${stopped} were answered`);
    assert.ok((await read(socket, 0, requests * mebi)) > requests * mebi);
    assert.ok(most < 2 * mebi, `${most} bytes waited`);
    socket.destroy();
    await waitFor(() => waiting === 0, 2000, 'nothing that waits');
  });
});

/** A socket whose other side takes nothing until it is told to. */
class Stalled extends Duplex {
  readonly #held: (() => void)[] = [];

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#held.push(callback);
  }

  async readOn(): Promise<void> {
    for (let i = 0; i < 100; i++) {
      this.#held.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

it('an HTTP/2 connection that ends in order stays until its last answer has been read', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const socket = new Stalled();
  const connection = new Http2Server(socket, {
    limits: defaultServerLimits,
    onStream(stream) {
      stream.respond([':status', '200']);
      stream.write(Buffer.alloc(50_000));
      stream.end();
      return { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
    },
  });
  connection.begin(Buffer.concat([preface, settings([]), headers(1, grpcFields('/a.B/C'), 5)]));
  assert.equal(connection.openStreams, 0);
  connection.shutdown();
  t.mock.timers.tick(10_000);
  t.mock.timers.tick(10_000);
  assert.equal(socket.writableEnded, true);
  assert.equal(socket.destroyed, false);
  await socket.readOn();
  assert.equal(socket.writableFinished, true);
  t.mock.timers.tick(10_000);
  assert.equal(socket.destroyed, true);
});
