/**
 * The settings that a reload cannot change: addresses that are bound, metrics that scrapers know, processes that run.
 */
import type { Config } from '../../config/index.ts';

type FixedValue = string | number | undefined;

/** By their names in a configuration, for the message that says so. */
export function fixedSettings({ doors, telemetry, workers }: Config): ReadonlyMap<string, FixedValue> {
  return new Map<string, FixedValue>([
    ['doors.host', doors.host],
    ['doors.restPort', doors.restPort],
    ['doors.grpcPort', doors.grpcPort],
    ['doors.adminPort', doors.adminPort],
    ['doors.adminHost', doors.adminHost],
    ['telemetry.metricsPrefix', telemetry.metricsPrefix],
    ['telemetry.maxModels', telemetry.maxModels],
    ['telemetry.maxVersionsPerModel', telemetry.maxVersionsPerModel],
    ['telemetry.maxSeries', telemetry.maxSeries],
    ['workers', workers],
  ]);
}

/**
 * What the second has that the first has not, each with both values; empty when a reload may go from one to the
 * other.
 */
export function needsRestart(
  before: ReadonlyMap<string, FixedValue>,
  after: ReadonlyMap<string, FixedValue>,
): string[] {
  const shown = (value: FixedValue): string => (value === undefined ? 'none' : String(value));
  return [...after]
    .filter(([name, value]) => value !== before.get(name))
    .map(([name, value]) => `${name} (${shown(before.get(name))}, now ${shown(value)})`);
}
