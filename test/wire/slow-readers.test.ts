/**
 * Clients that read slowly, or not at all, after their answer has ended: what is held for them, and that none loses
 * the end of it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { defaultServerLimits, Http1Server, Http2Server } from '../../src/wire/index.ts';
import {
  type FakeTime,
  fakeTime,
  headers,
  preface,
  settings,
  turnsUntil,
  turnsWithout,
} from '../support/index.ts';
import { grpcFields } from '../support/wire.ts';

const mebi = 2 ** 20;
const keepAliveTimeoutMs = 300;
/** The longest time-out of what is read here: the two seconds that an ended connection lingers. */
const longerThanAny = 2000;

describe('HTTP/1.1 answers to a client that reads slowly', () => {
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
  // what it counts is its own, not the next test's
  afterEach(() => turnsUntil(() => connection.socket.closed, 'the end of the connection'));
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

  /** Reads a chunk every so often until the connection closes, or so many bytes have come. */
  async function read(
    socket: Socket,
    time: FakeTime,
    everyMs: number,
    bytes = Number.POSITIVE_INFINITY,
  ): Promise<number> {
    let got = 0;
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        got += chunk.length;
        if (got >= bytes) resolve();
        if (everyMs === 0) return;
        socket.pause();
        time.advance(everyMs);
        setImmediate(() => socket.resume());
      });
      socket.on('close', () => {
        resolve();
      });
      socket.resume();
    });
    return got;
  }

  it('come whole, however long that takes, and the time to keep the connection runs from then on', async (t) => {
    const time = fakeTime(t);
    const socket = await client();
    socket.write(get(48 * mebi));
    assert.ok((await read(socket, time, 5, 48 * mebi)) > 48 * mebi);
    assert.ok(time.passedMs > longerThanAny, `${time.passedMs} ms`);
    await turnsUntil(() => waiting === 0, 'an empty output');
    assert.equal(connection.socket.writableEnded, false);
    const closed = once(socket, 'close');
    time.advance(3 * keepAliveTimeoutMs);
    await closed;
    assert.equal(waiting, 0);
  });

  it('come whole when the connection ends with them', async (t) => {
    const time = fakeTime(t);
    const socket = await client();
    socket.write(get(48 * mebi, 'connection: close\r\n'));
    assert.ok((await read(socket, time, 5)) > 48 * mebi);
    assert.ok(time.passedMs > longerThanAny, `${time.passedMs} ms`);
    await turnsUntil(() => waiting === 0, 'an empty output');
  });

  it('come whole when the port drains', async (t) => {
    const time = fakeTime(t);
    const socket = await client();
    socket.write(get(48 * mebi));
    await turnsUntil(() => waiting > 0, 'output that waits');
    connection.shutdown();
    assert.ok((await read(socket, time, 5)) > 48 * mebi);
    assert.ok(time.passedMs > longerThanAny, `${time.passedMs} ms`);
    await turnsUntil(() => waiting === 0, 'an empty output');
  });

  it('are the last when the connection ends with them: a request behind them is not looked at', async () => {
    const socket = await client(true);
    socket.write(get(10, 'connection: close\r\n') + get(10));
    socket.resume();
    await once(socket, 'end');
    const heard = connection.socket.bytesRead;
    socket.write(get(10));
    await turnsUntil(() => connection.socket.bytesRead > heard, 'the third request');
    await turnsWithout(() => begun + handedOver);
    socket.destroy();
    assert.equal(begun, 1);
    assert.equal(handedOver, 0);
  });

  it('hold back the requests behind them until they are read', async (t) => {
    const time = fakeTime(t);
    const socket = await client();
    socket.pause();
    const requests = 100;
    socket.write(get(mebi).repeat(requests));
    await turnsUntil(() => waiting > 0, 'output that waits');
    await turnsWithout(() => begun);
    const stopped = begun;
    assert.ok(most < 2 * mebi, `${most} bytes waited`);
    // longer than an idle connection is kept: it is no idle one
    time.advance(2 * keepAliveTimeoutMs);
    await turnsWithout(() => begun);
    assert.equal(begun, stopped);
    assert.ok(stopped < requests / 2, `${stopped} were answered`);
    assert.ok((await read(socket, time, 0, requests * mebi)) > requests * mebi);
    assert.ok(most < 2 * mebi, `${most} bytes waited`);
    socket.destroy();
    await turnsUntil(() => waiting === 0, 'nothing that waits');
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
  const time = fakeTime(t);
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
  time.advance(10_000);
  time.advance(10_000);
  assert.equal(socket.writableEnded, true);
  assert.equal(socket.destroyed, false);
  await socket.readOn();
  assert.equal(socket.writableFinished, true);
  time.advance(10_000);
  assert.equal(socket.destroyed, true);
});
