/** Telemetry: an Observer that counts and logs, and the page that Prometheus scrapes. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { After, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { after } from '../base/timer-wheel.ts';
import type { Observer } from '../call/index.ts';
import { accessLog, type AccessLogOptions } from './access-log.ts';
import { CallMetrics } from './call-metrics.ts';
import { HttpAnswerMetrics } from './http-answer-metrics.ts';
import { NumberFamily } from './family.ts';
import { faultLog } from './fault-log.ts';
import { GatewayMetrics, type HeldMemory } from './gateway-metrics.ts';
import { HttpMetrics } from './http-metrics.ts';
import { createLogger, type LoggerOptions } from './logger.ts';
import { labelsOf } from './model-labels.ts';
import { Traffic } from './traffic.ts';

export interface TelemetryOptions {
  /** Before every metric of ours: "tensorgate". */
  readonly prefix: string;
  /** For the build_info metric. */
  readonly version: string;
  /** Models with series of their own; the others count without a name. */
  readonly maxModels: number;
  readonly maxVersionsPerModel: number;
  /** Series of one metric. */
  readonly maxSeries: number;
  /** Figures of the process (CPU, memory, event loop lag, garbage collection). */
  readonly processMetrics: boolean;
  readonly log: LoggerOptions;
  readonly access: AccessLogOptions;
}

export interface Rendering {
  readonly contentType: string;
  readonly body: string;
}

/** What a metric is, for its documentation. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface Telemetry {
  readonly observer: Observer;
  readonly log: Log;
  /** The last minutes for people to look at; whoever shows them ticks. */
  readonly traffic: Pick<Traffic, 'tick' | 'points' | 'totals'>;
  /** The metrics in the Prometheus text format; callers at the same time share one rendering. */
  render(): Promise<Rendering>;
  /** The gateway's own metrics; those of the process are prom-client's. */
  readonly metrics: readonly MetricDescription[];
  /** A door's certificate is good until then, in seconds since 1970; undefined: it shows none. */
  certificate(door: string, notAfter: number | undefined): void;
  /**
   * When the configuration in force was taken, in seconds since 1970, and whether it is the one that was asked for
   * last.
   */
  reloads(acceptedAt: number, successful: boolean): void;
  /** Other levels and samples of the logs, from now on. */
  configure(options: Pick<TelemetryOptions, 'log' | 'access'>): void;
  /** Resolves when waiting log lines are written, or after a second; for the end of the process. */
  flush(): Promise<void>;
}

const contentType = 'text/plain; version=0.0.4; charset=utf-8';

export interface TelemetryDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly after?: After;
  /** What is held for clients now, by what it is held for, in bytes. */
  readonly memory?: () => HeldMemory;
  /** Lines that were lost on other ways than the log's. */
  readonly dropped?: () => number;
}

