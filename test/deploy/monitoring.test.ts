/** Rules, alerts and dashboards: Prometheus's own checks, and that all they ask for is among the gateway's metrics. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { dashboards } from '../../scripts/deploy/dashboards.ts';
import { metrics } from '../../scripts/docs/metrics.ts';
import { missing, run, tool } from '../support/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const rulesFile = join(root, 'deploy/prometheus/rules.yaml');

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: { readonly runbook_url: string };
}
const { groups } = parse(readFileSync(rulesFile, 'utf8')) as {
  groups: { name: string; rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert]));

/** What a series must be for an alert to fire, and what is like it and must not make it fire. */
interface Case {
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
  /** When to look. */
  readonly at: string;
  /** Between two scrapes and between two evaluations, where a minute would take too long. */
  readonly every?: readonly [scrape: string, evaluation: string];
}

const ok = 'tensorgate_requests_success{name="resnet",code="OK"}';
const failed = 'tensorgate_requests_fail{name="resnet",code="UNAVAILABLE"}';
/** The client's own mistakes, as many: they cost nothing of the budget. */
const refused = 'tensorgate_requests_fail{name="resnet",code="INVALID_ARGUMENT"}';
const available = (version: number, backend: string): string =>
  `tensorgate_backend_available{name="resnet",version="${version}",backend="${backend}"}`;
const build = (instance: string, version = '1'): string =>
  `tensorgate_build_info{instance="${instance}",version="${version}"}`;
const notAfter = 'tensorgate_certificate_not_after_timestamp_seconds{door="rest"}';
const held = 'tensorgate_memory_held_bytes{instance="a",kind="requests"}';
const limit = 'tensorgate_memory_limit_bytes{instance="a"}';

const cases: Readonly<Record<string, Case>> = {
  TensorgateErrorBudgetFast: {
    fires: { [ok]: '0+98x120', [failed]: '0+2x120' },
    quiet: { [ok]: '0+99x120', [failed]: '0+1x120', [refused]: '0+50x120' },
    at: '90m',
  },
  TensorgateErrorBudgetSlow: {
    fires: { [ok]: '0+992x480', [failed]: '0+8x480' },
    quiet: { [ok]: '0+995x480', [failed]: '0+5x480' },
    at: '7h',
    every: ['1m', '5m'],
  },
  TensorgateErrorBudgetCreeping: {
    fires: { [ok]: '0+998x2250', [failed]: '0+2x2250' },
    quiet: { [ok]: '0+9995x2250', [failed]: '0+5x2250' },
    at: '74h',
    every: ['2m', '30m'],
  },
  TensorgateModelUnavailable: {
    fires: { [available(1, 'a')]: '0x20', [available(1, 'b')]: '0x20' },
    quiet: { [available(1, 'a')]: '0x20', [available(1, 'b')]: '1x20' },
    at: '10m',
  },
  TensorgateBackendOut: {
    fires: {
      'tensorgate_backend_up{backend="a"}': '0x20',
      'tensorgate_backend_drained{backend="a"}': '0x20',
    },
    quiet: {
      'tensorgate_backend_up{backend="a"}': '0x20',
      'tensorgate_backend_drained{backend="a"}': '1x20',
    },
    at: '15m',
  },
  TensorgateBackendEjected: {
    fires: { 'tensorgate_backend_ejected{backend="a",name="resnet"}': '1 1 0 1 1 1 0 1x40' },
    quiet: { 'tensorgate_backend_ejected{backend="a",name="resnet"}': '1 1 1 0x40' },
    at: '30m',
  },
  TensorgateVersionsApart: {
    fires: { [available(1, 'a')]: '1x60', [available(1, 'b')]: '1x60', [available(2, 'a')]: '1x60' },
    quiet: { [available(1, 'a')]: '1x60', [available(1, 'b')]: '1x60', [available(2, 'c')]: '0x60' },
    at: '50m',
  },
  TensorgateAbsent: { fires: { other: '1x20' }, quiet: { [build('a')]: '1x20' }, at: '10m' },
  TensorgateGatewayVersionsApart: {
    fires: { [build('a')]: '1x100', [build('b', '2')]: '1x100' },
    quiet: { [build('a')]: '1x100', [build('b')]: '1x100' },
    at: '90m',
  },
  TensorgateRedisAway: {
    fires: { 'tensorgate_cache_events_total{instance="a",name="resnet",event="error"}': '0+1x30' },
    quiet: {
      'tensorgate_cache_events_total{instance="a",name="resnet",event="hit"}': '0+1x30',
      'tensorgate_shared_limit_decisions_total{instance="a",limit="x",by="redis"}': '0+1x30',
    },
    at: '20m',
  },
  TensorgateMemoryShort: {
    fires: { [held]: '90x20', [limit]: '100x20' },
    quiet: { [held]: '80x20', [limit]: '100x20' },
    at: '10m',
  },
  TensorgateMemoryRefusals: {
    fires: { 'tensorgate_limited_total{instance="a",limit="memory"}': '0+1x30' },
    quiet: { 'tensorgate_limited_total{instance="a",limit="rate"}': '0+1x30' },
    at: '20m',
  },
  TensorgateEventLoopLate: {
    fires: { [build('a')]: '1x30', 'nodejs_eventloop_lag_p99_seconds{instance="a"}': '0.08x30' },
    // another program's
    quiet: { [build('a')]: '1x30', 'nodejs_eventloop_lag_p99_seconds{instance="b"}': '0.08x30' },
    at: '20m',
  },
  TensorgateCertificateNearEnd: {
    fires: { [notAfter]: `${10 * 86_400}x120` },
    quiet: { [notAfter]: `${20 * 86_400}x120` },
    at: '90m',
  },
  TensorgateCertificateExpiring: {
    fires: { [notAfter]: `${86_400}x20` },
    quiet: { [notAfter]: `${3 * 86_400}x20` },
    at: '10m',
  },
  TensorgateConfigurationRefused: {
    fires: { 'tensorgate_config_last_reload_successful{instance="a"}': '0x20' },
    quiet: { 'tensorgate_config_last_reload_successful{instance="a"}': '0 0 0 1x20' },
    at: '10m',
  },
  TensorgateFault: {
    fires: { 'tensorgate_faults_total{instance="a",where="stream"}': '0 0 1x20' },
    quiet: { 'tensorgate_faults_total{instance="a",where="stream"}': '0x20' },
    at: '10m',
  },
};

