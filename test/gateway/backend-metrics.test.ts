/**
 * Metrics say how each backend is, how its calls end and how long they take there, and how long the doors'
 * certificates last.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { startDemoFleet } from '../../src/demo/index.ts';
import { createTelemetry } from '../../src/telemetry/index.ts';
import {
  freePort,
  makeCertificates,
  startGenerativeServer,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function startGateway(...asked: Parameters<typeof startTestGateway>): Promise<TestGateway> {
  const gateway = await startTestGateway(...asked);
  stops.push(() => gateway.stop());
  return gateway;
}

async function samples(gateway: TestGateway): Promise<Map<string, string>> {
  const text = await (await fetch(`http://${gateway.admin}/metrics`)).text();
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)] as const),
  );
}

describe('metrics of backends', () => {
  it('go with an HTTP fleet that a reload takes out, when its last request is over', async () => {
    const servers = await Promise.all([startGenerativeServer(), startGenerativeServer()]);
    for (const server of servers) stops.push(() => server.close());
    const [one, other] = servers.map(({ url }) => url.slice(url.indexOf('//') + 2)) as [string, string];
    const model = { backends: ['tfs://127.0.0.1:1'] };
    const fleets = (...urls: string[]): Record<string, unknown> => ({
      fleets: { default: model, ...(urls.length === 0 ? {} : { llm: { backends: urls } }) },
    });
    const [oneUrl = '', otherUrl = ''] = servers.map(({ url }) => url);
    const gateway = await startGateway([], fleets(oneUrl, otherUrl), { backends: undefined });
    const of = async (backend: string): Promise<string[]> =>
      [...(await samples(gateway)).keys()].filter((name) => name.includes(`backend="${backend}"`));
    const long = await fetch(`http://${gateway.rest}/v3/chat/completions`, {
      method: 'POST',
      headers: { 'x-events': '1000', 'x-pause-ms': '20' },
      body: JSON.stringify({ model: 'tiny-llm', stream: true }),
    });
    const [busy, idle] = servers[0]?.seen.length === 1 ? [one, other] : [other, one];
    const busyUrl = busy === one ? oneUrl : otherUrl;
    assert.ok((await of(idle)).some((name) => name.includes('_backend_up')));
    // one stays, in a fleet that is made anew
    await gateway.configure(fleets(busyUrl));
    assert.ok((await of(busy)).some((name) => name.includes('_backend_up')));
    await gateway.configure(fleets());
    // what its last request has to count is counted, and then gone
    await long.body?.cancel();
    await waitFor(
      async () => (await of(busy)).length === 0 && (await of(idle)).length === 0,
      10_000,
      'the end of their series',
    );
    await gateway.reload();
    assert.deepEqual([await of(busy), await of(idle)], [[], []]);
    assert.ok((await of('127.0.0.1:1')).length > 0);
  });

  it('say which are up, drained and available, and count calls by code and time', async () => {
    const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    stops.push(() => fleet.stop());
    const url = fleet.backends[0]?.url ?? '';
    const name = url.slice(url.indexOf('//') + 2);
    const nobody = `127.0.0.1:${await freePort()}`;
    const gateway = await startGateway([url, `tfs://${nobody}`], { models: { half_plus_two: {} } });
    const predict = (body: string): Promise<Response> =>
      fetch(`http://${gateway.rest}/v1/models/half_plus_two:predict`, { method: 'POST', body });
    for (let i = 0; i < 3; i++) assert.equal((await predict('{"instances":[1]}')).status, 200);
    const available = `tensorgate_backend_available{backend="${name}",name="half_plus_two",version="123"}`;
    const before = await samples(gateway);
    assert.equal(before.get(`tensorgate_backend_up{backend="${name}"}`), '1');
    assert.equal(before.get(`tensorgate_backend_up{backend="${nobody}"}`), '0');
    assert.equal(before.get(`tensorgate_backend_drained{backend="${name}"}`), '0');
    assert.equal(before.get(available), '1');
    assert.ok(Number(before.get(`tensorgate_backend_requests_total{backend="${name}",code="OK"}`)) >= 3);
    assert.ok(Number(before.get(`tensorgate_backend_request_time_us_count{backend="${name}"}`)) >= 3);

    assert.ok(gateway.gateway.setDrained({ fleet: 'default', backend: name, drained: true }));
    const drained = await samples(gateway);
    assert.equal(drained.get(`tensorgate_backend_drained{backend="${name}"}`), '1');
    assert.equal(drained.get(`tensorgate_backend_up{backend="${name}"}`), '1');
    assert.equal(drained.get(available), '0');
    gateway.gateway.setDrained({ fleet: 'default', backend: name, drained: false });
    const back = await samples(gateway);
    assert.equal(back.get(`tensorgate_backend_drained{backend="${name}"}`), '0');
    assert.equal(back.get(available), '1');

    await fleet.stop();
    const down = `tensorgate_backend_up{backend="${name}"}`;
    await waitFor(async () => (await samples(gateway)).get(down) === '0', 5000, 'the backend to be down');
    assert.equal((await samples(gateway)).get(available), '0');
  });

  it('count requests that pass by HTTP status, and errors by code', async () => {
    const server = await startGenerativeServer();
    stops.push(() => server.close());
    const gateway = await startGateway([], {
      fleets: { generative: { backends: [server.url] } },
      proxy: { routes: [{ prefix: '/v3', fleet: 'generative' }] },
    });
    const one = `backend="${server.name}"`;
    await waitFor(
      async () => (await samples(gateway)).get(`tensorgate_backend_up{${one}}`) === '1',
      5000,
      'the backend',
    );
    const { status, body } = await fetch(`http://${gateway.rest}/v3/completions`, {
      method: 'POST',
      body: '{}',
    });
    await body?.cancel();
    const counted = await samples(gateway);
    assert.equal(counted.get(`tensorgate_backend_requests_total{${one},code="${status}"}`), '1');
    assert.equal(counted.get(`tensorgate_backend_request_time_us_count{${one}}`), '1');
    gateway.gateway.setDrained({ fleet: 'generative', backend: server.name, drained: true });
    const drained = await samples(gateway);
    assert.equal(drained.get(`tensorgate_backend_available{${one}}`), '0');
    assert.equal(drained.get(`tensorgate_backend_drained{${one}}`), '1');
  });

  it('go with the fleet that a reload takes away', async () => {
    const [one, other] = [await freePort(), await freePort()];
    const fleets = (...ports: number[]) =>
      Object.fromEntries(
        ports.map((port, i) => [i === 0 ? 'default' : 'more', { backends: [`tfs://127.0.0.1:${port}`] }]),
      );
    const gateway = await startGateway([], { fleets: fleets(one, other) });
    const up = (port: number): string => `tensorgate_backend_up{backend="127.0.0.1:${port}"}`;
    assert.equal((await samples(gateway)).get(up(other)), '0');
    await gateway.configure({ fleets: fleets(one) });
    await waitFor(async () => !(await samples(gateway)).has(up(other)), 5000, 'the series to go');
    assert.equal((await samples(gateway)).get(up(one)), '0');
  });

  it('have the time when the certificates of the doors expire', async () => {
    const file = await makeCertificates('door', 'other');
    const tls = { cert: file('door.pem'), key: file('door.key'), admin: false };
    const gateway = await startGateway([`tfs://127.0.0.1:${await freePort()}`], { doors: { tls } });
    const until = (name: string): string =>
      String(new X509Certificate(readFileSync(file(name))).validToDate.getTime() / 1000);
    const metric = 'tensorgate_certificate_not_after_timestamp_seconds';
    const found = await samples(gateway);
    for (const door of ['rest', 'grpc'])
      assert.equal(found.get(`${metric}{door="${door}"}`), until('door.pem'));
    // the admin door speaks plain text here
    assert.equal(found.get(`${metric}{door="admin"}`), undefined);
    await gateway.configure({});
    assert.equal((await samples(gateway)).get(`${metric}{door="rest"}`), undefined);
  });
});

describe('numbers of metrics', () => {
  it('are NaN where there is none, as the text format writes it', async () => {
    const options = {
      prefix: 'tensorgate',
      version: '1',
      maxModels: 1,
      maxVersionsPerModel: 1,
      maxSeries: 10,
      processMetrics: true,
      log: { level: 'silent', destination: 1 },
      access: { mode: 'off', sample: 0, maxPerSecond: 0 },
    } as const;
    const telemetry = createTelemetry(options, { clock: () => 0, random: () => 0 });
    // before the first turn, the lag of the event loop is not known
    const { body } = await telemetry.render();
    assert.match(body, / NaN$/m);
    assert.doesNotMatch(body, / Nan$/m);
  });
});
