/**
 * Streams that depend on themselves (RFC 9113 §6.3): each is reset for it where there is one to reset, and no other
 * notices.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { after, before, it } from 'node:test';
import { defaultServerLimits, ErrorCode, Http2Server } from '../../src/wire/index.ts';
import { frame, h2, headers, hpackLiterals, predictFields, RawClient, uint32 } from '../support/index.ts';

const server = net.createServer((socket) => {
  socket.on('error', () => undefined);
  new Http2Server(socket, {
    limits: defaultServerLimits,
    onStream: (stream) => ({
      onData: (chunk) => stream.credit(chunk.length),
      onEnd: () => stream.respond([':status', '200'], true),
      onReset() {},
      onDrain() {},
    }),
  });
});
let address = '';
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

const whole = h2.END_HEADERS | h2.END_STREAM;
const onItself = (id: number): Buffer => Buffer.concat([uint32(id), Buffer.from([16])]);
const priority = (id: number): Buffer => frame(h2.PRIORITY, 0, id, onItself(id));
const headersOnItself = (id: number): Buffer =>
  frame(
    h2.HEADERS,
    h2.END_HEADERS | h2.PRIORITY_FLAG,
    id,
    Buffer.concat([onItself(id), hpackLiterals(predictFields())]),
  );

async function open(t: { after(run: () => void): void }): Promise<RawClient> {
  const client = await RawClient.open(address);
  t.after(() => client.destroy());
  return client;
}

it('a request that does is reset; its body costs no other call', async (t) => {
  const client = await open(t);
  client.send(headersOnItself(1), frame(h2.DATA, h2.END_STREAM, 1, Buffer.alloc(10)));
  client.send(headers(3, predictFields(), whole));
  assert.equal((await client.untilEnd(1)).reset, ErrorCode.PROTOCOL_ERROR);
  assert.equal((await client.untilEnd(3)).headers[1], '200');
  assert.equal(client.goaway, undefined);
});

it('its id is used up: no request is answered behind the reset', async (t) => {
  const client = await open(t);
  client.send(headersOnItself(1), headers(1, predictFields(), whole), headers(3, predictFields(), whole));
  assert.equal((await client.untilEnd(3)).headers[1], '200');
  assert.deepEqual(client.answer(1).headers, []);
});

it('PRIORITY of a stream that is not there yet ends the connection: it cannot be reset', async (t) => {
  const client = await open(t);
  client.send(priority(5));
  assert.equal(await client.untilGoaway(), 'PROTOCOL_ERROR');
  assert.equal(client.count(h2.RST_STREAM), 0);
});

it('PRIORITY of one that is there resets it, and of one that is gone does nothing', async (t) => {
  const client = await open(t);
  client.send(headers(1, predictFields()), priority(1), priority(1));
  client.send(headers(3, predictFields(), whole));
  await client.untilEnd(3);
  client.send(priority(3), headers(5, predictFields(), whole));
  await client.untilEnd(5);
  assert.equal(client.answer(1).reset, ErrorCode.PROTOCOL_ERROR);
  assert.equal(client.count(h2.RST_STREAM), 1);
});
