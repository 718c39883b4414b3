/** The room's front door: metrics and logs behind the Observer interface. */
export type { AccessLogOptions } from './access-log.ts';
export { bucketEdgesUs } from './histogram.ts';
export type { LoggerOptions, LogLevel } from './logger.ts';
export { countsOf, mergeRenderings } from './merge.ts';
export type { TrafficOf, TrafficPoint, TrafficTotals } from './traffic.ts';
export {
  createTelemetry,
  type Rendering,
  type Telemetry,
  type TelemetryDeps,
  type TelemetryOptions,
} from './telemetry.ts';
