/** The strict HTTP/1.1 end: what it takes, what it leaves to another server, and how bodies end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ChunkedBody, SizedBody } from '../../src/wire/http1/body.ts';
import { readHttp1Head } from '../../src/wire/http1/request-head.ts';
import { Http1Server } from '../../src/wire/index.ts';
import { waitFor } from '../support/index.ts';

const head = (...lines: string[]): string => ['POST /a.B/C HTTP/1.1', 'host: x', ...lines].join('\r\n');

it('a head of sixteen thousand blanks is refused in no time', () => {
  const start = performance.now();
  for (let i = 0; i < 200; i++)
    assert.equal(readHttp1Head(`POST / HTTP/1.1\r\nhost: x\r\na:${' '.repeat(16_000)}\x01`), undefined);
  // a scan that starts anew at every blank takes ten times as long
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
});

describe('request heads', () => {
  it('reads a plain one into lower-case fields, and gives the same object for a text that comes again', () => {
    const text = head('Content-Type: application/grpc-web', 'X-A:  v w \t', 'Content-Length: 12');
    const read = readHttp1Head(text);
    assert.deepEqual(read, {
      fields: [
        ...[':method', 'POST', ':path', '/a.B/C', 'host', 'x', 'content-type', 'application/grpc-web'],
        ...['x-a', 'v w', 'content-length', '12'],
      ],
      bodyBytes: 12,
      last: false,
      waits: false,
    });
    assert.deepEqual(readHttp1Head(text), read);
    assert.equal(readHttp1Head(text), readHttp1Head(text));
    assert.equal(readHttp1Head(head('transfer-encoding: Chunked'))?.bodyBytes, -1);
    assert.equal(readHttp1Head(head())?.bodyBytes, 0);
  });

  it('reads an absolute target, whose host counts (RFC 9112 §3.2.2)', () => {
    for (const [target, host, path] of [
      ['http://x/a?b', 'x', '/a?b'],
      ['http://x', 'x', '/'],
      ['http://x?b', 'x', '/?b'],
      ['HTTPS://x.y:81/a//b', 'x.y:81', '/a//b'],
      ['http://[::1]:80/a', '[::1]:80', '/a'],
    ] as const) {
      const read = readHttp1Head(`GET ${target} HTTP/1.1\r\nhost: other`);
      assert.deepEqual(read?.fields, [':method', 'GET', ':path', path, 'host', host]);
    }
  });

  for (const host of ['', 'x', 'x:80', 'a_b.c-d', '[::1]', '[::1]:80', '10.0.0.1:8500'])
    it(`takes ${host === '' ? 'an empty host' : host} for a host`, () => {
      assert.ok(readHttp1Head(`GET / HTTP/1.1\r\nhost: ${host}`));
    });

  // each has been read in two ways by two servers somewhere, or asks for more than an answer
  for (const [name, text] of [
    ['two lengths', head('content-length: 1', 'content-length: 1')],
    ['a list of lengths', head('content-length: 1, 1')],
    ['a signed length', head('content-length: +1')],
    ['a length in hexadecimal', head('content-length: 0x10')],
    ['a length and chunks', head('content-length: 1', 'transfer-encoding: chunked')],
    ['a coding besides chunked', head('transfer-encoding: gzip, chunked')],
    ['chunked twice', head('transfer-encoding: chunked', 'transfer-encoding: chunked')],
    ['a disguised coding', head('transfer-encoding: \x0bchunked')],
    ['white space before the colon', head('content-length : 1')],
    ['a folded line', head('x-a: b', ' c')],
    ['a bare line feed', head('x-a: b\ncontent-length: 5')],
    ['a bare carriage return', head('x-a: b\rcontent-length: 5')],
    ['a NUL', head('x-a: b\0c')],
    ['no name', head(': b')],
    ['no colon', head('x-a')],
    ['no host', 'POST / HTTP/1.1'],
    ['two hosts', head('host: y')],
    ['another version', 'POST / HTTP/1.0\r\nhost: x'],
    ['a method whose answers have no body', 'HEAD / HTTP/1.1\r\nhost: x'],
    ['a method nobody knows', 'GOT / HTTP/1.1\r\nhost: x'],
    ['an absolute target of another scheme', 'POST ftp://x/ HTTP/1.1\r\nhost: x'],
    ['an absolute target without a host', 'POST http:///a HTTP/1.1\r\nhost: x'],
    ['an absolute target with a user', 'POST http://u@x/ HTTP/1.1\r\nhost: x'],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nhost: x'],
    ['an authority', 'GET x:80 HTTP/1.1\r\nhost: x'],
    ['a host with a user', 'POST / HTTP/1.1\r\nhost: u@x'],
    ['a host with a blank', 'POST / HTTP/1.1\r\nhost: x y'],
    ['a host with a path', 'POST / HTTP/1.1\r\nhost: x/y'],
    ['a list of hosts', 'POST / HTTP/1.1\r\nhost: x, y'],
    ['a space in the target', 'POST /a b HTTP/1.1\r\nhost: x'],
    ['another expectation', head('expect: 200-ok')],
    ['upgrade', head('upgrade: h2c', 'connection: upgrade')],
    ['a list of connection options', head('connection: close, x-a')],
    ['connection options twice', head('connection: close', 'connection: keep-alive')],
  ] as const) {
    it(`leaves ${name} to a general server`, () => assert.equal(readHttp1Head(text), undefined));
  }
});

const collect = (
  body: ChunkedBody | SizedBody,
  pieces: readonly Buffer[],
): { text: string; rest: string } => {
  let text = '';
  let rest = '';
  for (const piece of pieces) {
    const at = body.read(piece, 0, (data) => (text += data.toString('latin1')));
    if (at === -1) return { text, rest: 'broken' };
    rest += piece.toString('latin1', at);
  }
  return { text, rest };
};

describe('bodies', () => {
  const wire = Buffer.from('5;a="b";c\r\nhello\r\n00a\r\n, 10 bytes\r\n0\r\nx-t: 1\r\n\r\nPOST');

  it('gives the same data wherever a chunked body is cut, and stops behind it', () => {
    for (let a = 0; a <= wire.length; a++) {
      for (let b = a; b <= wire.length; b++) {
        const body = new ChunkedBody();
        const got = collect(body, [wire.subarray(0, a), wire.subarray(a, b), wire.subarray(b)]);
        assert.deepEqual(got, { text: 'hello, 10 bytes', rest: 'POST' });
        assert.ok(body.done);
      }
    }
  });

  for (const [name, text] of [
    ['no digits', '\r\nhello'],
    ['a sign', '+5\r\nhello\r\n'],
    ['nine digits', '000000005\r\nhello\r\n'],
    ['a control character in an extension', '5;a=\x01\r\nhello\r\n'],
    ['an extension that ends in a line feed', '5;a=b\nhello\r\n'],
    ['endless extensions', `5;${'a'.repeat(4096)}\r\nhello\r\n`],
    ['white space before an extension', '5 ;a\r\nhello\r\n'],
    ['an extension without a name', '5;\r\nhello\r\n'],
    ['a quotation without an end', '5;a="\\"\r\nhello\r\n'],
    ['a trailer that is no field', '0\r\n"x: y\r\n\r\n'],
    ['white space alone', '5 \r\nhello\r\n'],
    ['a bare line feed', '5\nhello\r\n'],
    ['data beyond its size', '5\r\nhello!\r\n0\r\n\r\n'],
    ['endless trailers', `0\r\n${'x-t: 1\r\n'.repeat(1000)}\r\n`],
    ['an endless line', `0\r\n${'x'.repeat(5000)}`],
  ] as const) {
    it(`breaks off a chunk with ${name}`, () => {
      assert.equal(collect(new ChunkedBody(), [Buffer.from(text)]).rest, 'broken');
    });
  }

  it('counts a sized body', () => {
    const body = new SizedBody(5);
    assert.deepEqual(collect(body, [Buffer.from('he'), Buffer.from('lloPOST')]), {
      text: 'hello',
      rest: 'POST',
    });
    assert.ok(body.done);
  });
});

describe('a connection', () => {
  let port = 0;
  const handedOver: string[] = [];
  const ends: (number | 'end')[] = [];
  const servers: Http1Server[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    const made = new Http1Server(socket, {
      headersTimeoutMs: 300,
      keepAliveTimeoutMs: 300,
      maxHeadBytes: 16_384,
      maxHeadFields: 100,
      onLimit: () => undefined,
      windowBytes: 65_536,
      highWaterBytes: 65_536,
      onStream(stream, fields) {
        let body = '';
        if (fields[3] === '/other') return undefined;
        if (fields[3] === '/early') {
          stream.respond([':status', '415', 'content-length', '2']);
          stream.write(Buffer.from('no'));
          stream.end();
          return { onData: (c) => stream.credit(c.length), onEnd() {}, onReset() {}, onDrain() {} };
        }
        return {
          onData(chunk) {
            body += chunk.toString('latin1');
            stream.credit(chunk.length);
          },
          onEnd() {
            ends.push('end');
            if (fields[3] === '/silent') return;
            stream.respond([':status', '200', 'x-path', fields[3] ?? '']);
            stream.write(Buffer.from(body.length > 100 ? String(body.length) : body));
            stream.end();
          },
          onReset: (code) => ends.push(code),
          onDrain() {},
        };
      },
      onOther(initial) {
        handedOver.push(initial.toString('latin1'));
        socket.end('other');
      },
      onClose() {},
    });
    servers.push(made);
    made.begin(Buffer.alloc(0));
  });
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());

  /** Sends pieces, and gives everything that comes until the connection ends or `until` has come. */
  async function talk(pieces: readonly (string | Buffer)[], until?: string): Promise<string> {
    const socket: Socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    await once(socket, 'connect');
    let got = '';
    const done = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1');
        if (until !== undefined && got.includes(until)) resolve();
      });
      socket.on('close', () => {
        resolve();
      });
    });
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await done;
    socket.destroy();
    return got;
  }

  const post = (path: string, body: string, more = ''): string =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n${more}\r\n${body}`;
  const answerTo = (path: string, body: string): string =>
    `HTTP/1.1 200 OK\r\nx-path: ${path}\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

  it('answers requests one after the other, pipelined, and in whatever pieces they come', async () => {
    const all = post('/1', 'one') + post('/2', 'two') + post('/3', 'three');
    const expected = answerTo('/1', 'one') + answerTo('/2', 'two') + answerTo('/3', 'three');
    assert.equal(await talk([all], 'three\r\n0\r\n\r\n'), expected);
    assert.equal(
      await talk([all.slice(0, 70), all.slice(70, 75), all.slice(75)], 'three\r\n0\r\n\r\n'),
      expected,
    );
  });

  it('closes when nothing follows in time', async () => {
    const started = performance.now();
    assert.equal(await talk([post('/1', 'one')]), answerTo('/1', 'one'));
    assert.ok(performance.now() - started >= 290);
    assert.match(await talk(['POST /1 HT']), /^HTTP\/1\.1 408 /);
  });

  it('hands the connection over with the bytes of the first request that is not its own', async () => {
    const other = 'HEAD /x HTTP/1.1\r\nhost: x\r\n\r\n';
    assert.equal(await talk([post('/1', 'one') + other]), `${answerTo('/1', 'one')}other`);
    assert.equal(handedOver.pop(), other);
    const unclaimed = post('/other', 'body');
    assert.equal(await talk([unclaimed]), 'other');
    assert.equal(handedOver.pop(), unclaimed);
    const long = `POST /1 HTTP/1.1\r\nhost: x\r\nx-a: ${'y'.repeat(20_000)}\r\n\r\n`;
    assert.match(
      await talk([long]),
      /^HTTP\/1\.1 431 .*\r\nconnection: close\r\n.*limit of 16384 bytes"\}$/s,
    );
    const many = `POST /1 HTTP/1.1\r\nhost: x\r\n${'x: y\r\n'.repeat(100)}\r\n`;
    assert.match(await talk([many]), /^HTTP\/1\.1 431 .*more header fields than the limit of 100"\}$/s);
    assert.deepEqual(handedOver, []);
  });

  it('reads a head that comes in many pieces', async () => {
    const slow = post('/1', 'one', `x-a: ${'y'.repeat(500)}\r\n`) + post('/2', 'two');
    const got = await talk(slow.match(/[^]{1,40}/g) ?? [], 'two\r\n0\r\n\r\n');
    assert.equal(got, answerTo('/1', 'one') + answerTo('/2', 'two'));
  });

  it('reads on after an early answer for as long as the client sends, and ends the connection', async () => {
    // 8 MiB in chunks, more than the buffers of both systems hold together
    const chunk = `10000\r\n${'z'.repeat(65_536)}\r\n`;
    const head = 'POST /early HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
    const got = await talk([head, ...Array.from({ length: 128 }, () => chunk)]);
    assert.equal(got, 'HTTP/1.1 415 Unsupported Media Type\r\ncontent-length: 2\r\n\r\nno');
  });

  it('reads over the rest of a request that was answered early, and goes on', async () => {
    const early = post('/early', 'z'.repeat(200_000));
    const got = await talk([early.slice(0, 100), early.slice(100), post('/1', 'one')], 'one\r\n0\r\n\r\n');
    assert.equal(
      got,
      `HTTP/1.1 415 Unsupported Media Type\r\ncontent-length: 2\r\n\r\nno${answerTo('/1', 'one')}`,
    );
  });

  it('takes a body far above its window', async () => {
    const body = 'b'.repeat(1_000_000);
    assert.equal(await talk([post('/1', body)], '0\r\n\r\n'), answerTo('/1', '1000000'));
  });

  it('answers 400 and closes when a body breaks its framing, and tells who reads it', async () => {
    ends.length = 0;
    const got = await talk([
      'POST /1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloX\r\n',
    ]);
    assert.match(got, /^HTTP\/1\.1 400 Bad Request\r\nconnection: close/);
    assert.deepEqual(ends, [1]);
  });

  it('tells when the client leaves before its answer', async () => {
    ends.length = 0;
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(post('/silent', 'x'));
    await waitFor(() => ends.length > 0, 5000, 'the request');
    socket.destroy();
    await waitFor(() => ends.length > 1, 5000, 'the end of its connection');
    assert.deepEqual(ends, ['end', -1]);
  });

  it('ends an idle connection at once when it is shut down', async () => {
    const before_ = servers.length;
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.resume();
    await waitFor(() => servers.length > before_, 5000, 'the server of the connection');
    servers.at(-1)?.shutdown();
    assert.equal(servers.at(-1)?.socket.writableEnded, true);
    await once(socket, 'close');
  });
});
