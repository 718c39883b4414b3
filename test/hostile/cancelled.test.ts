/**
 * Calls that are cancelled by the thousand: few of them reach a backend, and a backend that counts resets keeps its
 * connection.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { it } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { defaultClientLimits, Http2Client } from '../../src/wire/index.ts';
import {
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictPath,
  RawClient,
  rst,
  sleep,
  startRawBackend,
  startTestGateway,
  startVictim,
  waitFor,
} from '../support/index.ts';

const cancel = 8;
const request = framed(predictMessage());
const call = (id: number): Buffer =>
  Buffer.concat([headers(id, predictFields()), frame(h2.DATA, h2.END_STREAM, id, request)]);

it('a call that is reset together with its request never reaches a backend', async (t) => {
  const backend = await startRawBackend({ onCall: () => undefined });
  const victim = await startVictim([backend.url]);
  t.after(async () => {
    await victim.stop();
    backend.close();
  });
  // a first call, so that the model is known and the connection to the backend is there
  const client = await RawClient.open(victim.grpc);
  t.after(() => client.destroy());
  client.send(call(1));
  await waitFor(() => backend.calls.length === 1);
  client.send(rst(1, cancel));
  for (let i = 1; i <= 900; i++)
    client.socket.write(Buffer.concat([call(2 * i + 1), rst(2 * i + 1, cancel)]));
  await client.flush();
  await sleep(500);
  assert.ok(backend.calls.length < 20, `${backend.calls.length} of 900 cancelled calls reached the backend`);
  victim.alive();
});

const asJson = (path: string, method = 'POST'): string[] =>
  predictFields([], path).map((text) =>
    text === 'application/grpc' ? 'application/json' : text === 'POST' ? method : text,
  );

for (const [door, fields, body] of [
  ['a JSON predict', asJson('/v1/models/other:predict'), Buffer.from('{"instances":[1.0]}')],
  [
    'a JSON infer',
    asJson('/v2/models/half_plus_two/infer'),
    Buffer.from('{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}'),
  ],
  ['JSON metadata', asJson('/v1/models/other/metadata', 'GET'), undefined],
  ['V2 metadata', asJson('/v2/models/half_plus_two', 'GET'), undefined],
  ['a call that is passed through', predictFields([], '/a.B/C'), framed(Buffer.alloc(10))],
] as const) {
  it(`${door} that is reset together with its request never reaches a backend`, async (t) => {
    const backend = await startRawBackend({ onCall: () => undefined });
    const gateway = await startTestGateway([backend.url], { grpc: { passthrough: true } });
    const client = await RawClient.open(gateway.rest);
    t.after(async () => {
      client.destroy();
      await gateway.stop();
      backend.close();
    });
    // the model is known, and the connection to the backend is there
    client.send(call(1));
    await waitFor(() => backend.calls.length === 1);
    const parts: Buffer[] = [];
    for (let id = 3; id < 203; id += 2) {
      if (body === undefined) parts.push(headers(id, [...fields], 5));
      else parts.push(headers(id, [...fields]), frame(h2.DATA, h2.END_STREAM, id, body));
      parts.push(rst(id, cancel));
    }
    await client.flush(...parts);
    await sleep(200);
    // a packet may end between a request and its reset
    assert.ok(backend.calls.length < 5, `${backend.calls.length - 1} of 100 reached the backend`);
  });
}

it('cancels that come later are passed on at a pace that no server takes for an attack', async (t) => {
  const backend = await startRawBackend({ onCall: () => undefined, settings: [[3, 100_000]] });
  // on a busy machine calls wait in line for longer than they may, and are refused
  const victim = await startVictim([backend.url], {
    http2: { maxConcurrentStreams: 2000 },
    queue: { enabled: false },
    hedge: { enabled: false },
  });
  t.after(async () => {
    await victim.stop();
    backend.close();
  });
  const client = await RawClient.open(victim.grpc);
  t.after(() => client.destroy());
  const count = 900;
  for (let i = 0; i < count; i++) client.send(call(2 * i + 1));
  await waitFor(() => backend.calls.length === count, 10_000, 'all calls at the backend');
  const { burstCancels, cancelsPerSecond } = defaultClientLimits;
  const fromMs = performance.now();
  for (let i = 0; i < count; i++) client.send(rst(2 * i + 1, cancel));
  const atPace = (): void => {
    // those that are let out together count a second's more
    const most = burstCancels + cancelsPerSecond * ((performance.now() - fromMs) / 1000 + 1);
    assert.ok(backend.resets <= most, `${backend.resets} resets, ${most.toFixed()} at the most`);
  };
  await waitFor(() => backend.resets >= burstCancels, 10_000, 'the first resets');
  atPace();
  await waitFor(() => backend.resets >= burstCancels + cancelsPerSecond, 10_000, 'the others');
  atPace();
  assert.ok(((await victim.limited()).cancels ?? 0) >= 300);
});

it('a client whose deadlines strike by the thousand keeps its connection, and one that only resets does not', async (t) => {
  // never answers
  const backend = await startRawBackend({ onCall: () => undefined, settings: [[3, 100_000]] });
  const victim = await startVictim([backend.url], { queue: { enabled: false }, hedge: { enabled: false } });
  t.after(async () => {
    await victim.stop();
    backend.close();
  });
  const grpc = new Client(victim.grpc, credentials.createInsecure());
  t.after(() => grpc.close());
  const same = (bytes: Buffer): Buffer => bytes;
  const one = (ms: number): Promise<string> =>
    new Promise((resolve) => {
      const options = { deadline: Date.now() + ms };
      grpc.makeUnaryRequest(predictPath, same, same, predictMessage(), options, (error) =>
        resolve(String(error)),
      );
    });
  // more at once than one connection may have, again and again
  for (let round = 0; round < 3; round++) {
    const errors = await Promise.all(Array.from({ length: 1000 }, () => one(2000)));
    const strange = errors.filter((error) => !error.includes('DEADLINE_EXCEEDED'));
    const { resets } = await victim.limited();
    assert.equal(resets, undefined, `round ${round}: ${JSON.stringify(await victim.limited())}`);
    // the fleet may call itself busy, the connection must not
    assert.deepEqual(
      strange.filter((error) => /calm|bandwidth|GOAWAY|UNAVAILABLE/i.test(error)),
      [],
    );
  }
  // without a library's manners: waits, then cancels all, again and again
  const patient = await RawClient.open(victim.grpc);
  t.after(() => patient.destroy());
  let id = -1;
  for (let round = 0; round < 12; round++) {
    const ids = Array.from({ length: 200 }, () => (id += 2));
    for (const each of ids) patient.send(call(each));
    // that the gateway has them is seen when it answers a ping that follows them
    const pings = patient.count(h2.PING);
    assert.ok(await patient.flush(frame(h2.PING, 0, 0, Buffer.alloc(8))), `round ${round}`);
    await waitFor(() => patient.count(h2.PING) > pings, 10_000, 'an answered ping');
    await sleep(150);
    await patient.flush(...ids.map((each) => rst(each, cancel)));
  }
  const pings = patient.count(h2.PING);
  patient.send(frame(h2.PING, 0, 0, Buffer.alloc(8)));
  await waitFor(() => patient.count(h2.PING) > pings, 10_000, 'an answered ping after all');
  assert.equal(patient.goaway, undefined);
  assert.equal((await victim.limited()).resets, undefined);
  // a flood is one still
  const flood = await RawClient.open(victim.grpc);
  t.after(() => flood.destroy());
  for (let i = 0; i < 4000 && !flood.closed; i++)
    flood.socket.write(Buffer.concat([call(2 * i + 1), rst(2 * i + 1, cancel)]));
  assert.equal(await flood.untilGoaway(20_000), 'ENHANCE_YOUR_CALM');
  assert.equal((await victim.limited()).resets, 1);
});

it('node:http2, which cuts a connection at a thousand resets, serves on', async (t) => {
  let streams = 0;
  const server = http2.createServer((_request, response) => {
    if (++streams > 1500) response.end();
  });
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  let lost: Error | true | undefined;
  const client = new Http2Client(socket, {
    limits: defaultClientLimits,
    onReady: () => undefined,
    onClose: (error) => void (lost = error ?? true),
  });
  t.after(() => client.destroy());
  const fields = [':method', 'POST', ':scheme', 'http', ':path', '/x', ':authority', 'test'];
  const silent = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
  for (let round = 0; round < 15; round++) {
    for (let i = 0; i < 100; i++) client.request(fields, [], true, silent).reset(cancel);
    await sleep(20);
  }
  const answered = await new Promise<boolean>((resolve) => {
    client.request(fields, [], true, {
      ...silent,
      onHeaders: () => resolve(true),
      onReset: () => resolve(false),
    });
  });
  assert.equal(lost, undefined, 'the connection was cut');
  assert.ok(answered);
});
