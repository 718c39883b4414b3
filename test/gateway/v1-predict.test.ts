/**
 * V1 predictions of a model that declares no tensors: bytes that pass, to servers that speak V1, within the limits of
 * every body.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startTestGateway, type TestGateway } from '../support/index.ts';

interface Inferred {
  readonly id?: string;
  readonly inputs: readonly unknown[];
}

/** A V2 server of one model that says nothing of its tensors. */
class Undeclared {
  readonly #server: Server;
  readonly predicted: { body: string; headers: IncomingHttpHeaders }[] = [];
  readonly inferred: Inferred[] = [];
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
          case '/v2/models/m/infer':
          case '/v2/models/m/versions/1/infer':
            this.inferred.push(JSON.parse(Buffer.concat(chunks).toString()) as Inferred);
            say(200, {
              model_name: 'm',
              outputs: [{ name: 'y', datatype: 'INT64', shape: [2, 1], data: [2, 4] }],
            });
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

  it('is refused beyond the limit of a body', async () => {
    gateway = await startTestGateway([url], { rest: { maxBodyBytes: 1000 } });
    const before = server.predicted.length;
    const [tooLarge] = await predict('m', ' '.repeat(1001));
    assert.equal(tooLarge, 413);
    assert.equal(server.predicted.length, before);
  });

  it('is asked in V2 with a version, which V1 cannot name, and where the server speaks V2 alone', async () => {
    const [status, text] = await inRows({ version: 1 });
    assert.deepEqual([status, JSON.parse(text)], [200, { predictions: [[2], [4]] }]);
    for (const list of [
      { status: 404, body: { detail: 'Not Found' } },
      // what OpenAI's API has at this path
      { status: 200, body: { object: 'list', data: [], models: [{ name: 'm' }] } },
    ]) {
      server.list = list;
      const before = server.predicted.length;
      const [found, answer] = await inRows({});
      assert.deepEqual([found, JSON.parse(answer)], [200, { predictions: [[2], [4]] }]);
      assert.equal(server.predicted.length, before);
      assert.deepEqual(server.inferred.at(-1)?.inputs, [
        { name: 'x', datatype: 'INT64', shape: [2, 1], data: [1, 2] },
      ]);
      assert.notEqual(server.inferred.at(-1)?.id, undefined);
    }
  });

  it('must say what its tensors are when it is too long to be read twice', async () => {
    server.list = { status: 404, body: {} };
    gateway = await startTestGateway([url]);
    const [status, text] = await predict('m', `{"instances": [1${' '.repeat(2 ** 20)}]}`);
    assert.equal(status, 400);
    assert.match(text, /declares no inputs.*1048576 bytes.*POST \/v2\/models\/m\/infer/);
    const [malformed, why] = await predict('m', '{"instances": [1');
    assert.equal(malformed, 400);
    assert.match(why, /JSON/);
  });

  async function inRows({ version }: { version?: number }): Promise<[number, string]> {
    gateway = await startTestGateway([url]);
    const path = version === undefined ? 'm' : `m/versions/${version}`;
    const [status, text] = await predict(path, '{"instances": [{"x": [1]}, {"x": [2]}]}');
    await gateway.stop();
    gateway = undefined;
    return [status, text];
  }
});
