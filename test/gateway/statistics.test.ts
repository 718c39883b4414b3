/** Statistics of a fleet: what every backend counts, as the counts of one server. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { encodeModelVersionRequest, modelStatisticsJson } from '../../src/codec/index.ts';
import { startTestGateway, type TestGateway } from '../support/index.ts';
import { startWideServer, wideClient, type WideServer } from './wide-servers.ts';

const time = (count: number, ns: number): string => `{"count":${count},"ns":${ns}}`;

/** As Triton writes them. @param n what all amounts are multiples of */
const entry = (name: string, n: number, last: string, more = ''): string =>
  `{"name":"${name}","version":"1","last_inference":${last},"inference_count":${n},"execution_count":${2 * n},` +
  `"inference_stats":{"success":${time(n, 3 * n)},"fail":${time(0, 0)},"queue":${time(n, n)}},` +
  `"batch_stats":[{"batch_size":${n},"compute_infer":${time(1, n)}},{"batch_size":8,"compute_infer":${time(n, 1)}}],` +
  `"memory_usage":[{"type":"CPU","id":0,"byte_size":${n}}],"response_stats":{"0":{"success":${time(n, n)}}}${more}}`;

interface Stats {
  readonly model_stats: readonly Record<string, unknown>[];
}

describe('statistics of several backends', () => {
  let servers: WideServer[];
  const gateways: TestGateway[] = [];
  const closing: (() => void)[] = [];
  before(async () => {
    servers = await Promise.all([startWideServer('rest'), startWideServer('grpc'), startWideServer('rest')]);
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) close();
    for (const gateway of gateways.splice(0)) await gateway.stop();
    for (const server of servers) {
      server.silent = false;
      server.asked.length = 0;
    }
  });
  after(() => {
    for (const server of servers) server.stop();
  });
  function serve(...stats: readonly Readonly<Record<string, string>>[]): void {
    servers.forEach((server, i) => {
      for (const name of Object.keys(server.configs)) delete server.configs[name];
      for (const name of Object.keys(server.stats)) delete server.stats[name];
      for (const [name, text] of Object.entries(stats[i] ?? {})) {
        server.configs[name] = `{"name":"${name}"}`;
        server.stats[name] = text;
      }
    });
  }
  async function gatewayOf(count: number, config: Record<string, unknown> = {}): Promise<TestGateway> {
    const urls = servers.slice(0, count).map(({ url }) => url);
    const gateway = await startTestGateway(urls, config);
    gateways.push(gateway);
    return gateway;
  }
  async function get(gateway: TestGateway, path: string): Promise<{ response: Response; text: string }> {
    const response = await fetch(`http://${gateway.rest}/v2/models/${path}`);
    return { response, text: await response.text() };
  }
  const overGrpc = (gateway: TestGateway): ReturnType<typeof wideClient> => {
    const client = wideClient(gateway.grpc);
    closing.push(client.close);
    return client;
  };

  it('are summed by model, version and batch size, with every digit, whatever the transports', async () => {
    serve({ m: entry('m', 1, '18446744073709551614') }, { m: entry('m', 2, '18446744073709551615') });
    const gateway = await gatewayOf(2);
    const { response, text } = await get(gateway, 'm/stats');
    assert.equal(response.status, 200, text);
    assert.match(text, /"last_inference":18446744073709551615,/);
    const [said] = (JSON.parse(text) as Stats).model_stats;
    const { inference_stats: inference, response_stats: responses, ...rest } = said as Record<string, object>;
    const { success, queue } = inference as Record<string, object>;
    assert.deepEqual(
      [success, queue],
      [
        { count: 3, ns: 9 },
        { count: 3, ns: 3 },
      ],
    );
    assert.deepEqual((responses as { 0: { success: object } })[0].success, { count: 3, ns: 3 });
    assert.equal(rest.inference_count, 3);
    assert.equal(rest.execution_count, 6);
    assert.deepEqual(
      (rest.batch_stats as unknown as { batch_size: number; compute_infer: object }[]).map(
        ({ batch_size: size, compute_infer: infer }) => [size, infer],
      ),
      [
        [1, { count: 1, ns: 1 }],
        [2, { count: 1, ns: 2 }],
        [8, { count: 3, ns: 2 }],
      ],
    );
    assert.deepEqual(rest.memory_usage, [{ type: 'CPU', id: 0, byte_size: 3 }]);
    const [first, second] = servers.map(({ name }) => name);
    assert.equal(response.headers.get('x-backends-asked'), `${first}, ${second}`);
    assert.equal(response.headers.get('x-served-by'), `${first}, ${second}`);
    assert.equal(response.headers.get('x-backends-failed'), null);
    const { message, fields } = await overGrpc(gateway).ask(
      'ModelStatistics',
      encodeModelVersionRequest('m', '1'),
    );
    const [viaGrpc] = (JSON.parse(modelStatisticsJson(message)) as Stats).model_stats;
    assert.equal(viaGrpc?.inference_count, 3);
    assert.deepEqual(
      (viaGrpc?.batch_stats as { batch_size: number }[]).map(({ batch_size: size }) => size),
      [1, 2, 8],
    );
    assert.equal(fields['x-backends-asked'], `${first}, ${second}`);
  });

  it('are those of the backends that have the model, and one backend’s as it wrote them', async () => {
    const odd = '{"name":"m", "version":"1",  "newer":[1,2]}';
    serve({ m: odd }, { other: entry('other', 1, '1') });
    const gateway = await gatewayOf(2);
    const { response, text } = await get(gateway, 'm/stats');
    assert.equal(text, `{"model_stats":[${odd}]}`);
    assert.equal(response.headers.get('x-backends-asked'), null);
    assert.deepEqual(
      servers.slice(0, 2).map(({ asked }) => asked.includes('stats')),
      [true, false],
    );
    // of a server over HTTP, for a client of gRPC
    const { message } = await overGrpc(gateway).ask('ModelStatistics', encodeModelVersionRequest('m', ''));
    assert.equal((JSON.parse(modelStatisticsJson(message)) as Stats).model_stats[0]?.name, 'm');
  });

  it('of all models are of all fleets, by the names that clients ask by', async () => {
    const twice = { m: entry('m', 1, '5'), own: entry('own', 4, '6') };
    serve(twice, twice, { m: entry('m', 50, '7'), hidden: entry('hidden', 1, '1') });
    const [a, b, c] = servers.map(({ url }) => url);
    const gateway = await gatewayOf(0, {
      fleets: { default: { backends: [a, b] }, second: { backends: [c] } },
      models: { m: {}, shown: { model: 'own' }, theirs: { model: 'm', fleet: 'second' } },
    });
    const { response, text } = await get(gateway, 'stats');
    const counts = (stats: string): Record<string, unknown> =>
      Object.fromEntries(
        (JSON.parse(stats) as Stats).model_stats.map((each) => [String(each.name), each.inference_count]),
      );
    assert.deepEqual(counts(text), { m: 2, own: 8, theirs: 50 });
    assert.equal(response.headers.get('x-backends-asked'), servers.map(({ name }) => name).join(', '));
    const { message } = await overGrpc(gateway).ask('ModelStatistics', new Uint8Array(0));
    assert.deepEqual(counts(modelStatisticsJson(message)), { m: 2, own: 8, theirs: 50 });
  });

  it('are one backend’s own where the call names it', async () => {
    serve({ m: entry('m', 1, '1') }, { m: entry('m', 2, '2') });
    const gateway = await gatewayOf(2);
    const name = servers[1]?.name ?? '';
    for (const path of [`m/stats?backend=${name}`, `stats?backend=${encodeURIComponent(name)}`]) {
      const { response, text } = await get(gateway, path);
      assert.equal((JSON.parse(text) as Stats).model_stats[0]?.inference_count, 2);
      assert.equal(response.headers.get('x-served-by'), name);
    }
    const client = overGrpc(gateway);
    const field = { 'x-tensorgate-backend': name };
    const { message } = await client.ask('ModelStatistics', encodeModelVersionRequest('m', ''), field);
    assert.equal((JSON.parse(modelStatisticsJson(message)) as Stats).model_stats[0]?.inference_count, 2);
    const { response, text } = await get(gateway, 'm/stats?backend=elsewhere:1');
    assert.equal(response.status, 404);
    assert.match(text, /no backend is named \\"elsewhere:1\\" here; there are 127\.0\.0\.1:/);
    assert.equal((await get(gateway, 'stats?backend=a%0Ab')).response.status, 400);
  });

  it('leave out a backend whose answer is none, is nested too deep or too large', async () => {
    const [a, , c] = servers.map(({ name }) => name);
    const good = entry('m', 1, '1');
    const gateway = await gatewayOf(0, {
      fleets: { default: { backends: [servers[0]?.url, servers[2]?.url] } },
    });
    const deep = `{"name":"m","x":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    const large = `{"name":"m","x":"${'y'.repeat(5 * 2 ** 20)}"}`;
    const odd = '{"name":"m","version":"1","inference_count":"many","batch_stats":7,"__proto__":{"a":1}}';
    for (const bad of ['{"name":', deep, large, odd]) {
      serve({ m: good }, {}, { m: bad });
      const { response, text } = await get(gateway, 'm/stats');
      assert.equal(text, `{"model_stats":[${good}]}`);
      assert.equal(response.headers.get('x-backends-failed'), `${c} INTERNAL`);
      assert.equal(response.headers.get('x-served-by'), a);
    }
    assert.equal(({} as { a?: number }).a, undefined);
  });

  it('are not asked with more than a name', async () => {
    serve({ m: entry('m', 1, '1') }, { m: entry('m', 2, '2') });
    const client = overGrpc(await gatewayOf(2));
    const long = encodeModelVersionRequest('m', 'v'.repeat(70_000));
    await assert.rejects(client.ask('ModelStatistics', long), /RESOURCE_EXHAUSTED: .*65536/);
    assert.deepEqual(
      servers.map(({ asked }) => asked.includes('stats')),
      [false, false, false],
    );
  });

  it('say who did not answer, and fail when nobody does', async () => {
    serve({ m: entry('m', 1, '1') }, { m: entry('m', 2, '2') });
    const [a, b] = servers;
    const gateway = await gatewayOf(0, {
      fleets: { default: { backends: [a?.url, b?.url], health: { timeoutMs: 300 } } },
    });
    assert.ok(a !== undefined && b !== undefined);
    b.silent = true;
    const { response, text } = await get(gateway, 'm/stats');
    assert.equal((JSON.parse(text) as Stats).model_stats[0]?.inference_count, 1);
    assert.equal(response.headers.get('x-backends-asked'), `${a.name}, ${b.name}`);
    assert.equal(response.headers.get('x-backends-failed'), `${b.name} DEADLINE_EXCEEDED`);
    assert.equal(response.headers.get('x-served-by'), a.name);
    a.silent = true;
    const nobody = await get(gateway, 'm/stats');
    assert.equal(nobody.response.status, 504);
    assert.match(
      nobody.text,
      /2 of 2 backends failed: 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+: DEADLINE_EXCEEDED/,
    );
    a.silent = false;
    b.silent = false;
    const unknown = await get(gateway, 'nobody/stats');
    assert.equal(unknown.response.status, 404, unknown.text);
  });
});
