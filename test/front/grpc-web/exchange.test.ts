/**
 * gRPC-Web through the whole gateway: binary and text, over HTTP/1.1 and HTTP/2, CORS on every answer, REST beside
 * it.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { getMetadata } from '../../../src/call/index.ts';
import { startTestGateway, type TestGateway } from '../../support/index.ts';
import { connectWire, framed, startWireServer, type WireServer } from '../../support/wire.ts';

const origin = 'https://app.example';
const service = '/any.Service';
const messages = [framed(Buffer.from('a')), framed(Buffer.from('bcdef')), framed(Buffer.alloc(70_000, 7))];

/** Without the long difference that assert would print. */
const sameMessages = (got: readonly Buffer[]): void => {
  assert.ok(Buffer.concat(got).equals(Buffer.concat(messages)), `${got.length} messages, not the same`);
};

/** As much as a backend may say: with what CORS adds to it, more than the output collects in one piece of memory. */
const largeMetadata = Array.from({ length: 200 }, (_, i) => [
  `x-${'n'.repeat(400)}-${i}`,
  '\xfc'.repeat(200),
]).flat();

let backend: WireServer;
let gateway: TestGateway;
let client: Awaited<ReturnType<typeof connectWire>>;
/** Lets the backend's streamed answer go on by one message. */
let step: (() => void) | undefined;

before(async () => {
  backend = await startWireServer((stream, fields) => {
    const head = [':status', '200', 'content-type', 'application/grpc', 'x-custom', 'yes'];
    return {
      onEnd() {
        switch (getMetadata(fields, ':path')) {
          case `${service}/Fail`:
            stream.respond([...head, 'grpc-status', '5', 'grpc-message', 'no%0Asuch'], true);
            return;
          case `${service}/Large`:
            stream.respond([...head, ...largeMetadata], false);
            stream.write(messages[0] as Buffer);
            stream.end(['grpc-status', '0']);
            return;
          case `${service}/Cut`:
            stream.respond(head);
            stream.write((messages[1] as Buffer).subarray(0, 7));
            stream.end(['grpc-status', '0']);
            return;
          case `${service}/Flags`:
            stream.respond(head);
            // as long as a block of trailers
            stream.write(framed(Buffer.from('grpc-status: 0\r\n'), 0x80));
            stream.end(['grpc-status', '8']);
            return;
          case `${service}/Step`: {
            stream.respond(head);
            let sent = 0;
            step = () => {
              if (sent < messages.length) stream.write(messages[sent++] as Buffer);
              else stream.end(['grpc-status', '0']);
            };
            step();
            return;
          }
          case `${service}/Many`:
            stream.respond(head);
            for (const message of messages) stream.write(message);
            stream.end(['grpc-status', '0', 'x-trailer', 'bye']);
            return;
          default:
            stream.respond([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '12'], true);
        }
      },
    };
  });
  gateway = await startTestGateway([backend.url], {
    grpc: { passthrough: true },
    cors: { origins: [origin] },
  });
  client = await connectWire(Number(gateway.rest.split(':')[1]));
});
after(async () => {
  client.destroy();
  await gateway.stop();
  backend.close();
});

interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

interface Request {
  readonly method?: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: Buffer;
  readonly more?: Record<string, string>;
  readonly onData?: (soFar: Buffer) => void;
}

function overHttp1(ask: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const [host, port] = gateway.rest.split(':');
    const headers = { origin, ...(ask.type === undefined ? {} : { 'content-type': ask.type }), ...ask.more };
    const options = {
      host,
      port,
      method: ask.method ?? 'POST',
      path: ask.path,
      headers,
      agent: false,
      maxHeaderSize: 2 ** 20,
    };
    const request = http.request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        ask.onData?.(Buffer.concat(chunks));
      });
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          header: (name) => response.headers[name] as string | undefined,
          body: Buffer.concat(chunks),
        });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(ask.body);
  });
}

async function overHttp2(ask: Request): Promise<Answer> {
  const fields = [':method', ask.method ?? 'POST', ':scheme', 'http', ':path', ask.path, ':authority', 'x'];
  if (ask.type !== undefined) fields.push('content-type', ask.type);
  fields.push('origin', origin, ...Object.entries(ask.more ?? {}).flat());
  const call = client.call(fields, ask.body ?? Buffer.alloc(0));
  const watch = setInterval(() => ask.onData?.(call.received()), 2);
  const { headers, body } = await call.done;
  clearInterval(watch);
  return { status: Number(headers[1]), header: (name) => getMetadata(headers, name), body };
}

/** Pieces of base64 that may each be padded. */
function decodeText(text: Buffer): Buffer {
  return Buffer.concat(
    (text.toString('latin1').match(/[^=]+={0,2}/g) ?? []).map((piece) => Buffer.from(piece, 'base64')),
  );
}

/** The messages with their prefixes, and the lines of the trailer frame, which must be the last. */
function parse(body: Buffer): { messages: Buffer[]; trailers: string[] } {
  const found: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    assert.ok(end <= body.length, 'a frame is cut');
    const frame = body.subarray(at, end);
    at = end;
    if (frame[0] === 0x80) {
      assert.equal(at, body.length, 'something follows the trailer frame');
      return { messages: found, trailers: frame.toString('latin1', 5).split('\r\n').slice(0, -1) };
    }
    found.push(frame);
  }
  return { messages: found, trailers: [] };
}

