/** A megabyte that comes in one-byte frames and is kept takes about a megabyte, whoever keeps it. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startDemoFleet } from '../../src/demo/index.ts';
import { holding, emptied } from '../support/held.ts';
import {
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  type RawBackend,
  RawClient,
  sleep,
  startRawBackend,
  startVictim,
  type Victim,
} from '../support/index.ts';

const mebi = 2 ** 20;
/** Twice the heap of the victim's young generation, and some copies. */
const slackMiB = 60;

describe('one-byte frames', () => {
  let backend: RawBackend;
  let victim: Victim;
  before(async () => {
    // nothing is answered but how the models are
    backend = await startRawBackend({ onCall: () => undefined });
    victim = await startVictim([backend.url], {
      hedge: { enabled: false },
      models: { half_plus_two: { mirror: { model: 'other' } } },
    });
  });
  after(async () => {
    await victim.stop();
    backend.close();
  });

  const json = (path: string): string[] =>
    predictFields([], path).map((text) => (text === 'application/grpc' ? 'application/json' : text));
  for (const [what, fields, body] of [
    ['a KServe request', json('/v2/models/half_plus_two/infer'), Buffer.alloc(mebi, ' ')],
    [
      'JSON for a model that is not known yet',
      json('/v1/models/half_plus_two:predict'),
      Buffer.alloc(mebi, ' '),
    ],
    ['a request that is mirrored', predictFields(), framed(predictMessage('half_plus_two', mebi / 4))],
  ] as const) {
    it(`of ${what} take no more than they hold`, async (t) => {
      const before_ = victim.rss();
      const client = await RawClient.open(victim.grpc);
      t.after(() => client.destroy());
      client.send(headers(1, [...fields]));
      for (let at = 0; at < body.length - 100; at += 4096) {
        const frames = Array.from({ length: Math.min(4096, body.length - 100 - at) }, (_, i) =>
          frame(h2.DATA, 0, 1, body.subarray(at + i, at + i + 1)),
        );
        assert.ok(await client.flush(...frames), 'the connection is open');
      }
      await holding(victim.admin, mebi - 100_000);
      const rss = victim.rss();
      assert.ok(rss < before_ + slackMiB, `${rss.toFixed()} MiB, ${before_.toFixed()} before`);
      client.destroy();
      await emptied(victim.admin);
    });
  }
});

it('one-byte frames of JSON that waits for its turn behind large bodies do not end the process', async (t) => {
  const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
  const victim = await startVictim(fleet.backends.map(({ url }) => url));
  const sockets: Socket[] = [];
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const each of [...sockets, ...clients]) each.destroy();
    await victim.stop();
    await fleet.stop();
  });
  const url = `http://${victim.rest}/v1/models/half_plus_two:predict`;
  // the model is known from here on
  await fetch(url, { method: 'POST', body: '{"instances":[1]}' });
  const large = Buffer.from(`{"instances":[${'1.25,'.repeat(6_000_000)}1]}`);
  const head = `POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: ${large.length}\r\n\r\n`;
  const [host, port] = victim.rest.split(':') as [string, string];
  for (let i = 0; i < 4; i++) {
    const socket = connect({ host, port: Number(port) });
    sockets.push(socket.on('error', () => undefined).resume());
    socket.write(head);
    socket.write(large);
  }
  const fields = predictFields([], '/v1/models/half_plus_two:predict').map((text) =>
    text === 'application/grpc' ? 'application/json' : text,
  );
  const blanks = Buffer.concat(Array.from({ length: 60_000 }, () => frame(h2.DATA, 0, 1, Buffer.from(' '))));
  for (let i = 0; i < 10; i++) {
    const client = await RawClient.open(victim.grpc);
    clients.push(client);
    client.send(headers(1, fields), frame(h2.DATA, 0, 1, Buffer.from('{"instances":[')));
  }
  for (let round = 0; round < 5; round++) {
    for (const client of clients) assert.ok(client.send(blanks), 'the connection is open');
    await sleep(300);
    victim.alive();
  }
  assert.equal((await fetch(url, { method: 'POST', body: '{"instances":[1]}' })).status, 200);
});
