/**
 * Clients that together make the gateway hold more than it may: who goes, who is refused, and that nobody else
 * notices.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictReply,
  RawClient,
  rawAnswer,
  type RawCall,
  startRawBackend,
  startVictim,
  type Victim,
  waitFor,
  windowUpdate,
} from '../support/index.ts';

const mebi = 2 ** 20;
const limit = 24 * mebi;

/** A whole call, in frames of 16 KiB. */
function call(id: number, message: Buffer, more: readonly string[] = []): Buffer {
  const parts = [headers(id, predictFields([...more]))];
  for (let at = 0; at < message.length; at += 16_384) {
    const end = at + 16_384 >= message.length ? h2.END_STREAM : 0;
    parts.push(frame(h2.DATA, end, id, message.subarray(at, at + 16_384)));
  }
  return Buffer.concat(parts);
}

async function heldBytes(victim: Victim): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [, kind, value] of (await victim.metrics()).matchAll(/_held_bytes\{kind="([^"]+)"\} (-?\d+)/g))
    found[kind as string] = Number(value);
  return found;
}

const sum = (held: Record<string, number>): number => Object.values(held).reduce((a, b) => a + b, 0);

async function emptied(victim: Victim): Promise<void> {
  let held: Record<string, number> = {};
  await waitFor(async () => sum((held = await heldBytes(victim))) === 0, 20_000, 'an empty account').catch(
    (cause: unknown) => {
      throw new Error(`still held: ${JSON.stringify(held)}`, { cause });
    },
  );
}

/** More than is held: sockets, frames, garbage that a small heap has not collected yet. */
const slackMiB = 130;

