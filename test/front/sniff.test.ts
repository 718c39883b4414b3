/** Which protocol a connection's first bytes are taken for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { sniff } from '../../src/front/listener/sniff.ts';
import { turnsUntil } from '../support/index.ts';

type Seen = 'http2' | 'http1' | 'closed';

let port = 0;
/** Each connection in its turn: what is told of it, and how long its client may stay silent. */
const expected: { readonly tell: (what: Seen) => void; readonly timeoutMs: number }[] = [];
const accepted: Socket[] = [];
const server = net.createServer((socket) => {
  const { tell, timeoutMs } = expected.shift() ?? assert.fail('a connection that nobody expects');
  accepted.push(socket);
  socket.on('error', () => undefined);
  socket.once('close', () => tell('closed'));
  sniff(socket, timeoutMs, {
    http2: () => tell('http2'),
    http1: () => tell('http1'),
  });
});
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
after(() => server.close());

async function send(pieces: readonly string[], timeoutMs = 60_000): Promise<Seen> {
  const what = new Promise<Seen>((tell) => expected.push({ tell, timeoutMs }));
  const nth = accepted.length;
  const socket: Socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.setNoDelay(true);
  let bytes = 0;
  for (const piece of pieces) {
    socket.write(piece, 'latin1');
    bytes += piece.length;
    // a piece for itself, not read together with the next
    await turnsUntil(() => (accepted[nth]?.bytesRead ?? 0) >= bytes, 'the piece');
  }
  const result = await what;
  socket.destroy();
  return result;
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('sniffing', () => {
  it('takes the preface for HTTP/2, in one piece or byte by byte', async () => {
    assert.equal(await send([preface]), 'http2');
    assert.equal(await send([...preface]), 'http2');
  });

  it('takes a request line for HTTP/1.1, even when it begins like the preface', async () => {
    assert.equal(await send(['GET / HTTP/1.1\r\n']), 'http1');
    assert.equal(await send(['P', 'OST / HTTP/1.0\r\n\r\n']), 'http1');
    assert.equal(await send(['GET /long']), 'http1');
  });

  it('closes without an answer what is neither', async () => {
    assert.equal(await send(['INVALID CONNECTION PREFACE\r\n\r\n']), 'closed');
    assert.equal(await send(['PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n']), 'closed');
    assert.equal(await send(['GET /\r\n']), 'closed');
  });

  it('closes a connection that stays silent', async () => {
    assert.equal(await send([], 20), 'closed');
  });
});
