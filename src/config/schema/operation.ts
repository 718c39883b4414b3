/** How the gateway is watched and stopped. */
import Type from 'typebox';
import { count, ms, section } from './kinds.ts';

export const telemetry = section(
  {
    metricsPrefix: Type.String({
      default: 'tensorgate',
      pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$',
      description: 'Before every metric’s name.',
    }),
    maxModels: count(500, 'Models with series of their own.'),
    maxVersionsPerModel: count(16, 'Versions of a model with series of their own.'),
    maxSeries: count(5000, 'Series of one metric.'),
    logLevel: Type.Union(
      ['debug', 'info', 'warn', 'error', 'silent'].map((level) => Type.Literal(level)),
      { default: 'info', description: 'The least that is logged.' },
    ),
    accessLog: Type.Union([Type.Literal('off'), Type.Literal('errors'), Type.Literal('all')], {
      default: 'errors',
      description: 'Calls that are logged.',
    }),
    accessLogSample: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0,
      description: 'Share of successful calls that are logged with `errors`.',
    }),
    accessLogMaxPerSecond: count(
      100,
      'Lines a second of failures with the same status that are logged with `errors`, in each worker; those beyond are counted, and a line says how many. 0: all.',
      0,
    ),
  },
  'Metrics and logs.',
);

export const shutdown = section(
  {
    graceMs: ms(
      5000,
      'After SIGTERM, new calls are still served for so long: load balancers need a moment to see /readyz.',
    ),
    drainMs: ms(20_000, 'Then calls in flight have so long to finish. Kubernetes kills after 30 s.'),
  },
  'How the gateway stops.',
);

export const probing = section(
  {
    maxPerSecond: count(
      50,
      'Looks at models and backends, all fleets together. With many models the intervals grow; half of it is kept for what is loading or down.',
    ),
  },
  'How often the gateway may look at its backends.',
);