describe('the rules for Prometheus', { skip: missing('promtool') }, () => {
  it('are valid', async () => {
    const { code, stdout, stderr } = await run(tool('promtool') ?? '', ['check', 'rules', rulesFile]);
    assert.equal(code, 0, stdout + stderr);
  });

  it('fire when they should, and do not where it only looks like it', async () => {
    assert.deepEqual(Object.keys(cases).sort(), [...alerts].sort(), 'a case for each alert');
    for (const evaluation of ['1m', '5m', '30m']) await tested(evaluation);
  });
});

/** The cases that are looked at so often, by promtool. */
async function tested(evaluation: string): Promise<void> {
  const tests = Object.entries(cases).flatMap(([alert, { fires, quiet, at, every = ['1m', '1m'] }]) =>
    every[1] !== evaluation
      ? []
      : [fires, quiet].map((series) => ({
          name: `${alert} ${series === fires ? 'fires' : 'is quiet'}`,
          interval: every[0],
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: [
            {
              expr: `min(ALERTS{alertname="${alert}",alertstate="firing"})`,
              eval_time: at,
              exp_samples: series === fires ? [{ labels: '{}', value: 1 }] : [],
            },
          ],
        })),
  );
  assert.notEqual(tests.length, 0);
  const folder = mkdtempSync(join(tmpdir(), 'rules-'));
  try {
    const file = join(folder, 'tests.yaml');
    // what alerts read is recorded before: promtool's own order is any
    const order = { group_eval_order: groups.map(({ name }) => name) };
    writeFileSync(
      file,
      stringify({ rule_files: [rulesFile], evaluation_interval: evaluation, ...order, tests }),
    );
    const { code, stdout, stderr } = await run(tool('promtool') ?? '', ['test', 'rules', file]);
    assert.equal(code, 0, stdout + stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('each alert', () => {
  it('has an entry in the runbooks, and each entry an alert', () => {
    const headings = [...readFileSync(join(root, 'docs/runbooks.md'), 'utf8').matchAll(/^## (\w+)$/gm)].map(
      ([, name = '']) => name,
    );
    assert.deepEqual(headings.sort(), [...alerts].sort());
    for (const { alert, annotations } of rules)
      if (alert !== undefined)
        assert.equal(annotations?.runbook_url, `docs/runbooks.md#${alert.toLowerCase()}`);
  });
});

/** Labels of each metric, from the code that writes them. */
function known(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const { name, type, labels } of metrics) {
    if (type !== 'histogram') found.set(name, labels);
    else {
      found.set(`${name}_bucket`, [...labels, 'le']);
      for (const end of ['_sum', '_count']) found.set(name + end, labels);
    }
  }
  // prom-client's own, of every process
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes']) found.set(name, []);
  found.set('nodejs_eventloop_lag_p99_seconds', []);
  for (const { record } of rules) if (record !== undefined) found.set(record, ['name', 'fleet']);
  return found;
}

/** What a query asks for that no gateway has. */
function unknown(query: string, metrics: ReadonlyMap<string, readonly string[]>): string[] {
  const bare = query.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  const wrong: string[] = [];
  const usable = new Set(['instance', 'job']);
  for (const [, name = '', matchers = ''] of bare.matchAll(
    /\b((?:tensorgate|process|nodejs)[\w:]*)(?:\{([^}]*)\})?/g,
  )) {
    const labels = metrics.get(name);
    if (labels === undefined) {
      wrong.push(name);
      continue;
    }
    for (const label of labels) usable.add(label);
    for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (!labels.includes(label) && label !== 'instance') wrong.push(`${name}{${label}}`);
  }
  for (const [, list = ''] of bare.matchAll(
    /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g,
  ))
    for (const label of list.split(',').map((each) => each.trim()))
      if (label !== '' && !usable.has(label)) wrong.push(`by (${label})`);
  return wrong;
}

describe('every query', () => {
  const metrics = known();
  const queries = [
    ...rules.map(({ record, alert, expr }) => [record ?? alert ?? '', expr] as const),
    ...dashboards.flatMap(({ name, panels, variables }) => [
      ...panels.flatMap((panel) =>
        panel.queries.map(([query]) => [`${name}: ${panel.title}`, query] as const),
      ),
      ...Object.values(variables).map((query) => [`${name}: variable`, query] as const),
    ]),
  ];

  it('asks for metrics and labels that the gateway has', () => {
    assert.ok(queries.length > 60, String(queries.length));
    for (const [where, query] of queries) assert.deepEqual(unknown(query, metrics), [], where);
  });

  it('would be found if it did not', () => {
    assert.deepEqual(unknown('rate(tensorgate_nothing[5m])', metrics), ['tensorgate_nothing']);
    assert.deepEqual(unknown('tensorgate_backend_up{name="a"}', metrics), ['tensorgate_backend_up{name}']);
    assert.deepEqual(unknown('sum by (model) (tensorgate_backend_up)', metrics), ['by (model)']);
  });

  it('is one that Prometheus can parse', { skip: missing('promtool') }, async () => {
    const asked = queries
      .filter(([, query]) => !query.startsWith('label_values'))
      .map(([, query], i) => ({
        record: `query:${i}`,
        expr: query.replaceAll('$__rate_interval', '5m'),
      }));
    const folder = mkdtempSync(join(tmpdir(), 'queries-'));
    try {
      writeFileSync(join(folder, 'rules.yaml'), stringify({ groups: [{ name: 'queries', rules: asked }] }));
      const file = join(folder, 'rules.yaml');
      const { code, stdout, stderr } = await run(tool('promtool') ?? '', ['check', 'rules', file]);
      assert.equal(code, 0, stdout + stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of the dashboards stands in the files that Grafana gets', () => {
    const files = readdirSync(join(root, 'deploy/grafana')).map((name) =>
      readFileSync(join(root, 'deploy/grafana', name), 'utf8'),
    );
    assert.equal(files.length, dashboards.length);
    const targets = files
      .flatMap((text) => (JSON.parse(text) as { panels: { targets: { expr: string }[] }[] }).panels)
      .flatMap((panel) => panel.targets.map(({ expr }) => expr));
    const written = dashboards.flatMap(({ panels }) =>
      panels.flatMap((panel) => panel.queries.map(([query]) => query.replaceAll('{}', ''))),
    );
    assert.deepEqual([...targets].sort(), [...written].sort());
  });
});
