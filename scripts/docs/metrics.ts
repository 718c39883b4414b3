/** The metrics' reference: what /metrics has, from the code that writes it. */
import { createTelemetry } from '../../src/telemetry/index.ts';

/** Every metric of the gateway's own, under the default prefix. */
export const { metrics } = createTelemetry(
  {
    prefix: 'tensorgate',
    version: '',
    maxModels: 1,
    maxVersionsPerModel: 1,
    maxSeries: 1,
    processMetrics: false,
    log: { level: 'silent', destination: 1 },
    access: { mode: 'off', sample: 0, maxPerSecond: 0 },
  },
  { clock: () => 0, random: () => 0 },
);

const rows = metrics.map(
  ({ name, type, labels, help }) =>
    `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
);

export const metricsPage = `# Metrics

Made from the code by \`scripts/docs/\`; do not edit. The admin door gives them at \`/metrics\`, in the Prometheus text format.

\`tensorgate\` is the prefix; \`telemetry.metricsPrefix\` changes it. Names, labels and bucket edges are those of OpenVINO Model Server
(\`floor(10 × 1.8^i)\` µs), so its dashboards work with the prefix changed. \`name\` is the model, and \`fleet\` its fleet: models of the default fleet
have no such label, so that what a gateway with one fleet tells is the same when another comes, and \`sum by (name)\` is the sum of all fleets. A model or version that no backend
has and no configuration names never makes a series: its calls count under an empty label. Beyond \`telemetry.maxModels\`,
\`telemetry.maxVersionsPerModel\` and \`telemetry.maxSeries\` everything else shares one series. Refusals and failures (UNAVAILABLE, DEADLINE_EXCEEDED) of
\`Predict\` and \`ModelInfer\` begin at 0 for each model version that a server has shown, so that the first one is a rise; such series take a fifth of
\`telemetry.maxSeries\` at most.

| metric | type | labels | |
| --- | --- | --- | --- |
${rows.join('\n')}

Beside these stand the default metrics of prom-client: \`process_*\` (CPU, memory, open files) and \`nodejs_*\` (event loop lag, heap,
garbage collection).
`;
