/** V1 predictions of a model that declares no tensors: bytes that pass, to servers that speak V1, within the limits of every body. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startTestGateway, type TestGateway } from '../support/index.ts';

/** A V2 server of one model that says nothing of its tensors. */
class Undeclared {
  readonly #server: Server;
  readonly predicted: { body: string; headers: IncomingHttpHeaders }[] = [];
  lists = 0;
  /** Of GET /v1/models. */
  list: { status: number; body: unknown } = { status: 200, body: { models: ['m'] } };
  answer = '{"predictions": [12345678901234567890, 1e400]}';

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const say = (status: number, body: unknown): void => {
          const text = typeof body === 'string' ? body : JSON.stringify(body);
          response.writeHead(status, { 'content-type': 'application/json' }).end(text);
        };
        switch (request.url) {
          case '/v1/models':
            this.lists++;
            say(this.list.status, this.list.body);
            break;
          case '/v1/models/m:predict':
            this.predicted.push({ body: Buffer.concat(chunks).toString(), headers: request.headers });
            say(200, this.answer);
            break;
          case '/v2/models/m':
            say(200, { name: 'm', versions: null, platform: '', inputs: [], outputs: [] });
            break;
          case '/v2/models/m/ready':
            say(200, { name: 'm', ready: true });
            break;
          default:
            say(request.url === '/v2/health/live' || request.url === '/v2' ? 200 : 404, {});
        }
      });
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `kserve+http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('a V1 prediction of a model that declares no tensors', () => {
  const server = new Undeclared();
  let url: string;
  let gateway: TestGateway | undefined;
  before(async () => {
    url = await server.start();
  });
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
  });
  after(() => {
    server.stop();
  });

  async function predict(
    path: string,
    body: string | Buffer<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<[status: number, text: string, from: string | null]> {
    const answer = await fetch(`http://${gateway?.rest}/v1/models/${path}:predict`, {
      method: 'POST',
      body,
      headers,
    });
    return [answer.status, await answer.text(), answer.headers.get('x-served-by')];
  }

  it('passes as it came, and so does the answer; whether the server speaks V1 is asked once', async () => {
    gateway = await startTestGateway([url], { models: { public: { model: 'm' } } });
    const body = '{ "instances": [9007199254740993, {"a": [[1], [2, 3]]}], "instances": 1e999 }';
    const from = url.slice('kserve+http://'.length);
    assert.deepEqual(await predict('m', body, { traceparent: 'x' }), [200, server.answer, from]);
    assert.deepEqual(await predict('public', gzipSync(body), { 'content-encoding': 'gzip' }), [
      200,
      server.answer,
      from,
    ]);
    assert.deepEqual(
      server.predicted.map((each) => [each.body, each.headers['content-type']]),
      [
        [body, 'application/json'],
        [body, 'application/json'],
      ],
    );
    assert.equal(server.predicted[0]?.headers.traceparent, 'x');
    assert.equal(server.lists, 1);
  });

  it('is refused beyond the limit of a body, and with a version, which V1 cannot name', async () => {
    gateway = await startTestGateway([url], { rest: { maxBodyBytes: 1000 } });
    const before = server.predicted.length;
    const [tooLarge] = await predict('m', ' '.repeat(1001));
    assert.equal(tooLarge, 413);
    const [status, text] = await predict('m/versions/1', '{}');
    assert.equal(status, 400);
    assert.match(text, /declares no inputs.*can name no version/);
    assert.equal(server.predicted.length, before);
  });

  it('is refused with what would work where the server speaks V2 alone', async () => {
    for (const list of [
      { status: 404, body: { detail: 'Not Found' } },
      // what OpenAI's API has at this path
      { status: 200, body: { object: 'list', data: [], models: [{ name: 'm' }] } },
    ]) {
      server.list = list;
      gateway = await startTestGateway([url]);
      const before = server.predicted.length;
      const [status, text] = await predict('m', '{}');
      assert.equal(status, 400);
      assert.match(text, /declares no inputs.*POST \/v2\/models\/m\/infer/);
      assert.equal(server.predicted.length, before);
      await gateway.stop();
      gateway = undefined;
    }
  });
});
