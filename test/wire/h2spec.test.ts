/** h2spec, every case of it, against the server end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { it } from 'node:test';
import { defaultServerLimits, Http2Server } from '../../src/wire/index.ts';
import { needTool, run } from '../support/index.ts';

it('passes all 145 cases of h2spec', async (t) => {
  const h2spec = needTool(t, 'h2spec');
  if (h2spec === undefined) return;
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    new Http2Server(socket, {
      limits: defaultServerLimits,
      onStream: (stream) => ({
        onData: (chunk) => {
          stream.credit(chunk.length);
        },
        onEnd: () => {
          stream.respond([':status', '200', 'content-type', 'text/plain']);
          stream.write(Buffer.from('hello, h2spec'));
          stream.end();
        },
        onReset: () => undefined,
        onDrain: () => undefined,
      }),
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { stdout } = await run(h2spec, ['-h', '127.0.0.1', '-p', String(port), '-o', '2', '--timeout', '2']);
  const summary = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(stdout);
  assert.deepEqual(summary?.slice(1).map(Number), [145, 145, 0, 0], stdout.slice(-6000));
});
