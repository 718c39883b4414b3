/** A real Prometheus scrapes a gateway under load: every query of every dashboard and every rule gives a value. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { dashboards } from '../../scripts/deploy/dashboards.ts';
import { startDemoFleet } from '../../src/demo/index.ts';
import {
  freePort,
  missing,
  startProcess,
  startRedis,
  startTestGateway,
  tool,
  waitFor,
} from '../support/index.ts';

/** Of what did not happen to this gateway, or what it has not: their series begin when it does. */
const without: readonly string[] = [
  'tensorgate_backend_ejected',
  'tensorgate_backend_ejections_total',
  'tensorgate_retries_total',
  'tensorgate_hedges_total',
  'tensorgate_faults_total',
  'tensorgate_certificate_not_after_timestamp_seconds',
];

const queries = dashboards.flatMap(({ name, panels }) =>
  panels.flatMap((panel) => panel.queries.map(([query]) => [`${name}: ${panel.title}`, query] as const)),
);

interface Answer {
  readonly data: { readonly result: readonly unknown[] };
}

describe('a Prometheus that scrapes a gateway', { skip: missing('prometheus', 'redis-server') }, () => {
  it('has a value for every query of the dashboards', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
    const fleet = await startDemoFleet({ replicas: 2, models: ['half_plus_two', 'kept=half_plus_two'] });
    const redis = await startRedis();
    const gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      {
        fleets: { default: { concurrency: { maxInFlight: 1 } } },
        cache: { redisUrl: redis.url },
        models: { half_plus_two: { mirror: { model: 'kept' } }, kept: { cache: {} } },
        rateLimits: [{ name: 'all', by: 'model', perSecond: 100_000, burst: 100_000, shared: true }],
      },
    );
    const port = await freePort();
    mkdirSync(join(folder, 'data'));
    writeFileSync(
      join(folder, 'prometheus.yml'),
      stringify({
        global: { scrape_interval: '500ms' },
        scrape_configs: [{ job_name: 'tensorgate', static_configs: [{ targets: [gateway.admin] }] }],
      }),
    );
    const prometheus = await startProcess(tool('prometheus') ?? '', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    const calling = { on: true };
    const caller = async (): Promise<void> => {
      while (calling.on)
        for (const model of ['half_plus_two', 'kept', 'nothing']) {
          const answer = await fetch(`http://${gateway.rest}/v1/models/${model}:predict`, {
            method: 'POST',
            body: '{"instances": [1, 2]}',
          });
          await answer.text();
        }
    };
    const callers = Array.from({ length: 8 }, () => caller());
    try {
      const ask = async (query: string): Promise<number> => {
        const said = query
          .replaceAll('$__rate_interval', '10s')
          .replaceAll(/\$(model|fleet|instance)\b/g, '.*')
          .replaceAll('{}', '');
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(said)}`;
        const answer = await fetch(url);
        const body = await answer.text();
        assert.equal(answer.status, 200, `${query}: ${body}`);
        return (JSON.parse(body) as Answer).data.result.length;
      };
      await waitFor(
        async () => (await ask('sum(rate(tensorgate_requests_success[10s])) > 0')) > 0,
        60_000,
        'the first rate',
      );
      const missed = async (): Promise<string[]> => {
        const empty: string[] = [];
        for (const [where, query] of queries)
          if (!without.some((metric) => query.includes(metric)) && (await ask(query)) === 0)
            empty.push(where);
        return empty;
      };
      // what is counted for the first time is a rate two scrapes later
      await waitFor(async () => (await missed()).length === 0, 20_000).catch(() => undefined);
      assert.deepEqual(await missed(), []);
    } finally {
      calling.on = false;
      await Promise.allSettled(callers);
      await prometheus.stop();
      await gateway.stop();
      await fleet.stop();
      await redis.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
