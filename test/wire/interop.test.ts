/** Both ends against node's own HTTP/2 (nghttp2), and against each other. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import {
  defaultClientLimits,
  defaultServerLimits,
  type Headers,
  Http2Client,
  Http2Server,
  type ServerStream,
  type StreamEvents,
} from '../../src/wire/index.ts';

const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

/** Echoes the body; trailers say how many bytes there were. */
function echo(stream: ServerStream): StreamEvents {
  stream.respond([':status', '200', 'content-type', 'application/grpc', 'x-reply', 'yes']);
  let total = 0;
  let uncredited = 0;
  return {
    onData(chunk) {
      total += chunk.length;
      if (stream.write(chunk)) stream.credit(chunk.length);
      else uncredited += chunk.length;
    },
    onEnd() {
      stream.end(['x-total', String(total)]);
    },
    onReset() {},
    onDrain() {
      stream.credit(uncredited);
      uncredited = 0;
    },
  };
}

async function serve(): Promise<number> {
  const server = net.createServer((socket) => {
    new Http2Server(socket, { limits: defaultServerLimits, onStream: echo });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Answer {
  readonly headers: Headers;
  readonly body: Buffer;
  readonly trailers: Headers;
}

function call(client: Http2Client, headers: Headers, body: Buffer, varying: Headers = []): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head: Headers = [];
    const chunks: Buffer[] = [];
    const stream = client.request(headers, varying, false, {
      onHeaders(fields) {
        head = fields;
      },
      onData(chunk) {
        chunks.push(Buffer.from(chunk));
        stream.credit(chunk.length);
      },
      onEnd(trailers) {
        resolve({ headers: head, body: Buffer.concat(chunks), trailers });
      },
      onReset(code) {
        reject(new Error(`reset ${code}`));
      },
      onDrain() {},
    });
    stream.write(body);
    stream.end();
  });
}

async function connect(port: number): Promise<Http2Client> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const client = await new Promise<Http2Client>((resolve, reject) => {
    const made: Http2Client = new Http2Client(socket, {
      limits: defaultClientLimits,
      onReady: () => resolve(made),
      onClose: reject,
    });
  });
  closers.push(() => {
    client.destroy();
  });
  return client;
}

/** Every byte value that a field may hold, so that the whole Huffman code is used. */
const allBytes = Array.from({ length: 256 }, (_, i) => i)
  .filter((byte) => byte >= 0x20 && byte !== 0x7f)
  .map((byte) => String.fromCharCode(byte))
  .join('')
  .trim();

const requestHeaders: Headers = [
  ':method',
  'POST',
  ':scheme',
  'http',
  ':path',
  '/a.b/C',
  ':authority',
  'test',
  'content-type',
  'application/grpc',
  'te',
  'trailers',
];

describe('the server end with node:http2 as its client', () => {
  it('echoes bodies of many sizes, with trailers', async () => {
    const session = http2.connect(`http://127.0.0.1:${await serve()}`);
    closers.push(() => session.destroy());
    for (const size of [0, 1, 100, 16_384, 16_385, 70_000, 3_000_000]) {
      const body = randomBytes(size);
      const stream = session.request({ ':method': 'POST', ':path': '/x' });
      const chunks: Buffer[] = [];
      let trailers: Record<string, unknown> = {};
      stream.on('trailers', (fields: Record<string, unknown>) => {
        trailers = fields;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.end(body);
      await once(stream, 'end');
      assert.ok(Buffer.concat(chunks).equals(body), `${size} bytes`);
      assert.equal(trailers['x-total'], String(size));
    }
  });

  it('reads every byte of the Huffman code', async () => {
    let seen: Headers = [];
    const server = net.createServer((socket) => {
      new Http2Server(socket, {
        limits: defaultServerLimits,
        onStream(stream, headers) {
          seen = headers;
          return echo(stream);
        },
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    closers.push(() => session.destroy());
    const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(4);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/x',
      'x-all': Array.from(allBytes).join(letters),
    });
    stream.end();
    stream.resume();
    await once(stream, 'end');
    assert.equal(seen[seen.indexOf('x-all') + 1], Array.from(allBytes).join(letters));
  });
});

describe('the client end with node:http2 as its server', () => {
  async function nodeServer(
    onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
    settings: http2.Settings = {},
  ): Promise<number> {
    const server = http2.createServer({ settings });
    server.on('stream', onStream);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  it('sends and receives bodies of many sizes, one after the other and at once', async () => {
    const port = await nodeServer((stream) => {
      stream.respond({ ':status': 200, 'x-reply': 'yes' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.pipe(stream);
    });
    const client = await connect(port);
    const bodies = [0, 1, 16_384, 70_000, 2_000_000].map((size) => randomBytes(size));
    for (const body of bodies) assert.ok((await call(client, requestHeaders, body)).body.equals(body));
    const answers = await Promise.all(bodies.map((body) => call(client, requestHeaders, body)));
    answers.forEach((answer, i) => {
      assert.ok(answer.body.equals(bodies[i] as Buffer));
      assert.deepEqual(answer.trailers, ['grpc-status', '0']);
    });
  });

  it('writes header values that node reads back unchanged, over and over', async () => {
    const seen: unknown[] = [];
    const port = await nodeServer((stream, headers) => {
      seen.push(headers['x-all'], headers['x-call']);
      stream.respond({ ':status': 200 });
      stream.end();
    });
    const client = await connect(port);
    const headers: Headers = [...requestHeaders, 'x-all', allBytes];
    for (let i = 0; i < 50; i++)
      await call(client, headers, Buffer.alloc(0), ['x-call', String(i % 7), 'grpc-timeout', `${i}m`]);
    assert.deepEqual(seen, Array.from({ length: 50 }, (_, i) => [allBytes, String(i % 7)]).flat());
  });

  it('keeps the large headers of calls of one turn apart where the peer takes large frames', async () => {
    const seen: unknown[] = [];
    const port = await nodeServer(
      (stream, headers) => {
        seen.push(headers['x-large']);
        stream.respond({ ':status': 200 });
        stream.end();
      },
      { maxFrameSize: 65_536, maxHeaderListSize: 65_536 },
    );
    const client = await connect(port);
    const texts = [...'abc'].map((letter) => letter.repeat(40_000));
    await Promise.all(
      texts.map((text) => call(client, [...requestHeaders, 'x-large', text], Buffer.alloc(0))),
    );
    assert.deepEqual(
      seen.map((text) => String(text).slice(0, 3)),
      ['aaa', 'bbb', 'ccc'],
    );
    assert.deepEqual(seen, texts);
  });
});

describe('both ends together', () => {
  it('echo a body larger than every window, both ways at once', async () => {
    const client = await connect(await serve());
    const body = randomBytes(5_000_000);
    const answers = await Promise.all([
      call(client, requestHeaders, body),
      call(client, requestHeaders, body),
    ]);
    for (const answer of answers) assert.ok(answer.body.equals(body));
  });

  it('give the same list object for a header block that repeats', async () => {
    const lists = new Set<Headers>();
    const server = net.createServer((socket) => {
      new Http2Server(socket, {
        limits: defaultServerLimits,
        onStream(stream, headers) {
          lists.add(headers);
          return echo(stream);
        },
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const client = await connect((server.address() as AddressInfo).port);
    const replies = new Set<Headers>();
    for (let i = 0; i < 20; i++) replies.add((await call(client, requestHeaders, Buffer.alloc(0))).headers);
    assert.ok(lists.size < 6, `${lists.size} lists for 20 equal requests`);
    assert.ok(replies.size < 6, `${replies.size} lists for 20 equal replies`);
  });
});
