/**
 * Every answer that a door gives is counted once and logged once, with its status and the request id that its client
 * has.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { freePort, makeCertificates, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { plain, rest, rows } from './visible-rows.ts';

/** What counts answers. */
const counters = /^tensorgate_(http_responses_total|requests_success|requests_fail|proxy_requests_total)/;

async function counts(gateway: TestGateway): Promise<Map<string, number>> {
  const text = await (await fetch(`http://${gateway.admin}/metrics`)).text();
  const lines = text.split('\n').filter((line) => counters.test(line));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))] as const;
    }),
  );
}

describe('what every answer leaves behind', () => {
  let folder: string;
  let fleet: DemoFleet;
  const gateways = new Map<keyof typeof rows, { gateway: TestGateway; log: string }>();
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'visible-'));
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const nobody = `tfs://127.0.0.1:${await freePort()}`;
    const config = {
      telemetry: { logLevel: 'info', accessLog: 'all' },
      doors: { headersTimeoutMs: 400 },
      rest: { maxBodyBytes: 10_000 },
      models: { half_plus_two: {} },
      proxy: { routes: [{ prefix: '/v3', fleet: 'generative' }] },
    };
    const file = await makeCertificates('door');
    const tls = { cert: file('door.pem'), key: file('door.key'), admin: false };
    for (const [name, backends, more] of [
      ['up', fleet.backends.map(({ url }) => url), {}],
      ['tls', [nobody], { doors: { ...config.doors, tls } }],
      ['down', [nobody], {}],
    ] as const) {
      const log = join(folder, `${name}.log`);
      const fleets = {
        default: { backends },
        generative: { backends: [`http://127.0.0.1:${await freePort()}`] },
      };
      gateways.set(name, {
        gateway: await startTestGateway([], { ...config, ...more, fleets }, {}, log),
        log,
      });
    }
  });
  after(async () => {
    for (const { gateway } of gateways.values()) await gateway.stop();
    await fleet.stop();
    rmSync(folder, { recursive: true });
  });

  for (const name of ['up', 'tls', 'down'] as const) {
    for (const [title, row] of Object.entries(rows[name])) {
      it(`${title} (${row.status}): one count, one line, one id`, async () => {
        const { gateway, log } = gateways.get(name) as { gateway: TestGateway; log: string };
        const lines = (): Record<string, unknown>[] =>
          readFileSync(log, 'utf8')
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line) as Record<string, unknown>)
            .filter(({ msg }) => msg === 'call' || msg === 'http');
        const linesBefore = lines().length;
        const before_ = await counts(gateway);
        const { status, id } = await row.ask(gateway);
        assert.equal(status, row.status);
        await waitFor(() => lines().length > linesBefore, 5000, 'a line in the log');
        const rises = [...(await counts(gateway))]
          .map(([sample, value]) => [sample, value - (before_.get(sample) ?? 0)] as const)
          .filter(([, rise]) => rise !== 0);
        // a call that was made for a request over REST counts beside it, as it always did
        const calls = rises.filter(([sample]) => sample.includes('requests_') && sample.includes('"REST"'));
        assert.ok(calls.length <= 1);
        assert.deepEqual(
          rises.filter((rise) => !calls.includes(rise)),
          [[row.counted, 1]],
        );
        const [line, ...more] = lines().slice(linesBefore);
        assert.deepEqual(more, []);
        for (const [field, value] of Object.entries(row.logged)) assert.equal(line?.[field], value, field);
        // an answer of a backend's over gRPC passes as it is
        if (row.logged['code'] === undefined || status !== 200 || id !== undefined) {
          assert.equal(line?.['id'], id);
          assert.ok(id !== undefined && id !== '');
        }
      });
    }
  }

  it('counts from 0 on', async () => {
    const fresh = await startTestGateway([`tfs://127.0.0.1:${await freePort()}`], {
      models: { mine: {} },
    });
    const all = await counts(fresh);
    await fresh.stop();
    for (const sample of [
      rest(503),
      rest(400),
      plain('HTTP', 431),
      plain('gRPC', 415),
      rest(503, ',name="mine"'),
    ])
      assert.equal(all.get(sample), 0, sample);
  });
});
