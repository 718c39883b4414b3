/** Header lists that are meant to hurt: each gets 431 or is cut off, memory stays, and nobody beside notices. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  hpackInteger,
  hpackLiterals,
  predictFields,
  predictMessage,
  RawClient,
  startVictim,
  type Victim,
  windowUpdate,
} from '../support/index.ts';

const whole = h2.END_HEADERS | h2.END_STREAM;
const request = framed(predictMessage());

/** A block in HEADERS and CONTINUATION frames of 16 KiB. */
function split(id: number, block: Buffer, flags = 0): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_384) {
    const last = at + 16_384 >= block.length ? h2.END_HEADERS : 0;
    const type = at === 0 ? h2.HEADERS : h2.CONTINUATION;
    frames.push(frame(type, (at === 0 ? flags : 0) | last, id, block.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

/** An ordinary call on a connection that was attacked: the header table must still be the same at both ends. */
async function stillServes(client: RawClient, id: number): Promise<void> {
  client.send(headers(id, predictFields()), frame(h2.DATA, h2.END_STREAM, id, request));
  assert.equal(fieldOf(await client.untilEnd(id), 'grpc-status'), '0');
}

describe('header bombs', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    victim = await startVictim(fleet.backends.map(({ url }) => url));
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });
  const open = async (t: { after(f: () => void): void }): Promise<RawClient> => {
    const client = await RawClient.open(victim.grpc);
    t.after(() => client.destroy());
    return client;
  };

  it('a list of ten thousand tiny fields is answered with 431, and the connection goes on', async (t) => {
    const client = await open(t);
    const fields = predictFields(Array.from({ length: 10_000 }, () => ['a', 'b']).flat());
    client.send(split(1, hpackLiterals(fields), h2.END_STREAM));
    assert.equal(fieldOf(await client.untilEnd(1), ':status'), '431');
    await stillServes(client, 3);
    assert.ok(((await victim.limited()).headers ?? 0) >= 1);
  });

  it('a field of one megabyte ends the connection before it is collected', async (t) => {
    const client = await open(t);
    const before_ = victim.rss();
    client.send(split(1, hpackLiterals(predictFields(['x-big', 'v'.repeat(2 ** 20)]))));
    assert.equal(await client.untilGoaway(), 'ENHANCE_YOUR_CALM');
    await victim.settled(before_);
  });

  it('a field of 64 KiB is answered with 431', async (t) => {
    const client = await open(t);
    client.send(split(1, hpackLiterals(predictFields(['x-big-bin', 'v'.repeat(65_536)])), h2.END_STREAM));
    assert.equal(fieldOf(await client.untilEnd(1), ':status'), '431');
    await stillServes(client, 3);
  });

  it('a field of 60,000 bytes passes', async (t) => {
    const client = await open(t);
    client.send(
      split(1, hpackLiterals(predictFields(['x-big-bin', 'v'.repeat(60_000)]))),
      frame(h2.DATA, h2.END_STREAM, 1, request),
    );
    const answer = await client.untilEnd(1);
    // grpc-js allows 16 KiB of headers: it is the model server that says no here, if anybody
    assert.notEqual(fieldOf(answer, ':status'), '431');
  });

  it('one entry of the table, named ten thousand times, makes no list (CVE-2026-56846)', async (t) => {
    const bystander = await victim.bystander();
    const before_ = victim.rss();
    const clients = await Promise.all(Array.from({ length: 8 }, () => open(t)));
    const seed = hpackLiterals(['x-seed', 's'.repeat(3900)], true);
    const repeat = Buffer.from(hpackInteger(62, 7, 0x80));
    // 16 of it fit a list, 10,000 do not; the streams are never ended
    const fits = Buffer.concat([hpackLiterals(predictFields()), ...Array.from({ length: 15 }, () => repeat)]);
    const bomb = Buffer.concat(Array.from({ length: 10_000 }, () => repeat));
    for (const client of clients) {
      client.send(frame(h2.HEADERS, whole, 1, Buffer.concat([hpackLiterals(predictFields()), seed])));
      for (let i = 1; i < 200; i++) client.send(frame(h2.HEADERS, h2.END_HEADERS, 2 * i + 1, fits));
      for (let i = 200; i < 250; i++) client.send(split(2 * i + 1, bomb, h2.END_STREAM));
    }
    for (const client of clients) {
      await client.flush();
      assert.equal(fieldOf(await client.untilEnd(2 * 249 + 1), ':status'), '431');
    }
    // 2,000 unfinished calls with lists of 60 KB each would be 120 MB if each list held its own text
    assert.ok(
      victim.rss() < before_ + 80,
      `${before_.toFixed()} MiB before, ${victim.rss().toFixed()} MiB now`,
    );
    for (const client of clients) client.destroy();
    await victim.settled(before_);
    assert.deepEqual((await bystander.stop()).failures, []);
  });

  it('a header table that is filled anew with every call costs no memory', async (t) => {
    const client = await open(t);
    client.send(windowUpdate(0, 2 ** 30));
    const before_ = victim.rss();
    for (let i = 0; i < 3000; i++) {
      const id = 2 * i + 1;
      const churn = hpackLiterals(
        [`x-${i}`, `${i}`.padEnd(1200, 'c'), `y-${i}`, `${i}`.padEnd(2500, 'd')],
        true,
      );
      const block = Buffer.concat([hpackLiterals(predictFields()), churn]);
      if (
        !(await client.flush(
          frame(h2.HEADERS, h2.END_HEADERS, id, block),
          frame(h2.DATA, h2.END_STREAM, id, request),
        ))
      )
        break;
      if (i % 100 === 99) await client.untilEnd(id);
    }
    assert.equal(client.goaway, undefined);
    await victim.settled(before_);
  });

  for (const [name, block] of [
    ['an index beyond the table', Buffer.from(hpackInteger(70, 7, 0x80))],
    ['index 0', Buffer.from([0x80])],
    ['an integer of ten bytes', Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a table of a gigabyte', Buffer.from(hpackInteger(2 ** 30, 5, 0x20))],
    ['a string that is longer than its block', Buffer.from([0x00, 0x7f, 0xff, 0x7f])],
    ['a Huffman code with EOS in it', Buffer.from([0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00])],
  ] as const) {
    it(`${name} ends the connection with COMPRESSION_ERROR`, async (t) => {
      const client = await open(t);
      client.send(frame(h2.HEADERS, whole, 1, block));
      assert.equal(await client.untilGoaway(), 'COMPRESSION_ERROR');
    });
  }

  for (const [name, fields] of [
    ['an upper-case name', predictFields(['X-Upper', 'a'])],
    ['te other than trailers', [...predictFields().slice(0, -2), 'te', 'gzip']],
    ['connection', predictFields(['connection', 'close'])],
    ['transfer-encoding', predictFields(['transfer-encoding', 'chunked'])],
    ['a pseudo-header behind a field', [...predictFields(), ':path', '/x']],
    ['two paths', [':path', '/y', ...predictFields()]],
    ['an unknown pseudo-header', [':protocol', 'websocket', ...predictFields()]],
    ['a line break in a value', predictFields(['x-a', 'b\r\nx-injected: 1'])],
    ['NUL in a value', predictFields(['x-a', 'b\0c'])],
    ['a line break in a path', predictFields().map((text) => (text.startsWith('/') ? '/a\r\nb' : text))],
    ['a space in a name', predictFields(['x a', 'b'])],
    ['a colon in a name', predictFields(['x:a', 'b'])],
    ['no method', predictFields().slice(2)],
    ['an empty path', predictFields().map((text) => (text.startsWith('/') ? '' : text))],
    ['content-length that is no number', predictFields(['content-length', '-1'])],
    ['two lengths', predictFields(['content-length', '1', 'content-length', '2'])],
    ['a method that is no token', predictFields().map((text) => (text === 'POST' ? 'GE T' : text))],
  ] as const) {
    it(`a request with ${name} is reset, and the connection goes on`, async (t) => {
      const client = await open(t);
      client.send(headers(1, fields, whole));
      assert.equal((await client.untilEnd(1)).reset, 1 /* PROTOCOL_ERROR */);
      await stillServes(client, 3);
    });
  }

  for (const [name, path, method] of [
    ['a space in its path', '/v1/models/a b', 'GET'],
    ['bytes above ASCII in its path', '/v1/models/\xe9\xff', 'GET'],
    ['a tab in its path', '/v1/models/a\tb', 'GET'],
    ['CONNECT', '', 'CONNECT'],
    ['a method nobody knows', '/v1/models/half_plus_two', 'BREW'],
    ['TRACE', '/v1/models/half_plus_two', 'TRACE'],
  ] as const) {
    it(`a REST request over HTTP/2 with ${name} is refused by itself alone`, async (t) => {
      const client = await open(t);
      const target = method === 'CONNECT' ? [] : [':scheme', 'http', ':path', path];
      client.send(headers(1, [':method', method, ...target, ':authority', 'x'], whole));
      const answer = await client.untilEnd(1);
      const status = Number(fieldOf(answer, ':status') ?? 0);
      assert.ok(answer.reset !== undefined || (status >= 400 && status < 502), `status ${status}`);
      await stillServes(client, 3);
    });
  }

  it('REST over HTTP/2 takes what HTTP/2 allows in header bytes, and no more', async (t) => {
    const client = await open(t);
    const fields = [
      ':method',
      'GET',
      ':scheme',
      'http',
      ':path',
      '/v1/models/half_plus_two',
      ':authority',
      'x',
    ];
    for (const [id, bytes, status] of [
      [1, 40_000, '200'],
      [3, 70_000, '431'],
    ] as const) {
      client.send(split(id, hpackLiterals([...fields, 'x-big', 'v'.repeat(bytes)]), h2.END_STREAM));
      assert.equal(fieldOf(await client.untilEnd(id), ':status'), status);
    }
    await stillServes(client, 5);
  });
});
