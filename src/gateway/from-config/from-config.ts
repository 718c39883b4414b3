/** A configuration snapshot as the options of each room. */
export { needsRestart } from './fixed.ts';
import type { Snapshot } from '../../config/index.ts';
import type { GatewayOptions } from '../options.ts';
import { doorsOf } from './doors.ts';
import { fixedSettings } from './fixed.ts';
import { memoryBytesOf } from './memory.ts';
import { perWorker } from './per-worker.ts';
import { dataPlaneOptions } from './data-plane.ts';

/** @param workers processes that share the doors: each holds its part of what is given for all */
export function gatewayOptions(snapshot: Snapshot, version: string, workers = 1): GatewayOptions {
  const { config } = snapshot;
  const { telemetry, shutdown } = config;
  return {
    fixed: fixedSettings(config),
    doors: doorsOf(snapshot),
    shutdown,
    memoryBytes: memoryBytesOf(config, workers),
    telemetry: {
      prefix: telemetry.metricsPrefix,
      version,
      maxModels: telemetry.maxModels,
      maxVersionsPerModel: telemetry.maxVersionsPerModel,
      maxSeries: telemetry.maxSeries,
      processMetrics: true,
      log: { level: telemetry.logLevel, destination: 1 },
      access: {
        mode: telemetry.accessLog,
        sample: telemetry.accessLogSample,
        maxPerSecond: telemetry.accessLogMaxPerSecond,
      },
    },
    shown: config,
    dataPlane: dataPlaneOptions({ ...snapshot, config: perWorker(config, workers) }, workers),
  };
}