/** Creates the observer, the logs and the metrics in the Prometheus text format 0.0.4. */
export function createTelemetry(options: TelemetryOptions, deps: TelemetryDeps): Telemetry {
  const { prefix, maxSeries } = options;
  const calls = new CallMetrics(options);
  const gateway = new GatewayMetrics(prefix, maxSeries);
  const { backends } = gateway;
  const traffic = new Traffic(options.maxModels);
  const http = new HttpMetrics(prefix, maxSeries);
  const doors = new HttpAnswerMetrics(prefix, maxSeries, options.maxModels);
  const build = new NumberFamily('gauge', {
    name: `${prefix}_build_info`,
    help: 'Always 1; which gateway and Node this is.',
    labels: ['version', 'node'],
    maxSeries: 1,
  });
  build.cell(options.version, process.version).value = 1;
  const certificates = new NumberFamily('gauge', {
    name: `${prefix}_certificate_not_after_timestamp_seconds`,
    help: 'When the certificate that a door shows expires, in seconds since 1970.',
    labels: ['door'],
    maxSeries,
  });
  const reloaded = new NumberFamily('gauge', {
    name: `${prefix}_config_last_reload_successful`,
    help: 'Whether the configuration in force is the one that was asked for last: 0 while a refused one waits to be mended.',
    labels: [],
    maxSeries: 1,
  });
  const reloadedAt = new NumberFamily('gauge', {
    name: `${prefix}_config_last_reload_success_timestamp_seconds`,
    help: 'When the configuration in force was taken, by the start or a reload, in seconds since 1970.',
    labels: [],
    maxSeries: 1,
  });
  const logDropped = new NumberFamily('counter', {
    name: `${prefix}_log_lines_dropped_total`,
    help: 'Log lines that their destination did not take.',
    labels: [],
    maxSeries: 1,
  });
  const logSuppressed = new NumberFamily('counter', {
    name: `${prefix}_access_log_suppressed_total`,
    help: 'Failures without a line in the access log, since there were more than telemetry.accessLogMaxPerSecond.',
    labels: [],
    maxSeries: 1,
  });
  const processFigures = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: processFigures });
  const logger = createLogger(options.log);
  const accessDeps = {
    random: deps.random,
    clock: deps.clock,
    after: deps.after ?? after,
    onSuppressed: () => void logSuppressed.cell().value++,
  };
  let logged = accessLog(options.access, logger.log, accessDeps);
  const logFault = faultLog(logger.log, deps.clock);

  const observer: Observer = {
    callStarted(call) {
      traffic.callStarted();
      return calls.started(call);
    },
    callEnded(end) {
      calls.ended(end);
      traffic.callEnded(end);
      if (logged === undefined) return;
      const { http: asked } = end.call;
      if (asked === undefined) logged.call(end);
      else asked.callEnd = end;
    },
    httpStarted: (route) => http.started(route),
    httpEnded(end) {
      http.ended(end);
      logged?.http(end);
    },
    answered(end) {
      doors.ended(end);
      logged?.answer(end);
    },
    configured(model) {
      doors.learn(model);
    },
    retried(backend, reason) {
      gateway.retries.cell(backend, reason).value++;
      traffic.retried(backend);
    },
    hedged: (backend, event) => void gateway.hedges.cell(backend, event).value++,
    ejected(backend, model) {
      backends.ejected(backend, model);
      traffic.ejected(backend);
    },
    readmitted(backend, model) {
      backends.readmitted(backend, model);
    },
    meterOf: (backend) => backends.meterOf(backend),
    backendUp(backend, up) {
      backends.up(backend, up);
    },
    backendDrained(backend, drained) {
      backends.drained(backend, drained);
    },
    backendState(backend, model, version, available) {
      calls.expect(model, version);
      // clients ask by other names where this one leads elsewhere
      if (model.fleet === undefined) doors.learn(model.model);
      backends.state(backend, model, version, available);
    },
    modelsGone(backend, fleet) {
      backends.modelsGone(backend, fleet);
    },
    backendQueue: (backend, waiting) => void (backends.queue.cell(backend).value = waiting),
    backendGone(backend) {
      gateway.backendGone(backend);
      traffic.backendGone(backend);
    },
    cache(model, event) {
      gateway.cacheEvent(model, event);
      traffic.cacheEvent(event);
    },
    mirrored: (model, outcome) => void gateway.mirrored.cell(...labelsOf(model), outcome).value++,
    waited(model, ms) {
      gateway.waits.cell(...labelsOf(model)).observe(ms * 1000);
    },
    queued: (model, waiting) => void (gateway.waiting.cell(...labelsOf(model)).value = waiting),
    sharedLimit: (limit, by) => void gateway.sharedLimits.cell(limit, by).value++,
    faulted(where, reason) {
      gateway.faults.cell(where).value++;
      logFault(where, reason);
    },
    limited(limit) {
      gateway.limits.cell(limit).value++;
      traffic.limited(limit);
    },
  };

  const families = [
    build,
    ...calls.families,
    ...http.families,
    ...doors.families,
    ...gateway.families,
    certificates,
    reloaded,
    reloadedAt,
    logDropped,
    logSuppressed,
  ];

  /** prom-client writes "Nan", which is no number to parsers of OpenMetrics. */
  const processText = async (): Promise<string> =>
    (await processFigures.metrics()).replaceAll(/ Nan$/gm, ' NaN');

  async function renderOnce(): Promise<Rendering> {
    if (deps.memory !== undefined) gateway.memory(deps.memory());
    logDropped.cell().value = logger.dropped() + (deps.dropped?.() ?? 0);
    const out: string[] = [];
    for (const family of families) family.write(out);
    const own = out.join('');
    return { contentType, body: options.processMetrics ? own + (await processText()) : own };
  }
  let rendering: Promise<Rendering> | undefined;

  return {
    observer,
    log: logger.log,
    traffic,
    render() {
      rendering ??= renderOnce().finally(() => (rendering = undefined));
      return rendering;
    },
    metrics: families.map(({ type, options: { name, help, labels } }) => ({ name, type, help, labels })),
    certificate(door, notAfter) {
      if (notAfter === undefined) certificates.drop('door', door);
      else certificates.cell(door).value = notAfter;
    },
    reloads(acceptedAt, successful) {
      reloaded.cell().value = successful ? 1 : 0;
      reloadedAt.cell().value = acceptedAt;
    },
    configure({ log, access }) {
      logger.setLevel(log.level);
      logged = accessLog(access, logger.log, accessDeps);
    },
    flush: () => logger.flush(),
  };
}
