/** Metrics and logs behind the Observer interface. */
export { bucketEdgesUs } from './histogram.ts';
export { countsOf, mergeRenderings } from './merge.ts';
export {
  createTelemetry,
  type Rendering,
  type Telemetry,
  type TelemetryDeps,
  type TelemetryOptions,
} from './telemetry.ts';
export type { TrafficOf, TrafficPoint, TrafficTotals } from './traffic.ts';
