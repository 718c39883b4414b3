/** Triton's model configuration and statistics through the REST door, and what is refused there on purpose. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { getMetadata } from '../../src/call/index.ts';
import { encodeModelMetadataResponse } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { framed, startTestGateway, type TestGateway } from '../support/index.ts';
import { startWireServer, type WireServer } from '../support/wire.ts';

const metadata = { name: 'm', versions: ['1'], platform: 'p', inputs: [], outputs: [] };
/** What the servers say of a model, and its equal over gRPC: a member in JSON stays as its server wrote it. */
const config = '{"name": "m",  "backend":"python"}';
const configMessage = Buffer.from([0x0a, 3, 0x0a, 1, 0x6d]);
const statistics = '{"model_stats":[{"name":"m"}]}';
const statisticsMessage = configMessage;

describe('configuration and statistics over REST', () => {
  let rest: Server;
  let lacking: Server;
  let grpc: WireServer;
  let tfs: DemoFleet;
  const asked: string[] = [];
  let lacksMethods = false;
  const gateways = new Map<string, TestGateway>();

  before(async () => {
    rest = createServer((request, response) => {
      const { url = '' } = request;
      const answers: Record<string, string> = {
        '/v2/models/m': JSON.stringify(metadata),
        '/v2/models/m/config': config,
        '/v2/models/m/versions/1/config': config,
        '/v2/models/m/stats': statistics,
        '/v2/models/stats': statistics,
      };
      if (/config|stats/.test(url)) asked.push(url);
      const answer = answers[url] ?? '{}';
      const isUnknown = url.includes('nobody');
      response.writeHead(isUnknown ? 404 : 200, { 'content-type': 'application/json' });
      response.end(isUnknown ? `{"error":"Request for unknown model: 'nobody' is not found"}` : answer);
    }).listen(0, '127.0.0.1');
    lacking = createServer(({ url = '' }, response) => {
      const known = !/config|stats/.test(url);
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
      response.end(known ? JSON.stringify(metadata) : '{"detail":"Not Found"}');
    }).listen(0, '127.0.0.1');
    await Promise.all([once(rest, 'listening'), once(lacking, 'listening')]);
    grpc = await startWireServer((stream, fields) => ({
      onEnd() {
        const method = (getMetadata(fields, ':path') ?? '').split('/').at(-1);
        const answers: Record<string, Uint8Array> = {
          ModelMetadata: encodeModelMetadataResponse(metadata),
          ModelConfig: configMessage,
          ModelStatistics: statisticsMessage,
        };
        if (method === 'ModelConfig' || method === 'ModelStatistics') asked.push(method);
        stream.respond([':status', '200', 'content-type', 'application/grpc']);
        if (lacksMethods && (method === 'ModelConfig' || method === 'ModelStatistics')) {
          stream.end(['grpc-status', '12', 'grpc-message', 'Method not found!']);
          return;
        }
        stream.write(framed(answers[method ?? ''] ?? Uint8Array.from([8, 1])));
        stream.end(['grpc-status', '0']);
      },
    }));
    tfs = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const httpUrl = (server: Server): string =>
      `kserve+http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const models = { m: {}, renamed: { model: 'm' }, nobody: {} };
    for (const [name, backends] of [
      ['http', [httpUrl(rest)]],
      ['lacking', [httpUrl(lacking)]],
      ['grpc', [grpc.url.replace('grpc:', 'kserve:')]],
      ['tfs', tfs.backends.map(({ url }) => url)],
    ] as const)
      gateways.set(name, await startTestGateway(backends, name === 'tfs' ? {} : { models }));
  });
  after(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    for (const server of [rest, lacking]) {
      server.closeAllConnections();
      server.close();
    }
    grpc.close();
    await tfs.stop();
  });

  async function get(
    name: string,
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; text: string; from: string | null }> {
    asked.length = 0;
    const answer = await fetch(`http://${gateways.get(name)?.rest}/v2/${path}`, init);
    return { status: answer.status, text: await answer.text(), from: answer.headers.get('x-served-by') };
  }

  for (const [path, answer, url] of [
    ['models/m/config', config, '/v2/models/m/config'],
    ['models/renamed/versions/1/config', config, '/v2/models/m/versions/1/config'],
    ['models/m/stats', statistics, '/v2/models/m/stats'],
    ['models/stats', statistics, '/v2/models/stats'],
  ] as const) {
    it(`${path} passes as it is before a server over HTTP`, async () => {
      const { status, text, from } = await get('http', path);
      assert.deepEqual([status, text, asked], [200, answer, [url]]);
      assert.match(from ?? '', /^127\.0\.0\.1:/);
    });

    it(`${path} is asked by its method before a server over gRPC`, async () => {
      const { status, text, from } = await get('grpc', path);
      const isConfig = answer === config;
      assert.deepEqual([status, asked], [200, [isConfig ? 'ModelConfig' : 'ModelStatistics']]);
      const said = JSON.parse(text) as { name?: string; model_stats?: [{ name: string }] };
      assert.equal(isConfig ? said.name : said.model_stats?.[0].name, 'm');
      assert.match(from ?? '', /^127\.0\.0\.1:/);
    });
  }

  it("gives the server's own error for a model that it does not have", async () => {
    const { status, text } = await get('http', 'models/nobody/config');
    assert.equal(status, 404);
    assert.match(text, /unknown model: 'nobody'/);
  });

  it('says why a server cannot be asked', async () => {
    for (const path of ['models/m/config', 'models/m/stats', 'models/stats']) {
      const { status, text } = await get('lacking', path);
      assert.equal(status, 501, text);
      assert.match(text, new RegExp(`has no /v2/${path}: its V2 server does not have this extension`));
    }
    lacksMethods = true;
    for (const [path, method] of [
      ['models/m/config', 'ModelConfig'],
      ['models/stats', 'ModelStatistics'],
    ] as const) {
      const { status, text } = await get('grpc', path);
      assert.equal(status, 501, text);
      assert.match(text, new RegExp(`has no ${method}: its V2 server does not have this extension`));
    }
    lacksMethods = false;
    for (const [path, method] of [
      ['config', 'ModelConfig'],
      ['stats', 'ModelStatistics'],
    ] as const) {
      const { status, text } = await get('tfs', `models/half_plus_two/${path}`);
      assert.equal(status, 501);
      assert.match(text, new RegExp(`${method} of the KServe V2 API has no equivalent`));
    }
  });

  for (const path of [
    'logging',
    'trace/setting',
    'models/m/trace/setting',
    'repository/models/m/load',
    'systemsharedmemory/region/a/register',
    'cudasharedmemory/unregister',
  ])
    it(`refuses ${path} without permission`, async () => {
      const { status, text } = await get('grpc', path, { method: 'POST', body: '{"parameters":{' });
      assert.equal(status, 403);
      assert.match(text, /grpc\.allowAdmin/);
      assert.deepEqual(asked, []);
    });
});
