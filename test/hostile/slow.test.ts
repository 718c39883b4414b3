/** Clients that take their time: each kind of waiting has its end, is counted, and costs nobody else anything. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  frame,
  framed,
  h2,
  headers,
  hpackLiterals,
  predictFields,
  predictMessage,
  preface,
  RawClient,
  run,
  settings,
  sleep,
  startVictim,
  type Victim,
  waitFor,
  windowUpdate,
} from '../support/index.ts';

const request = framed(predictMessage());
const call = (id: number): Buffer =>
  Buffer.concat([headers(id, predictFields()), frame(h2.DATA, h2.END_STREAM, id, request)]);
/** The echo model gives it all back: 400 KB. */
const large = (id: number): Buffer => {
  const message = framed(predictMessage('echo', 100_000));
  const parts = [headers(id, predictFields())];
  for (let at = 0; at < message.length; at += 16_384) {
    const end = at + 16_384 >= message.length ? h2.END_STREAM : 0;
    parts.push(frame(h2.DATA, end, id, message.subarray(at, at + 16_384)));
  }
  return Buffer.concat(parts);
};

interface Tcp {
  readonly socket: Socket;
  text(): string;
  readonly closed: boolean;
}

function tcp(address: string, t: { after(f: () => void): void }): Tcp {
  const [host, port] = address.split(':') as [string, string];
  const socket = connect({ host, port: Number(port) });
  t.after(() => socket.destroy());
  let text = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  return {
    socket,
    text: () => text,
    get closed() {
      return closed;
    },
  };
}

/** Sends a byte every so often until the other side has had enough; gives the ms that it took. */
async function drip(to: Tcp, bytes: Buffer, everyMs: number): Promise<number> {
  const start = performance.now();
  for (const byte of bytes) {
    if (to.closed) break;
    to.socket.write(Buffer.from([byte]));
    await sleep(everyMs);
  }
  return performance.now() - start;
}

