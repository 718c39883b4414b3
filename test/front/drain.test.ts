/** The moment in which a port closes: what the kernel has taken for it by then is served, and not reset. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { Listener } from '../../src/front/index.ts';
import type { ServerStream, StreamEvents } from '../../src/wire/index.ts';
import { openDoor } from './open-door.ts';

function startDoor(t: { after(f: () => Promise<void>): void }): Promise<Listener> {
  const stream = (stream: ServerStream): StreamEvents => ({
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
  });
  return openDoor(t, {
    stream,
    request(_request, response) {
      response.end('ok');
    },
  });
}

const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

/** All that comes back on a connection, and how it ended. */
function told(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', (error) => (text += String(error)));
    socket.on('close', () => {
      resolve(text);
    });
  });
}

describe('a port that is drained', () => {
  it('serves the connections that nobody has accepted yet', async (t) => {
    const listener = await startDoor(t);
    const answers = Array.from({ length: 20 }, () => {
      const socket = connect(listener.address.port, '127.0.0.1');
      socket.write(request);
      return told(socket);
    });
    // behind this the kernel has them, and this process has not looked
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    const [texts] = await Promise.all([Promise.all(answers), listener.drain()]);
    for (const text of texts) assert.match(text, /^HTTP\/1\.1 200 [^]*ok$/);
  });

  it('serves a request that lies unread on a connection that was idle', async (t) => {
    const listener = await startDoor(t);
    const socket = connect(listener.address.port, '127.0.0.1');
    const all = told(socket);
    socket.write(request);
    await once(socket, 'data');
    socket.write(request);
    const [text] = await Promise.all([all, listener.drain()]);
    assert.equal(text.match(/HTTP\/1\.1 200 /g)?.length, 2, text);
  });

  it('closes although there is no turn of the event loop in which it has nothing to do', async (t) => {
    const listener = await startDoor(t);
    let busy = true;
    const work = (): void => {
      const untilMs = performance.now() + 2;
      while (performance.now() < untilMs);
      if (busy) setImmediate(work);
    };
    work();
    await listener.drain();
    busy = false;
    await assert.rejects(once(connect(listener.address.port, '127.0.0.1'), 'connect'), {
      code: 'ECONNREFUSED',
    });
  });
});