for (const [version, ask] of [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
] as const) {
  for (const [kind, type, encode, decode] of [
    ['binary', 'application/grpc-web+proto', (b: Buffer) => b, (b: Buffer) => b],
    ['text', 'application/grpc-web-text+proto', (b: Buffer) => Buffer.from(b.toString('base64')), decodeText],
  ] as const) {
    describe(`gRPC-Web in ${kind} over ${version}`, () => {
      const body = encode(framed(Buffer.from('question')));

      it('brings messages and trailers, in the type that was asked for', async () => {
        const answer = await ask({ path: `${service}/Many`, type, body });
        assert.equal(answer.status, 200);
        assert.equal(answer.header('content-type'), type);
        assert.equal(answer.header('trailer'), undefined);
        const { messages: got, trailers } = parse(decode(answer.body));
        sameMessages(got);
        assert.deepEqual(trailers, ['grpc-status: 0', 'x-trailer: bye']);
        assert.equal(answer.header('access-control-allow-origin'), origin);
        assert.match(answer.header('access-control-expose-headers') ?? '', /grpc-status.*x-custom/);
      });

      it('brings an error in the trailer frame, safely encoded', async () => {
        const answer = await ask({ path: `${service}/Fail`, type, body });
        assert.equal(answer.status, 200);
        assert.equal(answer.header('grpc-status'), undefined);
        assert.deepEqual(parse(decode(answer.body)).trailers, [
          'x-custom: yes',
          'grpc-status: 5',
          'grpc-message: no%0Asuch',
        ]);
        assert.equal(answer.header('access-control-allow-origin'), origin);
      });

      it('says INTERNAL for a message that the backend cut, and delivers no part of it', async () => {
        const answer = await ask({ path: `${service}/Cut`, type, body });
        const { messages: got, trailers } = parse(decode(answer.body));
        assert.deepEqual(got, []);
        assert.equal(trailers[0], 'grpc-status: 13');
      });

      it('makes no trailers of a message whose flag says so', async () => {
        const answer = await ask({ path: `${service}/Flags`, type, body });
        const { messages: got, trailers } = parse(decode(answer.body));
        assert.deepEqual(got, []);
        assert.equal(trailers[0], 'grpc-status: 13');
      });

      it('brings each message of a stream before the next one exists', async () => {
        let seen = 0;
        const answer = await ask({
          path: `${service}/Step`,
          type,
          body,
          onData(soFar) {
            if (kind === 'text' && soFar.length % 4 !== 0) return;
            let whole = 0;
            const bytes = decode(soFar);
            for (let at = 0; at + 5 <= bytes.length;) {
              at += 5 + bytes.readUInt32BE(at + 1);
              if (at <= bytes.length) whole++;
            }
            for (; seen < Math.min(whole, messages.length); seen++) step?.();
          },
        });
        assert.equal(seen, messages.length);
        sameMessages(parse(decode(answer.body)).messages);
      });

      it('answers what it cannot serve with CORS too', async () => {
        const timeout = await ask({ path: `${service}/Many`, type, body, more: { 'grpc-timeout': 'soon' } });
        assert.match(parse(decode(timeout.body)).trailers[0] ?? '', /grpc-status: 13/);
        const wrongType = await ask({ path: `${service}/Many`, type: 'text/plain', body });
        assert.equal(wrongType.status, 415);
        const wrongMethod = await ask({ path: `${service}/Many`, method: 'GET' });
        assert.equal(wrongMethod.status, 405);
        assert.match(wrongMethod.header('allow') ?? '', /POST/);
        for (const answer of [timeout, wrongType, wrongMethod])
          assert.equal(answer.header('access-control-allow-origin'), origin);
      });

      it('lets a page ask first, whatever the path', async () => {
        const before = backend.requests.length;
        const answer = await ask({
          path: '/un.Known/Method',
          method: 'OPTIONS',
          more: {
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'content-type,x-grpc-web,authorization',
          },
        });
        assert.equal(answer.status, 204);
        assert.equal(answer.header('access-control-allow-origin'), origin);
        assert.match(answer.header('access-control-allow-methods') ?? '', /POST/);
        assert.equal(answer.header('access-control-allow-headers'), 'content-type,x-grpc-web,authorization');
        assert.equal(backend.requests.length, before);
      });
    });
  }

  it(`answers REST over ${version} on the same port`, async () => {
    const answer = await ask({ path: '/v1/models/nobody', method: 'GET' });
    // the backend knows no models
    assert.equal(answer.status, 501);
    assert.match(answer.body.toString(), /"error"/);
  });
}

describe('metadata of a backend that is longer than a piece of output over HTTP/1.1', () => {
  for (const [type, decode] of [
    ['application/grpc-web', (b: Buffer) => b],
    ['application/grpc-web-text', decodeText],
  ] as const) {
    it(`brings the whole head, the messages and the trailers as ${type}`, async () => {
      const message = framed(Buffer.from('q'));
      const body = type.endsWith('text') ? Buffer.from(message.toString('base64')) : message;
      const answer = await overHttp1({ path: `${service}/Large`, type, body });
      for (let i = 0; i < largeMetadata.length; i += 2)
        assert.equal(answer.header(largeMetadata[i] as string), largeMetadata[i + 1]);
      const exposed = answer.header('access-control-expose-headers') ?? '';
      assert.ok(exposed.endsWith(largeMetadata.at(-2) as string), 'CORS names every field');
      const { messages: got, trailers } = parse(decode(answer.body));
      assert.deepEqual(got, messages.slice(0, 1));
      assert.deepEqual(trailers, ['grpc-status: 0']);
    });
  }
});

describe('base64 and binary mixed', () => {
  it('answers in the form that Accept names', async () => {
    const answer = await overHttp1({
      path: `${service}/Many`,
      type: 'application/grpc-web-text',
      body: Buffer.from(framed(Buffer.from('x')).toString('base64')),
      more: { accept: 'application/grpc-web+proto' },
    });
    assert.equal(answer.header('content-type'), 'application/grpc-web+proto');
    sameMessages(parse(answer.body).messages);
  });
});
