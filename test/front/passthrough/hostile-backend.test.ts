/** The proxy in front of servers that answer what no server should: an error each, and nothing for the next request. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startTestGateway, type TestGateway, waitFor } from '../../support/index.ts';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n';

describe('the proxy in front of a hostile server', () => {
  let server: Server;
  let gateway: TestGateway;
  /** What the server says next, and whether it hangs up after it. */
  let next: { readonly bytes: string; readonly close: boolean } = { bytes: '', close: true };

  /** Answers to /v3/held, each when it is called. */
  const held: (() => void)[] = [];

  before(async () => {
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        const text = data.toString('latin1');
        if (text.includes('user-agent: tensorgate-health')) socket.end(`${ok}connection: close\r\n\r\n{}`);
        else if (text.startsWith('GET /v3/held')) held.push(() => void socket.write(`${ok}\r\nhi`));
        else if (/^(GET|POST) /.test(text)) {
          socket.write(next.bytes, 'latin1');
          if (next.close) socket.end();
        }
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    gateway = await startTestGateway([], {
      fleets: { llm: { backends: [`http://127.0.0.1:${port}`], ejection: { consecutiveErrors: 0 } } },
      proxy: { headersTimeoutMs: 1500, idleTimeoutMs: 1500 },
    });
  });
  after(async () => {
    await gateway.stop();
    server.close();
  });

  const ask = (method: string): Promise<Response> =>
    fetch(`http://${gateway.rest}/v3/x`, {
      method,
      redirect: 'manual',
      ...(method === 'POST' ? { body: new Uint8Array(3_000_000) } : {}),
    });

  const broken: Readonly<Record<string, string>> = {
    'no HTTP at all': 'SSH-2.0-OpenSSH\r\n',
    'a status of 800': 'HTTP/1.1 800 What\r\ncontent-length: 0\r\n\r\n',
    'a status of 099': 'HTTP/1.1 099 What\r\ncontent-length: 0\r\n\r\n',
    'an upgrade that nobody asked for': 'HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx',
    'a head of 200 kB': `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(200_000)}\r\n\r\n`,
    'a bare CR in a field': `${ok}x: a\rb\r\n\r\nhi`,
    'two lengths': `${ok}content-length: 5\r\n\r\nhihih`,
    'a length and chunks': `${ok}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
    'the end of the connection': '',
  };
  for (const [what, bytes] of Object.entries(broken)) {
    it(`answers 502 to ${what}`, async () => {
      next = { bytes, close: true };
      for (const method of ['GET', 'POST']) {
        const answer = await ask(method);
        const text = await answer.text();
        assert.equal(answer.status, 502, text);
        assert.match(text, /^\{"error":\{"message":"backend 127\.0\.0\.1:\d+: (broke off|answered with)/);
      }
    });
  }

  it('never ends a body that was cut as if it were whole', async () => {
    next = { bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', close: true };
    for (const method of ['GET', 'POST']) await assert.rejects((await ask(method)).text());
  });

  it('ends a connection behind the answer before one that was cut: it gets no turn', async () => {
    next = { bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', close: true };
    const [host, port] = gateway.rest.split(':');
    const socket = connect(Number(port), host);
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1'))).on('error', () => undefined);
    const closed = once(socket, 'close');
    socket.write('GET /v3/held HTTP/1.1\r\nhost: a\r\n\r\nGET /v3/x HTTP/1.1\r\nhost: a\r\n\r\n');
    const ended = async (): Promise<boolean> =>
      /proxy_requests_total\{prefix="\/v3",method="GET",status="200",complete="false"\} 2\n/.test(
        await (await fetch(`http://${gateway.admin}/metrics`)).text(),
      );
    await waitFor(ended, 5000, 'the end of the second, which the proxy destroys');
    held[0]?.();
    await closed;
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhi/);
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1, text);
  });

  it('passes an answer that comes before the request’s body is read', async () => {
    for (const close of [true, false]) {
      next = { bytes: `HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno`, close };
      const answer = await ask('POST');
      assert.equal(`${answer.status} ${await answer.text()}`, '401 no');
    }
  });

  it('gives nobody an answer that was sent along with another’s', async () => {
    next = { bytes: `${ok}\r\nhi${ok}\r\nXX`, close: false };
    assert.equal(await (await ask('GET')).text(), 'hi');
    next = { bytes: `${ok}\r\nme`, close: false };
    for (let i = 0; i < 5; i++) assert.equal(await (await ask('GET')).text(), 'me');
  });

  it('passes early hints over, and field values byte for byte', async () => {
    next = {
      bytes: `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${ok}x-name: caf\u00e9\r\n\r\nhi`,
      close: false,
    };
    const answer = await ask('GET');
    assert.equal(answer.headers.get('x-name'), 'caf\u00e9');
    assert.equal(await answer.text(), 'hi');
  });

  it('has nothing under way afterwards', async () => {
    const metrics = await (await fetch(`http://${gateway.admin}/metrics`)).text();
    assert.match(metrics, /tensorgate_proxy_current_requests\{prefix="\/v3"\} 0\n/);
    assert.match(metrics, /tensorgate_backend_in_flight\{backend="[^"]*"\} 0\n/);
  });
});