describe('slow and silent clients', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  const timeouts = {
    headersTimeoutMs: 500,
    bodyTimeoutMs: 700,
    writeTimeoutMs: 700,
    idleTimeoutMs: 900,
    // longer than a loaded machine pauses between two calls of the bystander
    keepAliveTimeoutMs: 5000,
    maxConnections: 60,
  };
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo'] });
    victim = await startVictim(
      fleet.backends.map(({ url }) => url),
      { doors: timeouts },
    );
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });
  const counted = async (limit: string, before_: Record<string, number>): Promise<void> => {
    const now = await victim.limited();
    assert.ok((now[limit] ?? 0) > (before_[limit] ?? 0), `${limit}: ${JSON.stringify(now)}`);
  };

  for (const [name, bytes] of [
    ['says nothing', Buffer.alloc(0)],
    ['says half a preface', preface.subarray(0, 10)],
    ['says the preface and nothing else', preface],
    [
      'says half of a frame',
      Buffer.concat([preface, settings(), headers(1, predictFields()).subarray(0, 30)]),
    ],
    [
      'never ends its header block',
      Buffer.concat([preface, settings(), frame(h2.HEADERS, 0, 1, hpackLiterals(predictFields()))]),
    ],
    [
      'says half of an HTTP/1.1 head',
      Buffer.from('POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\n'),
    ],
  ] as const) {
    it(`a connection that ${name} is closed after headersTimeoutMs`, async (t) => {
      const to = tcp(victim.grpc, t);
      const start = performance.now();
      if (bytes.length > 0) to.socket.write(bytes);
      await waitFor(() => to.closed, 4000, 'the end of the connection');
      const ms = performance.now() - start;
      assert.ok(ms >= 400 && ms < 2500, `after ${ms.toFixed()} ms`);
    });
  }

  it('a header that comes byte by byte is cut off: HTTP/1.1 and HTTP/2', async (t) => {
    const bystander = await victim.bystander();
    t.after(() => bystander.stop());
    const limited = await victim.limited();
    const [h1, h2_] = [tcp(victim.rest, t), tcp(victim.grpc, t)];
    const head = Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\nx-slow: ${'a'.repeat(200)}`);
    h2_.socket.write(Buffer.concat([preface, settings()]));
    const block = frame(h2.HEADERS, h2.END_HEADERS, 1, hpackLiterals(predictFields(['x', 'a'.repeat(200)])));
    const [ms1, ms2] = await Promise.all([drip(h1, head, 20), drip(h2_, block, 20)]);
    assert.ok(ms1 < 2500 && ms2 < 2500, `${ms1} ms, ${ms2} ms`);
    assert.match(h1.text(), /^HTTP\/1\.1 408 /);
    await counted('slow headers', limited);
    assert.deepEqual((await bystander.stop()).failures, []);
  });

  it('a gRPC body that comes byte by byte ends with DEADLINE_EXCEEDED, before and after its model is known', async (t) => {
    const limited = await victim.limited();
    for (const at of [7, request.length - 30]) {
      const client = await RawClient.open(victim.grpc);
      t.after(() => client.destroy());
      client.send(
        headers(1, predictFields(['grpc-timeout', '500S'])),
        frame(h2.DATA, 0, 1, request.subarray(0, at)),
      );
      for (let i = at; i < request.length - 1; i++) {
        if (client.answer(1).ended || client.answer(1).reset !== undefined) break;
        client.send(frame(h2.DATA, 0, 1, request.subarray(i, i + 1)));
        await sleep(100);
      }
      const answer = await client.untilEnd(1);
      assert.deepEqual(
        answer.headers.slice(answer.headers.indexOf('grpc-status')).slice(0, 2),
        ['grpc-status', '4'],
        `${String(answer.headers)} after byte ${at}`,
      );
    }
    await counted('slow body', limited);
  });

  it('a REST body that comes byte by byte ends with 408', async (t) => {
    const to = tcp(victim.rest, t);
    to.socket.write(
      'POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{"instances":[',
    );
    const ms = await drip(to, Buffer.from('1,'.repeat(100)), 30);
    assert.ok(ms < 4000, `${ms} ms`);
    assert.match(to.text(), /^HTTP\/1\.1 408 [^]*the request body is too slow/);
  });

  it('a gRPC-Web body over HTTP/1.1 that stops ends with DEADLINE_EXCEEDED', async (t) => {
    const to = tcp(victim.rest, t);
    to.socket.write(
      `POST /tensorflow.serving.PredictionService/Predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web\r\nContent-Length: 100\r\n\r\n`,
    );
    to.socket.write(request.subarray(0, 20));
    await waitFor(() => to.text().includes('grpc-status: 4'), 4000, 'an answer');
  });

  for (const [name, first, window] of [
    ['allows nothing of its answers', [[4, 0]], 2 ** 30],
    ['allows nothing on its connection', [[4, 2 ** 30]], 0],
  ] as const) {
    it(`a client that ${name} loses its calls, and nobody waits behind it`, async (t) => {
      const limited = await victim.limited();
      const before_ = victim.rss();
      const bystander = await victim.bystander();
      t.after(() => bystander.stop());
      const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.open(victim.grpc, first)));
      t.after(() => clients.forEach((client) => client.destroy()));
      for (const client of clients) {
        if (window > 0) client.send(windowUpdate(0, window));
        for (let i = 0; i < 15; i++) client.send(large(2 * i + 1));
      }
      await waitFor(
        () => clients.every((client) => client.closed || client.answer(1).reset !== undefined),
        20_000,
        'resets',
      );
      const beside = await bystander.stop();
      assert.deepEqual(beside.failures, []);
      assert.ok(beside.worstMs < 3000, `somebody else waited ${beside.worstMs.toFixed()} ms`);
      await counted('slow reader', limited);
      for (const client of clients) client.destroy();
      await victim.settled(before_);
    });
  }

  it('a client that never reads its socket is cut off: HTTP/2 and HTTP/1.1', async (t) => {
    const limited = await victim.limited();
    const before_ = victim.rss();
    const bystander = await victim.bystander();
    t.after(() => bystander.stop());
    const client = await RawClient.open(victim.grpc, [[4, 2 ** 30]]);
    const to = tcp(victim.rest, t);
    t.after(() => client.destroy());
    client.socket.pause();
    client.send(windowUpdate(0, 2 ** 30));
    // 8 MB: more than the kernel keeps for a socket, and within the connection's window, of which it reads no update
    for (let i = 0; i < 20; i++) await client.flush(large(2 * i + 1));
    to.socket.pause();
    const body = `{"instances":[${Array.from({ length: 100_000 }, () => '1.25').join(',')}]}`;
    for (let i = 0; i < 12; i++)
      to.socket.write(
        `POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    // the one over HTTP/1.1 has pipelined more than is kept, too: whichever is found first
    const cuts = (of: Record<string, number>): number => (of['slow reader'] ?? 0) + (of.pipelined ?? 0);
    // the answers come first, and how long these take is the machine's; then the time in which nothing of them is read
    await waitFor(async () => cuts(await victim.limited()) >= cuts(limited) + 2, 30_000, 'both cut off');
    to.socket.resume();
    client.socket.resume();
    await waitFor(() => client.closed && to.closed, 10_000, 'both ends');
    assert.deepEqual((await bystander.stop()).failures, []);
    await victim.settled(before_);
  });

  it('an HTTP/2 connection without calls is sent away in order', async (t) => {
    const client = await RawClient.open(victim.grpc);
    t.after(() => client.destroy());
    client.send(call(1));
    await client.untilEnd(1);
    assert.equal(await client.untilGoaway(4000), 'NO_ERROR');
    // its pings do not count as calls
    const pinging = await RawClient.open(victim.grpc);
    t.after(() => pinging.destroy());
    const timer = setInterval(() => pinging.send(frame(h2.PING, 0, 0, Buffer.alloc(8))), 100);
    assert.equal(await pinging.untilGoaway(4000), 'NO_ERROR');
    clearInterval(timer);
  });

  it('connections beyond the limit are closed at once, and there is room again when others go', async (t) => {
    const limited = await victim.limited();
    const many = Array.from({ length: 120 }, () => tcp(victim.grpc, t));
    for (const { socket } of many) socket.write(Buffer.concat([preface, settings()]));
    await waitFor(() => many.filter(({ closed }) => closed).length >= 60, 3000, 'refusals');
    await counted('connections', limited);
    for (const { socket } of many) socket.destroy();
    await waitFor(async () => {
      const client = await RawClient.open(victim.grpc);
      t.after(() => client.destroy());
      client.send(call(1));
      return (await client.untilEnd(1, 1000)).ended;
    });
  });

  it('a client that ends its side after the request is let go, and the call with it', async (t) => {
    const client = await RawClient.open(victim.grpc);
    client.send(call(1));
    client.socket.end();
    await waitFor(() => client.closed, 3000, 'the end');
    const to = tcp(victim.rest, t);
    to.socket.end(
      'POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"inst',
    );
    await waitFor(() => to.closed, 3000, 'the end');
    victim.alive();
  });

  it('holds nothing of all that', async () => {
    await waitFor(
      async () => /backend_in_flight\{[^}]*\} 0\n/.test(await victim.metrics()),
      10_000,
      'no call',
    );
  });
});

it('a TLS handshake that never ends counts as a connection and is closed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-slow-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-days', '2'];
  const made = await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', key, '-out', cert, ...subject],
  ]);
  assert.equal(made.code, 0, made.stderr);
  const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
  t.after(() => fleet.stop());
  const victim = await startVictim(
    fleet.backends.map(({ url }) => url),
    { doors: { headersTimeoutMs: 600, maxConnections: 20, tls: { cert, key, admin: false } } },
  );
  t.after(() => victim.stop());
  const many = Array.from({ length: 40 }, () => tcp(victim.grpc, t));
  for (const { socket } of many) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
  await waitFor(() => many.filter(({ closed }) => closed).length >= 20, 400, 'those beyond the limit');
  await waitFor(() => many.every(({ closed }) => closed), 4000, 'all of them');
  assert.ok(((await victim.limited()).connections ?? 0) >= 20);
  const client = await RawClient.open(victim.grpc, [], true);
  t.after(() => client.destroy());
  client.send(call(1));
  assert.ok((await client.untilEnd(1)).ended);
});
