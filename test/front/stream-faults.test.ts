/**
 * A door whose handler throws at an event: one request ends with a defined status, whichever end has it, and the door
 * stays open.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { onFault } from '../../src/base/faults.ts';
import type { Listener } from '../../src/front/index.ts';
import { serveNodeRequest } from '../../src/front/json/node-stream.ts';
import type { Headers, ServerStream, StreamEvents } from '../../src/wire/index.ts';
import { openDoor } from './open-door.ts';

const events = ['open', 'onData', 'onEnd', 'onTick'] as const;
type At = (typeof events)[number];

const breaks = (): never => {
  throw new TypeError('planted');
};

function startDoor(t: { after(f: () => Promise<void>): void }, at: At): Promise<Listener> {
  const open = (stream: ServerStream, fields: Headers): StreamEvents => {
    const whole: StreamEvents = {
      onData: (chunk) => {
        stream.credit(chunk.length);
      },
      onEnd() {
        stream.respond([':status', '200', 'content-length', '2']);
        stream.write(Buffer.from('ok'));
        stream.end();
      },
      onReset() {},
      onDrain() {},
    };
    if (!fields.includes('x-broken')) return whole;
    if (at === 'open') return breaks();
    return { ...whole, [at]: breaks };
  };
  return openDoor(t, {
    stream: open,
    request(request, response, peer) {
      serveNodeRequest(request, response, peer, open);
    },
  });
}

/** Everything that comes back until the door closes the connection. */
function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let back = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk: Buffer) => (back += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(back);
    });
  });
}

for (const [version, first] of [
  ['1.1', ''],
  ['1.0', ''],
  ['1.1', 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'],
] as const)
  describe(`HTTP/${version}${first === '' ? '' : ' behind a HEAD'}`, () => {
    for (const at of events)
      it(`${at} throws: 500, once, and the door goes on`, async (t) => {
        const told: string[] = [];
        t.after(onFault((where, reason) => told.push(`${where}: ${(reason as Error).message}`)));
        const listener = await startDoor(t, at);
        const { port } = listener.address;
        // a tick comes while the body has not ended
        const body = at === 'onTick' ? 'o' : 'ok';
        const head = `POST / HTTP/${version}\r\nHost: x\r\nContent-Length: 2\r\n`;
        const answer = await talk(port, `${first}${head}x-broken: 1\r\nConnection: close\r\n\r\n${body}`);
        const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
        assert.deepEqual(statuses.slice(first === '' ? 0 : 1), ['500'], answer);
        const next = await talk(port, `${first}${head}Connection: close\r\n\r\nok`);
        assert.match(next, /HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
        assert.equal(told.length, 1, told.join());
        assert.match(told[0] as string, /planted/);
      });
  });
