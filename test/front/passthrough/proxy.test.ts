/** The proxy end to end: real sockets, a generative server behind, clients that stream, leave, and try tricks. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import {
  type GenerativeServer,
  sleep,
  startGenerativeServer,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../../support/index.ts';
import { connectWire } from '../../support/wire.ts';

const chat = (fields: object = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
  body: JSON.stringify({ model: 'tiny-llm', stream: true, messages: [], ...fields }),
});

interface OpenAiError {
  readonly error: { readonly message: string; readonly type: string; readonly code: string };
}

/** The moment of each event's writing, and that of its arrival here, in ms. */
async function timesOf(answer: Response): Promise<{ sentMs: number; gotMs: number }[]> {
  const times: { sentMs: number; gotMs: number }[] = [];
  for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
    const gotMs = performance.now();
    for (const [, sent] of text.matchAll(/"sent_at":([0-9.]+)/g)) times.push({ sentMs: Number(sent), gotMs });
  }
  return times;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** No time-out of ours is as short; a quiet machine takes a few milliseconds. */
const promptMs = 1000;

describe('the proxy in front of one generative server', () => {
  let server: GenerativeServer;
  let gateway: TestGateway;
  let url: string;

  before(async () => {
    server = await startGenerativeServer();
    gateway = await startTestGateway([], {
      fleets: { llm: { backends: [server.url], health: { fastIntervalMs: 50 } } },
      proxy: {
        routes: [
          { prefix: '/v3', fleet: 'llm' },
          { prefix: '/v1/chat', fleet: 'llm', rewrite: '/v3/chat' },
        ],
        maxBodyBytes: 2_000_000,
        headersTimeoutMs: 1500,
        idleTimeoutMs: 1500,
        maxInFlight: 8,
      },
    });
    url = `http://${gateway.rest}`;
  });
  afterEach(() => {
    server.answer = undefined;
    server.seen.length = 0;
  });
  after(async () => {
    await gateway.stop();
    await server.close();
  });

  it('passes a request on as it is, API key and query included', async () => {
    const answer = await fetch(`${url}/v3/anything/a%2Fb?x=%20&y`, {
      method: 'PUT',
      headers: { authorization: 'Bearer secret', 'x-custom': 'kept', 'content-type': 'text/odd' },
      body: 'a body',
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-served-by'), server.name);
    const [seen] = server.seen;
    assert.equal(seen?.method, 'PUT');
    assert.equal(seen.url, '/v3/anything/a%2Fb?x=%20&y');
    assert.equal(seen.body, 'a body');
    assert.equal(seen.headers.host, server.name);
    assert.equal(seen.headers.authorization, 'Bearer secret');
    assert.equal(seen.headers['x-custom'], 'kept');
    assert.equal(seen.headers['content-type'], 'text/odd');
    assert.equal(seen.headers['x-request-id'], answer.headers.get('x-request-id'));
  });

  it('says that it has no model which none of its servers lists', async () => {
    const answer = await fetch(`${url}/v1/models/unknown`);
    assert.equal(answer.status, 404);
    assert.deepEqual(await answer.json(), { error: 'model unknown is not found' });
  });

  it('rewrites a prefix where the configuration says so', async () => {
    assert.equal((await fetch(`${url}/v1/chat/completions`, chat({ stream: false }))).status, 200);
    assert.equal(server.seen[0]?.url, '/v3/chat/completions');
  });

  it('forwards the head and each event at once', async () => {
    const started = performance.now();
    const init = chat();
    const headers = { ...init.headers, 'x-pause-ms': '250', 'x-events': '20' };
    const answer = await fetch(`${url}/v3/chat/completions`, { ...init, headers });
    const headMs = performance.now() - started;
    assert.ok(headMs < 200, `the head came after ${headMs} ms, when the first event was due after 250`);
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    const beside = fetch(`${server.url}/v3/chat/completions`, { ...init, headers });
    const [through, direct] = await Promise.all([timesOf(answer), beside.then(timesOf)]);
    assert.equal(through.length, 20);
    const late = (times: typeof through): number => median(times.map(({ sentMs, gotMs }) => gotMs - sentMs));
    assert.ok(late(through) < late(direct) + 10, `${late(through)} ms through, ${late(direct)} ms direct`);
    assert.ok(Math.max(...through.map(({ sentMs, gotMs }) => gotMs - sentMs)) < 150);
  });

  it('cancels at the backend at once when the client leaves a stream', async () => {
    const leave = new AbortController();
    const answer = await fetch(`${url}/v3/chat/completions`, {
      ...chat(),
      headers: { 'x-events': '1000' },
      signal: leave.signal,
    });
    await answer.body?.getReader().read();
    const leftMs = performance.now();
    leave.abort();
    const seenMs = await waitFor(() => server.seen[0]?.leftAtMs);
    assert.ok(seenMs - leftMs < promptMs, `seen after ${seenMs - leftMs} ms`);
  });

  it('cancels at the backend at once when the client leaves before the answer begins', async () => {
    server.answer = () => undefined;
    const leave = new AbortController();
    const answer = fetch(`${url}/v3/chat/completions`, { ...chat(), signal: leave.signal });
    await waitFor(() => server.seen.length === 1);
    const leftMs = performance.now();
    leave.abort();
    await assert.rejects(answer);
    const seenMs = await waitFor(() => server.seen[0]?.leftAtMs);
    assert.ok(seenMs - leftMs < promptMs, `seen after ${seenMs - leftMs} ms`);
  });

  it('streams over HTTP/2 too, and cancels when the stream is reset', async () => {
    const port = Number(gateway.rest.split(':')[1]);
    const client = await connectWire(port);
    const call = client.call([
      ...[':method', 'POST', ':scheme', 'http', ':path', '/v3/chat/completions', ':authority', 'gateway'],
      ...['content-type', 'application/json', 'x-events', '1000'],
    ]);
    call.stream.write(Buffer.from(chat().body));
    call.stream.end();
    await waitFor(() => call.received().toString().includes('word1'));
    const leftMs = performance.now();
    call.stream.reset(8);
    const seenMs = await waitFor(() => server.seen[0]?.leftAtMs);
    assert.ok(seenMs - leftMs < promptMs, `seen after ${seenMs - leftMs} ms`);
    client.destroy();
  });

  it('streams a body up while it is made, and refuses it beyond the limit', async () => {
    const upload = httpRequest(`${url}/v3/audio`, { method: 'POST' });
    let got = 0;
    server.answer = (request, response) => {
      request.on('data', (chunk: Buffer) => (got += chunk.length));
      request.on('end', () => response.end(String(got)));
    };
    upload.write(Buffer.alloc(100_000));
    await waitFor(() => got === 100_000, 1000, 'the first part to arrive before the rest is made');
    upload.end(Buffer.alloc(1_000_000));
    const [answer] = (await once(upload, 'response')) as [IncomingMessage];
    assert.equal((await answer.toArray()).join(''), '1100000');

    const declared = await fetch(`${url}/v3/audio`, { method: 'POST', body: new Uint8Array(2_000_001) });
    assert.equal(declared.status, 413);
    assert.match(((await declared.json()) as OpenAiError).error.message, /limit of 2000000 bytes/);

    const chunked = httpRequest(`${url}/v3/audio`, { method: 'POST' });
    chunked.on('error', () => undefined);
    chunked.end(Buffer.alloc(2_500_000));
    const [refused] = (await once(chunked, 'response')) as [IncomingMessage];
    assert.equal(refused.statusCode, 413);
    assert.equal(refused.headers.connection, 'close');
    chunked.destroy();
  });

  it('answers 408 when a client stops in the middle of its body', async () => {
    const upload = httpRequest(`${url}/v3/audio`, { method: 'POST', headers: { 'content-length': '100' } });
    upload.on('error', () => undefined);
    upload.write('half');
    const [answer] = (await once(upload, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 408);
    upload.destroy();
  });

  it('answers 504 when a backend does not begin, and lets a long stream go on for as long as it moves', async () => {
    server.answer = () => undefined;
    const silent = await fetch(`${url}/v3/chat/completions`, chat());
    assert.equal(silent.status, 504);
    assert.equal(((await silent.json()) as OpenAiError).error.code, 'deadline_exceeded');
    server.answer = undefined;
    const moving = await fetch(`${url}/v3/chat/completions`, {
      ...chat(),
      headers: { 'x-pause-ms': '700', 'x-events': '4' },
    });
    assert.match(await moving.text(), /word3.*\[DONE\]/s);
  });

  it('ends a stream that falls silent or breaks with an error event, and never as if it were whole', async () => {
    const breaks: ((response: ServerResponse) => void)[] = [
      () => undefined,
      (response) => setTimeout(() => response.destroy(), 50),
    ];
    for (const breaking of breaks) {
      server.answer = (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        response.write('data: {"half":');
        breaking(response);
      };
      const answer = await fetch(`${url}/v3/chat/completions`, chat());
      let text = '';
      await assert.rejects(async () => {
        for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) text += part;
      });
      const event = /\n\ndata: (.*)\n\n$/.exec(text)?.[1] ?? '{}';
      const { error } = JSON.parse(event) as Partial<OpenAiError>;
      assert.match(error?.message ?? '', /broke off in the middle of its answer/);
      assert.equal(error?.type, 'server_error');
    }
  });

  it('passes a backend’s own errors unchanged, and says its own in OpenAI’s shape', async () => {
    const own = await fetch(`${url}/v3/chat/completions`, chat({ model: 'nobody' }));
    assert.equal(own.status, 404);
    assert.deepEqual(await own.json(), { error: 'Model nobody not found' });

    server.answer = (request) => request.socket.destroy();
    const broken = await fetch(`${url}/v3/chat/completions`, chat());
    assert.equal(broken.status, 502);
    assert.match(((await broken.json()) as OpenAiError).error.message, /broke off before it answered/);
  });

  it('refuses what is not for it in the same shape', async () => {
    const table: readonly (readonly [
      init: RequestInit & { path?: string },
      status: number,
      message: RegExp,
    ])[] = [
      [{ method: 'PROPFIND' }, 405, /PROPFIND is not passed on/],
      [{ headers: { 'content-type': 'nonsense' }, method: 'POST', body: 'x' }, 415, /Malformed request/],
    ];
    for (const [init, status, message] of table) {
      const answer = await fetch(`${url}/v3/x`, init);
      assert.equal(answer.status, status);
      assert.match(((await answer.json()) as OpenAiError).error.message, message);
    }
    assert.equal(server.seen.length, 0);
  });

  it('lets no path or header trick choose another path or host', async () => {
    const evil = await startGenerativeServer();
    /** What a client writes that no library of good manners would. */
    const raw = async (target: string, more = ''): Promise<string> => {
      const socket = connect(Number(gateway.rest.split(':')[1]), '127.0.0.1');
      socket.write(`GET ${target} HTTP/1.1\r\nHost: ${evil.name}\r\nConnection: close\r\n${more}\r\n`);
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      await once(socket, 'close');
      return text;
    };
    const refused = [
      '/v3/../v1/config/reload',
      '/v3/%2e%2e/v2/health/ready',
      '/v3/..%2fv1/models',
      '/v3/%252e%252e/x',
      '/v3/\\..\\x',
      '/v3/%5c..%5cx',
      `/v3//${evil.name}/x`,
      `//${evil.name}/v3/x`,
      `/v3\\@${evil.name}/x`,
      `/v3@${evil.name}/x`,
      '/%763/x',
      '/v3%2fx',
      '/v3/x#y',
      '/v3/x%00',
      '/v3/x%zz',
    ];
    for (const target of refused) {
      const answer = await raw(target);
      assert.match(answer, /^HTTP\/1\.1 (400|404) /, target);
      if (!/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n\r\n$/.test(answer))
        assert.match(answer, /"error"/, target);
    }
    assert.equal(server.seen.length, 0);
    const passed = ['/v3/a%3Fb', '/v3/a%23b', '/v3/a%2Fb', '/v3/?@x', `/v3/x?url=http://${evil.name}/`];
    for (const target of passed) assert.match(await raw(target), /^HTTP\/1\.1 200 /, target);
    assert.deepEqual(
      server.seen.map(({ url: seen }) => seen),
      passed,
    );
    // the target of a client with a proxy set: its host is ours by that client's account, and chooses nothing
    assert.match(await raw(`http://${evil.name}/v3/x`), /^HTTP\/1\.1 200 /);
    assert.equal(server.seen.at(-1)?.url, '/v3/x');
    await raw('/v3/x', `X-Forwarded-Host: ${evil.name}\r\nForwarded: host=${evil.name}\r\n`);
    const last = server.seen.at(-1);
    assert.equal(last?.headers.host, server.name);
    assert.equal(last.headers['x-forwarded-host'] ?? last.headers.forwarded, undefined);
    assert.equal(evil.seen.length, 0);
    await evil.close();
  });

  it('passes a body on whatever the method, over HTTP/2 too, where no length need be said', async (t) => {
    const client = await connectWire(Number(gateway.rest.split(':')[1]));
    t.after(() => {
      client.destroy();
    });
    for (const method of ['DELETE', 'POST', 'PUT', 'PATCH']) {
      for (const more of [[], ['content-length', '7'], ['host', 'other']]) {
        const head = [':method', method, ':scheme', 'http', ':path', '/v3/files/7', ':authority', 'x'];
        const fields = [...head, 'content-type', 'application/json', ...more];
        const { headers } = await client.call(fields, Buffer.from('{"a":1}')).done;
        assert.equal(headers[1], '200', `${method} ${more.join(' ')}`);
        const seen = server.seen.at(-1);
        assert.deepEqual([seen?.method, seen?.body], [method, '{"a":1}']);
      }
    }
  });

  it('refuses a WebSocket upgrade and passes none of it on', async () => {
    const upgrade = httpRequest(`${url}/v3/realtime`, {
      headers: { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-key': 'x' },
    }).end();
    const [answer] = (await once(upgrade, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 501);
    answer.resume();
    assert.equal(server.seen.length, 0);
  });

  it('answers CORS in the backend’s place, once', async () => {
    const preflight = await fetch(`${url}/v3/files/1`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'DELETE',
        'access-control-request-headers': 'authorization',
      },
    });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /DELETE/);
    assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization');
    assert.equal(server.seen.length, 0);
    const answer = await fetch(`${url}/v3/chat/completions`, {
      ...chat(),
      headers: { origin: 'https://app.example' },
    });
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    assert.equal(answer.headers.get('access-control-allow-headers'), null);
    assert.match(answer.headers.get('access-control-expose-headers') ?? '', /x-served-by/);
    await answer.text();
    const error = await fetch(`${url}/v3/%2e%2e%2f`, { headers: { origin: 'https://app.example' } });
    assert.equal(error.headers.get('access-control-allow-origin'), '*');
  });

  it('holds no more requests at a backend than its limit, and says 429 to the rest', async () => {
    const leave = new AbortController();
    const held = await Promise.all(
      Array.from({ length: 8 }, () =>
        fetch(`${url}/v3/chat/completions`, {
          ...chat(),
          headers: { 'x-events': '1000' },
          signal: leave.signal,
        }),
      ),
    );
    const refused = await fetch(`${url}/v3/chat/completions`, chat());
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.match(((await refused.json()) as OpenAiError).error.message, /limit of 8 requests/);
    leave.abort();
    await waitFor(async () => (await fetch(`${url}/v3/x`)).status === 200);
    assert.equal(held.length, 8);
  });

  it('holds a bounded amount for a client that reads slowly', async () => {
    let written = 0;
    server.answer = (_request, response) => {
      const more = (): void => {
        while (written < 200_000_000 && response.write(Buffer.alloc(65_536))) written += 65_536;
        response.once('drain', more);
      };
      more();
    };
    const answer = await fetch(`${url}/v3/images`);
    await sleep(300);
    assert.ok(written < 20_000_000, `the backend could write ${written} bytes that nobody reads`);
    await waitFor(() => server.seen[0]?.leftAtMs, 5000, 'the stalled answer to be cut');
    await assert.rejects(answer.arrayBuffer());
  });

  it('counts by prefix and never by what a client makes up', async () => {
    for (let i = 0; i < 20; i++)
      await fetch(`${url}/v3/made-up-${i}?key=secret`, { method: 'POST', body: 'x' });
    const metrics = await (await fetch(`http://${gateway.admin}/metrics`)).text();
    const line =
      /tensorgate_proxy_requests_total\{prefix="\/v3",method="POST",status="200",complete="true"\} (\d+)/;
    assert.ok(Number(line.exec(metrics)?.[1]) >= 20);
    assert.match(metrics, /tensorgate_proxy_current_requests\{prefix="\/v3"\} 0/);
    assert.match(metrics, /tensorgate_proxy_first_byte_time_us_count\{prefix="\/v3"\} \d/);
    assert.match(metrics, new RegExp(`tensorgate_backend_available\\{backend="${server.name}"\\} 1`));
    assert.doesNotMatch(metrics, /made-up|secret/);
  });
});
