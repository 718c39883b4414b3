/** The three dashboards for Grafana: every panel is one line here, so that their queries can be read side by side. */

interface Panel {
  readonly title: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  /** Queries with their legends. */
  readonly queries: readonly (readonly [query: string, legend: string])[];
  readonly kind?: 'timeseries' | 'stat';
}

export interface Dashboard {
  readonly name: string;
  readonly title: string;
  /** Variables by name, each with the query of its values. */
  readonly variables: Readonly<Record<string, string>>;
  readonly panels: readonly Panel[];
}

const rate = (metric: string, by: string, labels = ''): string =>
  `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
const quantile = (q: number, metric: string, by: string, labels = ''): string =>
  `histogram_quantile(${q}, ${rate(`${metric}_bucket`, `le, ${by}`, labels)})`;

const model = 'name=~"$model",fleet=~"$fleet"';
const pod = 'instance=~"$instance"';

export const dashboards: readonly Dashboard[] = [
  {
    name: 'fleet',
    title: 'Tensorgate: fleet',
    variables: {},
    panels: [
      {
        title: 'Calls',
        unit: 'reqps',
        kind: 'stat',
        queries: [['sum(rate(tensorgate_requests_success[$__rate_interval]))', 'a second']],
      },
      { title: 'Gateways', unit: 'none', kind: 'stat', queries: [['count(tensorgate_build_info)', 'run']] },
      {
        title: 'Backends up',
        unit: 'none',
        kind: 'stat',
        queries: [['sum(max by (backend) (tensorgate_backend_up))', 'up']],
      },
      {
        title: 'Calls by model',
        unit: 'reqps',
        queries: [[rate('tensorgate_requests_success', 'name, fleet'), '{{name}} {{fleet}}']],
      },
      {
        title: 'Failures by model and code',
        unit: 'reqps',
        queries: [[rate('tensorgate_requests_fail', 'name, fleet, code'), '{{name}} {{fleet}} {{code}}']],
      },
      {
        title: 'Time by model (99th percentile)',
        unit: 'µs',
        queries: [[quantile(0.99, 'tensorgate_request_time_us', 'name, fleet'), '{{name}} {{fleet}}']],
      },
      {
        title: 'Backends: up, drained, ejected',
        unit: 'bool',
        queries: [
          ['max by (backend) (tensorgate_backend_up)', '{{backend}} up'],
          ['max by (backend) (tensorgate_backend_drained)', '{{backend}} drained'],
          ['max by (backend) (tensorgate_backend_ejected)', '{{backend}} ejected'],
        ],
      },
      {
        title: 'Versions: backends that have them',
        unit: 'none',
        queries: [
          [
            'sum by (name, fleet, version) (max by (name, fleet, version, backend) (tensorgate_backend_available))',
            '{{name}} {{fleet}} {{version}}',
          ],
        ],
      },
      {
        title: 'Calls under way at backends',
        unit: 'none',
        queries: [['sum by (backend) (tensorgate_backend_in_flight)', '{{backend}}']],
      },
      {
        title: 'Attempts at backends by code',
        unit: 'reqps',
        queries: [[rate('tensorgate_backend_requests_total', 'backend, code'), '{{backend}} {{code}}']],
      },
      {
        title: 'Time at backends (99th percentile)',
        unit: 'µs',
        queries: [[quantile(0.99, 'tensorgate_backend_request_time_us', 'backend'), '{{backend}}']],
      },
      {
        title: 'Calls that wait',
        unit: 'none',
        queries: [['sum by (name, fleet) (tensorgate_queued_requests)', '{{name}} {{fleet}}']],
      },
    ],
  },
  {
    name: 'model',
    title: 'Tensorgate: model',
    variables: {
      model: 'label_values(tensorgate_requests_success, name)',
      fleet: 'label_values(tensorgate_requests_success, fleet)',
    },
    panels: [
      {
        title: 'Calls by interface',
        unit: 'reqps',
        queries: [
          [rate('tensorgate_requests_success', 'interface, method', model), '{{interface}} {{method}}'],
        ],
      },
      {
        title: 'Failures by code',
        unit: 'reqps',
        queries: [[rate('tensorgate_requests_fail', 'interface, code', model), '{{interface}} {{code}}']],
      },
      {
        title: 'Calls by version',
        unit: 'reqps',
        queries: [[rate('tensorgate_requests_success', 'version', model), '{{version}}']],
      },
      {
        title: 'Time',
        unit: 'µs',
        queries: [0.5, 0.9, 0.99].map((q): [string, string] => [
          quantile(q, 'tensorgate_request_time_us', 'name, fleet', model),
          `p${q * 100}`,
        ]),
      },
      {
        title: 'Time in the queue (99th percentile of those that wait)',
        unit: 'µs',
        queries: [[quantile(0.99, 'tensorgate_queue_time_us', 'name, fleet', model), '{{name}} {{fleet}}']],
      },
      {
        title: 'Under way and waiting',
        unit: 'none',
        queries: [
          [`sum(tensorgate_current_requests{${model}})`, 'under way'],
          [`sum(tensorgate_queued_requests{${model}})`, 'wait'],
        ],
      },
      {
        title: 'Bytes',
        unit: 'Bps',
        queries: [
          [rate('tensorgate_request_bytes_total', 'name, fleet', model), 'requests'],
          [rate('tensorgate_response_bytes_total', 'name, fleet', model), 'replies'],
        ],
      },
      {
        title: 'Answered, refused',
        unit: 'reqps',
        queries: [
          [rate('tensorgate_requests_accepted', 'name, fleet', model), 'answered'],
          [rate('tensorgate_requests_rejected', 'name, fleet', model), 'refused'],
        ],
      },
      {
        title: 'Where it is available',
        unit: 'bool',
        queries: [
          [`max by (backend, version) (tensorgate_backend_available{${model}})`, '{{backend}} {{version}}'],
        ],
      },
      {
        title: 'Cache',
        unit: 'ops',
        queries: [[rate('tensorgate_cache_events_total', 'event', model), '{{event}}']],
      },
      {
        title: 'Mirror',
        unit: 'ops',
        queries: [[rate('tensorgate_mirrored_total', 'outcome', model), '{{outcome}}']],
      },
      {
        title: 'Ejections',
        unit: 'ops',
        queries: [[rate('tensorgate_backend_ejections_total', 'backend', model), '{{backend}}']],
      },
    ],
  },
  {
    name: 'gateway',
    title: 'Tensorgate: gateway',
    variables: { instance: 'label_values(tensorgate_build_info, instance)' },
    panels: [
      {
        title: 'CPU',
        unit: 'percentunit',
        queries: [
          [
            `sum by (instance) (rate(process_cpu_seconds_total{${pod}}[$__rate_interval]) and on (instance) tensorgate_build_info)`,
            '{{instance}}',
          ],
        ],
      },
      {
        title: 'Event loop (99th percentile late)',
        unit: 's',
        queries: [
          [
            `max by (instance) (nodejs_eventloop_lag_p99_seconds{${pod}} and on (instance) tensorgate_build_info)`,
            '{{instance}}',
          ],
        ],
      },
      {
        title: 'Memory of the process',
        unit: 'bytes',
        queries: [
          [
            `sum by (instance) (process_resident_memory_bytes{${pod}} and on (instance) tensorgate_build_info)`,
            '{{instance}}',
          ],
        ],
      },
      {
        title: 'Memory held for clients',
        unit: 'bytes',
        queries: [
          [`sum by (instance, kind) (tensorgate_memory_held_bytes{${pod}})`, '{{instance}} {{kind}}'],
          [`sum by (instance) (tensorgate_memory_limit_bytes{${pod}})`, '{{instance}} limit'],
        ],
      },
      {
        title: 'Answers over HTTP by status',
        unit: 'reqps',
        queries: [[rate('tensorgate_http_responses_total', 'instance, code', pod), '{{instance}} {{code}}']],
      },
      {
        title: 'Refusals by limit',
        unit: 'ops',
        queries: [[rate('tensorgate_limited_total', 'instance, limit', pod), '{{instance}} {{limit}}']],
      },
      {
        title: 'Attempts again, hedges',
        unit: 'ops',
        queries: [
          [rate('tensorgate_retries_total', 'instance, reason', pod), '{{instance}} {{reason}}'],
          [rate('tensorgate_hedges_total', 'instance, event', pod), '{{instance}} hedge {{event}}'],
        ],
      },
      {
        title: 'Shared rate limits: who decided',
        unit: 'ops',
        queries: [
          [rate('tensorgate_shared_limit_decisions_total', 'instance, by', pod), '{{instance}} {{by}}'],
        ],
      },
      {
        title: 'Configuration in force is the one that was written',
        unit: 'bool',
        queries: [[`min by (instance) (tensorgate_config_last_reload_successful{${pod}})`, '{{instance}}']],
      },
      {
        title: 'Certificates: time left',
        unit: 's',
        queries: [
          [
            `min by (instance, door) (tensorgate_certificate_not_after_timestamp_seconds{${pod}} - time())`,
            '{{instance}} {{door}}',
          ],
        ],
      },
      {
        title: 'Faults',
        unit: 'ops',
        queries: [[rate('tensorgate_faults_total', 'instance, where', pod), '{{instance}} {{where}}']],
      },
      {
        title: 'Log lines that nobody took, failures without a line',
        unit: 'ops',
        queries: [
          [rate('tensorgate_log_lines_dropped_total', 'instance', pod), '{{instance}} dropped'],
          [rate('tensorgate_access_log_suppressed_total', 'instance', pod), '{{instance}} suppressed'],
        ],
      },
      {
        title: 'Versions',
        unit: 'none',
        kind: 'stat',
        queries: [[`count by (version, node) (tensorgate_build_info{${pod}})`, '{{version}} {{node}}']],
      },
    ],
  },
];

const datasource = { type: 'prometheus', uid: '${datasource}' };

/** As Grafana imports it. */
export function grafana({ name, title, variables, panels }: Dashboard): unknown {
  return {
    uid: `tensorgate-${name}`,
    title,
    tags: ['tensorgate'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        ...Object.entries(variables).map(([variable, query]) => ({
          name: variable,
          type: 'query',
          datasource,
          query: { query, refId: variable },
          refresh: 2,
          sort: 1,
          multi: true,
          includeAll: true,
          // an absent label is empty: the default fleet has none
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        })),
      ],
    },
    panels: panels.map((panel, i) => ({
      id: i + 1,
      title: panel.title,
      type: panel.kind ?? 'timeseries',
      datasource,
      gridPos: { x: (i % 3) * 8, y: Math.floor(i / 3) * 8, w: 8, h: 8 },
      fieldConfig: { defaults: { unit: panel.unit }, overrides: [] },
      targets: panel.queries.map(([expr, legendFormat], n) => ({
        refId: String.fromCharCode(65 + n),
        datasource,
        expr: expr.replaceAll('{}', ''),
        legendFormat,
      })),
    })),
  };
}
