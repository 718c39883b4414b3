/** REST backends that answer as no server should: an error each, and never the wrong answer for the next call. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { clientOf, type DoorClient, Refused } from './clients.ts';

const metadata = JSON.stringify({
  model_spec: { name: 'm', version: '1' },
  metadata: {
    signature_def: {
      signature_def: {
        serving_default: {
          inputs: { x: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '-1' }] } } },
          outputs: { x: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '-1' }] } } },
        },
      },
    },
  },
});
const status = JSON.stringify({
  model_version_status: [{ version: '1', state: 'AVAILABLE', status: { error_code: 'OK' } }],
});
const reply = (body: string, head = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** What the backend does with a predict request; `value` is what it was asked about. */
let misbehave: (socket: Socket, value: string) => void;
const honest = (socket: Socket, value: string): void => void socket.write(reply(`{"outputs":[${value}]}`));

const cases: readonly (readonly [what: string, does: typeof misbehave])[] = [
  [
    'content-length and transfer-encoding together',
    (socket) =>
      void socket.write(
        'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}',
      ),
  ],
  [
    'two different lengths',
    (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 60\r\n\r\n{}'),
  ],
  [
    'a header that is folded',
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: zwei\r\n\r\n{}'),
  ],
  ['no HTTP at all', (socket) => void socket.write('SSH-2.0-OpenSSH_9.6\r\n')],
  [
    'an upgrade to HTTP/2',
    (socket) =>
      void socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'),
  ],
  [
    'an answer that breaks off',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"outputs":[');
      socket.destroy();
    },
  ],
  ['JSON that is none', (socket) => void socket.write(reply('{"outputs":[1.0,]}'))],
  ['values of another type', (socket) => void socket.write(reply('{"outputs":["a"]}'))],
  ['another output', (socket) => void socket.write(reply('{"outputs":{"y":[1.0]}}'))],
  [
    'an answer that is compressed unasked',
    (socket) => void socket.write(reply('{}', 'content-encoding: gzip\r\n')),
  ],
  [
    'an answer beyond the limit',
    (socket) =>
      void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n${' '.repeat(3_000_000)}`),
  ],
  ['nothing', (socket) => void socket.end()],
];

describe('a REST backend that answers', () => {
  let gateway: TestGateway;
  let client: DoorClient;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // or the second answer would wait for the next question (Nagle)
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: ([0-9]+)/i.exec(text)?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      const body = text.slice(end + 4);
      const path = /^[A-Z]+ ([^ ]+)/.exec(text)?.[1] ?? '';
      text = '';
      if (path.endsWith('/metadata')) socket.write(reply(metadata));
      else if (path.endsWith(':predict')) misbehave(socket, /\[(.*)\]/.exec(body)?.[1] ?? '');
      else socket.write(reply(status));
    });
  });

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    gateway = await startTestGateway([`tfs+http://127.0.0.1:${port}`], {
      grpc: { maxMessageBytes: 1_000_000 },
      fleets: { default: { health: { fastIntervalMs: 50 } } },
    });
    client = clientOf('tfs-grpc', gateway);
    await client.status('m');
  });
  after(async () => {
    client.close();
    await gateway.stop();
    server.close();
    for (const socket of sockets) socket.destroy();
  });

  const ask = async (value: number): Promise<number> => {
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    const answer = await client.infer('m', 'x', { dtype: 'float', shape: [1], bytes }, 'x');
    assert.ok(answer.dtype !== 'string');
    return Buffer.from(answer.bytes).readFloatLE();
  };

  for (const [what, does] of cases) {
    it(`with ${what}: an error, and the next call is right`, async () => {
      misbehave = does;
      await assert.rejects(ask(1), (error) => error instanceof Refused);
      misbehave = honest;
      for (const value of [2, 3, 4]) assert.equal(await ask(value), value);
    });
  }

  it('with one answer too many: the connection is given up, and nobody gets it', async () => {
    for (let value = 1; value <= 10; value++) {
      let used: Socket | undefined;
      misbehave = (socket, asked) => {
        used = socket;
        honest(socket, asked);
        // what nobody asked for, while the connection rests in the pool; what came while another question is under
        // way could be its answer, which no client of HTTP/1.1 can tell
        setTimeout(() => socket.write(reply('{"outputs":[666.0]}')), 20);
      };
      assert.equal(await ask(value), value);
      await waitFor(() => used?.destroyed, 5000, 'the gateway to give the connection up');
    }
    misbehave = honest;
    assert.equal(await ask(5), 5);
  });
});
