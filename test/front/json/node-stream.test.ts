/**
 * Requests that node:http reads while the answer before theirs is not out: their own waits for its turn, and ends all
 * the same.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { it } from 'node:test';
import { serveNodeRequest } from '../../../src/front/index.ts';
import { createNodeServer } from '../../../src/front/listener/node-server.ts';
import type { ServerStream } from '../../../src/wire/index.ts';
import { waitFor } from '../../support/index.ts';

/** Sends two requests at once. Gives what came when the connection is closed, by whoever, or when the text has. */
async function behindAnother(act: (stream: ServerStream) => void, until?: string): Promise<string> {
  let first: ServerResponse | undefined;
  let second: ServerStream | undefined;
  const request = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'HEAD') first = response;
    else
      serveNodeRequest(request, response, 'peer', (stream) => {
        second = stream;
        return { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
      });
  };
  const server = createNodeServer({
    headersTimeoutMs: 5000,
    keepAliveTimeoutMs: 5000,
    everyMs: 1000,
    headLimits: () => ({ maxHeadBytes: 16_384, maxHeadFields: 100 }),
    request,
    onLimit() {},
    refused: () => '',
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('close', () => (closed = true));
  socket.on('error', () => undefined);
  socket.write('HEAD / HTTP/1.1\r\nhost: x\r\n\r\nPOST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  try {
    await waitFor(() => second !== undefined);
    second?.respond([':status', '200', 'x-second', '1']);
    second?.write(Buffer.from('some'));
    assert.equal(second?.queuedBytes, 0);
    act(second);
    first?.setHeader('x-first', '1').end();
    await waitFor(() => closed || (until !== undefined && text.includes(until)));
    return text;
  } finally {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  }
}

it('an answer that has ended before its turn is sent whole', async () => {
  const text = await behindAnother((stream) => {
    stream.write(Buffer.from('thing'));
    stream.end();
  }, '0\r\n\r\n');
  assert.match(text, /x-first: 1[^]*x-second: 1[^]*some[^]*thing/);
});

it('a stream that is reset before its turn ends the connection behind the answer before it', async () => {
  const text = await behindAnother((stream) => {
    stream.reset(8);
  });
  assert.match(text, /x-first: 1/);
  assert.doesNotMatch(text, /x-second|some/);
});