describe('memory that clients make the gateway hold', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo'] });
    victim = await startVictim(
      fleet.backends.map(({ url }) => url),
      // how busy the backend is is another matter
      { limits: { memoryBytes: limit }, queue: { enabled: false }, hedge: { enabled: false } },
    );
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });

  it('cuts readers who stall when their answers are too much, and others are served', async (t) => {
    const rss = victim.rss();
    const bystander = await victim.bystander();
    t.after(() => bystander.stop());
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(victim.grpc, [[4, 0]])));
    t.after(() => clients.forEach((client) => client.destroy()));
    const request = framed(predictMessage('echo', 100_000));
    let most = 0;
    for (let i = 0; i < 25; i++) {
      for (const client of clients) await client.flush(call(2 * i + 1, request));
      most = Math.max(most, sum(await heldBytes(victim)));
    }
    // 80 MB of answers
    const isCut = (client: RawClient): boolean =>
      client.closed || [...client.answers.values()].some(({ reset }) => reset === 11);
    await waitFor(() => clients.some(isCut), 20_000, 'somebody who is cut off');
    await waitFor(async () => sum(await heldBytes(victim)) <= limit, 20_000, 'less than the limit');
    assert.ok(most <= limit * 1.5, `${most} bytes were held`);
    assert.ok(victim.rss() < rss + slackMiB, `${victim.rss()} MiB, ${rss} before`);
    const limited = await victim.limited();
    assert.ok((limited['memory readers'] ?? 0) > 0, JSON.stringify(limited));
    assert.deepEqual((await bystander.stop()).failures, []);
    for (const client of clients) client.destroy();
    await emptied(victim);
  });

  it('refuses large bodies when those that nobody can take yet are too much, and small calls pass', async (t) => {
    const bystander = await victim.bystander();
    t.after(() => bystander.stop());
    // what is compressed says which model it is for when it is whole
    const prefix = Buffer.from([1, 0, 128, 0, 0]);
    const part = Buffer.concat([prefix, Buffer.alloc(4 * mebi)]);
    const clients: RawClient[] = [];
    t.after(() => clients.forEach((client) => client.destroy()));
    for (let i = 0; i < 16; i++) {
      const client = await RawClient.open(victim.grpc);
      clients.push(client);
      const parts = [headers(1, predictFields(['grpc-encoding', 'gzip']))];
      for (let at = 0; at < part.length; at += 16_384)
        parts.push(frame(h2.DATA, 0, 1, part.subarray(at, at + 16_384)));
      client.send(...parts);
    }
    const refused = (): RawClient[] =>
      clients.filter((client) => fieldOf(client.answer(1), 'grpc-status') === '8');
    await waitFor(() => refused().length > 0, 20_000, 'a refusal');
    const answer = (refused()[0] as RawClient).answer(1);
    assert.match(fieldOf(answer, 'grpc-message') ?? '', /limits\.memoryBytes/);
    assert.equal(fieldOf(answer, 'grpc-retry-pushback-ms'), '1000');
    assert.ok(((await victim.limited()).memory ?? 0) > 0);
    assert.ok(sum(await heldBytes(victim)) <= limit * 1.3);
    // what is left is not enough for this body, by whichever door
    const body = `{"instances":[${'1.25,'.repeat(1_600_000)}1]}`;
    const rest = await fetch(`http://${victim.rest}/v1/models/half_plus_two:predict`, {
      method: 'POST',
      body,
    });
    assert.equal(rest.status, 429);
    assert.equal(rest.headers.get('retry-after'), '1');
    assert.match(await rest.text(), /limits\.memoryBytes/);
    assert.deepEqual((await bystander.stop()).failures, []);
    for (const client of clients) client.destroy();
    await emptied(victim);
  });

  it('keeps a megabyte of one-byte frames in about a megabyte', async (t) => {
    const rss = victim.rss();
    const client = await RawClient.open(victim.grpc);
    t.after(() => client.destroy());
    const bytes = Buffer.concat([Buffer.from([1, 0, 16, 0, 0]), Buffer.alloc(mebi - 5)]);
    client.send(headers(1, predictFields(['grpc-encoding', 'gzip'])));
    for (let at = 0; at < bytes.length; at += 4096) {
      const frames = Array.from({ length: Math.min(4096, bytes.length - at) }, (_, i) =>
        frame(h2.DATA, 0, 1, bytes.subarray(at + i, at + i + 1)),
      );
      assert.ok(await client.flush(...frames), 'the connection is open');
    }
    await waitFor(async () => ((await heldBytes(victim)).requests ?? 0) >= mebi, 20_000, 'the megabyte');
    assert.ok(victim.rss() < rss + 60, `${victim.rss()} MiB, ${rss} before`);
    client.destroy();
    await emptied(victim);
  });
});

it('lets copies for another attempt go before anybody is refused, and their calls end well', async (t) => {
  const calls: RawCall[] = [];
  const backend = await startRawBackend({ onCall: (made) => calls.push(made) });
  const victim = await startVictim([backend.url], {
    limits: { memoryBytes: limit },
    hedge: { enabled: false },
    queue: { enabled: false },
  });
  t.after(async () => {
    await victim.stop();
    backend.close();
  });
  const client = await RawClient.open(victim.grpc);
  t.after(() => client.destroy());
  client.send(windowUpdate(0, 2 ** 30));
  const request = framed(predictMessage('half_plus_two', 200_000));
  for (let i = 0; i < 60; i++) {
    assert.ok(await client.flush(call(2 * i + 1, request)));
    await waitFor(() => calls.length === i + 1, 30_000, `call ${i} at the backend`);
  }
  const held = await heldBytes(victim);
  assert.ok(sum(held) <= limit * 1.25, JSON.stringify(held));
  assert.ok((held.copies ?? 0) > 0, 'those for which there is room are kept');
  for (const made of calls) made.send(rawAnswer(made.id, predictReply));
  for (let i = 0; i < 60; i++) {
    const answer = await client.untilEnd(2 * i + 1, 10_000);
    assert.equal(fieldOf(answer, 'grpc-status'), '0', `call ${i}`);
  }
  const limited = await victim.limited();
  assert.ok((limited['memory copies'] ?? 0) > 0, JSON.stringify(limited));
  assert.equal(limited.memory ?? 0, 0);
  await emptied(victim);
});
