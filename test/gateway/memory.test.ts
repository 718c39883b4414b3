/**
 * However calls end, nothing stays in the account of what is held for clients: random calls, random endings, all
 * doors.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictPath,
  RawClient,
  resetSocket,
  rst,
  startTestGateway,
  type TestGateway,
  windowUpdate,
} from '../support/index.ts';
import { emptied, heldBytes } from '../support/held.ts';
import { seededBelow } from '../support/random.ts';

const seed = Number(process.env.TENSORGATE_SEED ?? 20_250_911);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the memory account of a gateway', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 2, models: ['half_plus_two', 'echo'] });
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      // small enough that the limit is met now and then
      { limits: { memoryBytes: 16 * 2 ** 20 }, doors: { writeTimeoutMs: 1500, bodyTimeoutMs: 1500 } },
    );
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
  });

  /** A gRPC or gRPC-Web call over HTTP/2 that goes as far as chance will have it. */
  async function rpc(client: RawClient, id: number, random: (below: number) => number): Promise<void> {
    const model = ['half_plus_two', 'echo', 'nobody_has_this'][random(3)] ?? 'echo';
    const bytes = framed(predictMessage(model, [1, 100, 20_000, 300_000][random(4)]));
    const fields = predictFields(random(4) === 0 ? ['grpc-timeout', `${random(30)}m`] : []);
    if (random(3) === 0) fields[fields.indexOf('application/grpc')] = 'application/grpc-web+proto';
    client.send(headers(id, fields));
    const until = random(3) === 0 ? random(bytes.length) : bytes.length;
    const step = [16_384, 5000, 300][random(3)] ?? 16_384;
    const most = Math.min(until, 300 * step);
    for (let at = 0; at < most; at += step) {
      const end = at + step >= bytes.length ? h2.END_STREAM : 0;
      client.send(frame(h2.DATA, end, id, bytes.subarray(at, Math.min(at + step, most))));
      if (random(20) === 0) await turn();
    }
    if (random(4) === 0) {
      if (random(2) === 0) await turn();
      client.send(rst(id, 8));
    }
  }

  async function connection(random: (below: number) => number): Promise<void> {
    // a client that gives no window, a little, or plenty
    const window = [0, 1000, 2 ** 24][random(3)] ?? 0;
    const client = await RawClient.open(random(2) === 0 ? gateway.grpc : gateway.rest, [[4, window]]);
    client.send(windowUpdate(0, 2 ** 26));
    if (random(4) === 0) client.socket.pause();
    for (let i = 0; i < 8; i++) {
      await rpc(client, 2 * i + 1, random);
      if (random(3) === 0) await turn();
    }
    for (let i = random(40); i > 0; i--) await turn();
    if (random(5) === 0) resetSocket(client.socket);
    else client.destroy();
  }

  /** REST and gRPC-Web over HTTP/1.1, whole or cut anywhere. */
  async function http1(random: (below: number) => number): Promise<void> {
    const [host, port] = gateway.rest.split(':') as [string, string];
    const socket = connect({ host, port: Number(port) });
    socket.on('error', () => undefined);
    if (random(3) > 0) socket.resume();
    const web = random(2) === 0;
    const numbers = `{"instances":[${Array.from({ length: [1, 50_000][random(2)] ?? 1 }, (_, i) => i / 4).join(',')}]}`;
    const body = web ? framed(predictMessage('echo', [1, 100_000][random(2)])) : Buffer.from(numbers);
    const [path, type] = web
      ? [predictPath, 'application/grpc-web']
      : ['/v1/models/half_plus_two:predict', 'application/json'];
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (let i = 1 + random(3); i > 0; i--) socket.write(Buffer.concat([Buffer.from(head), body]));
    if (random(2) === 0)
      socket.write(Buffer.concat([Buffer.from(head), body.subarray(0, random(body.length))]));
    for (let i = random(60); i > 0; i--) await turn();
    socket.destroy();
  }

  it(`returns to 0 after every kind of end (TENSORGATE_SEED=${seed})`, { timeout: 120_000 }, async () => {
    const random = seededBelow(seed);
    let most = 0;
    let running = true;
    // while the clients are there: behind them nothing need be left
    const watching = (async () => {
      while (running) most = Math.max(most, ...Object.values(await heldBytes(gateway.admin)));
    })();
    for (let round = 0; round < 12; round++) {
      const clients = Array.from({ length: 6 }, () => {
        const own = seededBelow(random(2 ** 31));
        return own(4) === 0 ? http1(own) : connection(own);
      });
      await Promise.all(clients);
      const now = await heldBytes(gateway.admin);
      for (const [kind, bytes] of Object.entries(now)) assert.ok(bytes >= 0, `${kind}: ${bytes}`);
    }
    running = false;
    await watching;
    assert.ok(most > 0, 'nothing was ever held');
    await emptied(gateway.admin);
  });
});
