/** Options of fleets for tests: quick looks, small limits. */
import type { BackendAddress, FleetOptions, HttpFleetOptions } from '../../src/fleet/index.ts';
import { defaultClientLimits } from '../../src/wire/index.ts';

export function optionsOf(
  backends: readonly BackendAddress[],
  fields: Partial<FleetOptions> = {},
): FleetOptions {
  return {
    name: 'test',
    sources: [{ kind: 'fixed', backends }],
    models: ['echo'],
    health: {
      check: 'model',
      service: '',
      path: '/',
      port: 0,
      intervalMs: 200,
      fastIntervalMs: 50,
      timeoutMs: 500,
      fall: 3,
      rise: 2,
      maxLearntModels: 10,
    },
    ejection: {
      consecutiveErrors: 5,
      failurePercent: 50,
      minCalls: 20,
      baseMs: 10_000,
      maxMs: 300_000,
      maxPercent: 50,
    },
    balance: {
      policy: 'round-robin',
      hashOn: 'model',
      boundPercent: 125,
      zone: '',
      zoneSpillFactor: 2,
      slowStartMs: 0,
      quorumPercent: 50,
      panicPercent: 50,
    },
    concurrency: { maxInFlight: 64, quickMs: 0, adaptive: false, minInFlight: 4, maxStreams: 64 },
    warmUp: { requests: 0, timeoutMs: 1000, maxBytes: 10_000 },
    sequences: { idleMs: 1000, max: 10 },
    connection: {
      connectTimeoutMs: 500,
      hungAfterMs: 1000,
      maxConnections: 4,
      maxQueue: 100,
      http2: defaultClientLimits,
    },
    maxControlBytes: 100_000,
    maxMessageBytes: 100_000,
    maxInflateRatio: 100,
    encoding: 'untouched',
    json: {
      maxBodyBytes: 1_000_000,
      maxDepth: 64,
      maxRank: 8,
      maxElements: 1000,
      maxStringBytes: 1000,
      maxExampleValues: 1000,
    },
    ...fields,
  };
}

export function httpOptionsOf(backends: HttpFleetOptions['backends']): HttpFleetOptions {
  const { health, ejection } = optionsOf([]);
  return {
    name: 'test',
    backends,
    health: { ...health, path: '/health', modelsPath: '/v3/models' },
    ejection,
    connectTimeoutMs: 500,
    maxInFlight: 64,
    isTrusted: () => false,
  };
}
