/** Very many of what is small: idle connections, and names that nobody has. Each costs little, and leaves nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  makeCertificates,
  predictFields,
  predictMessage,
  preface,
  RawClient,
  settings,
  startVictim,
  type Victim,
  waitFor,
  windowUpdate,
} from '../support/index.ts';

const mebi = 2 ** 20;
/** More of them for a long run: TENSORGATE_NAMES=100000. */
const names = Number(process.env.TENSORGATE_NAMES ?? 20_000);

describe('very many', () => {
  let fleet: DemoFleet;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo'] });
  });
  after(() => fleet.stop());

  const http1 = Buffer.from('GET /v1/models/half_plus_two HTTP/1.1\r\nHost: x\r\n\r\n');
  const http2 = Buffer.concat([
    preface,
    settings(),
    headers(1, predictFields()),
    frame(h2.DATA, h2.END_STREAM, 1, framed(predictMessage())),
  ]);

  // measured: 16, 12 and 60 KiB; twice as much would be a slab or a table that somebody keeps
  for (const [name, first, tls, most, count] of [
    ['HTTP/2', http2, false, 40, 2000],
    ['HTTP/1.1', http1, false, 40, 2000],
    // each takes a handshake
    ['HTTP/2 over TLS', http2, true, 120, 500],
  ] as const) {
    it(`idle ${name} connections that each had a call cost less than ${most} KiB each`, async (t) => {
      const certificates = tls ? await makeCertificates('server') : undefined;
      const victim = await startVictim(
        fleet.backends.map(({ url }) => url),
        certificates === undefined
          ? {}
          : {
              doors: {
                tls: { cert: certificates('server.pem'), key: certificates('server.key'), admin: false },
              },
            },
      );
      t.after(() => victim.stop());
      const [host, port] = victim.grpc.split(':') as [string, string];
      const target = { host, port: Number(port) };
      const sockets: Socket[] = [];
      t.after(() => sockets.forEach((socket) => socket.destroy()));
      const open = async (): Promise<void> => {
        const socket = tls
          ? tlsConnect({ ...target, ALPNProtocols: ['h2'], rejectUnauthorized: false })
          : connect(target);
        socket.on('error', () => undefined);
        sockets.push(socket);
        await once(socket, tls ? 'secureConnect' : 'connect');
        socket.write(first);
        let seen = 0;
        const answered = new Promise<void>((resolve) => {
          socket.on('data', (chunk: Buffer) => {
            seen += chunk.length;
            if (seen > 150) resolve();
          });
        });
        await answered;
      };
      const openMany = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i += 50) await Promise.all(Array.from({ length: 50 }, open));
      };
      // what the first ones bring with them is nobody's share
      await openMany(200);
      const before_ = victim.rss();
      await openMany(count);
      const kibi = ((victim.rss() - before_) * 1024) / count;
      t.diagnostic(`${kibi.toFixed(1)} KiB for each idle ${name} connection`);
      assert.ok(kibi < most, `${kibi.toFixed(1)} KiB each`);
      victim.alive();
    });
  }

  it('names of models that nobody has leave no series, no entries and no memory', async (t) => {
    const victim: Victim = await startVictim(fleet.backends.map(({ url }) => url));
    t.after(() => victim.stop());
    const client = await RawClient.open(victim.grpc, [[4, mebi]]);
    t.after(() => client.destroy());
    let id = 1;
    let wrong = 0;
    /** So many calls, each for a model of its own, 200 at once. */
    const ask = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent += 200) {
        client.answers.clear();
        const ids = Array.from({ length: 200 }, () => (id += 2));
        const calls = ids.map((each) =>
          Buffer.concat([
            headers(each, predictFields()),
            frame(h2.DATA, h2.END_STREAM, each, framed(predictMessage(`nobody_has_${each}`))),
          ]),
        );
        client.send(windowUpdate(0, 100_000), ...calls);
        await waitFor(() => ids.every((each) => client.answer(each).ended), 20_000, 'all answers');
        for (const each of ids) if (fieldOf(client.answer(each), 'grpc-status') !== '5') wrong++;
      }
    };
    await ask(5000);
    const [rss, size] = [victim.rss(), (await victim.metrics()).length];
    await ask(names);
    assert.equal(wrong, 0);
    const metrics = await victim.metrics();
    assert.doesNotMatch(metrics, /nobody_has/);
    assert.ok(metrics.length < size * 1.2 + 1000, `${metrics.length} bytes of metrics, ${size} before`);
    const grown = victim.rss() - rss;
    t.diagnostic(`memory grew by ${grown.toFixed(1)} MiB with ${names} names`);
    assert.ok(grown < 40, `${grown.toFixed(1)} MiB more`);
  });
});
