/** A configuration snapshot as the options of each room. */
import { type Config, parseBackendUrl, type Snapshot } from './config/index.ts';
import type { FleetOptions } from './fleet/index.ts';
import type { ListenOptions } from './front/index.ts';
import type { GatewayOptions, RouteOptions } from './gateway.ts';
import { defaultClientLimits, defaultServerLimits } from './wire/index.ts';

/** Control calls (status) are small; this is far above any. In bytes. */
const maxControlBytes = 16 * 2 ** 20;
/** Signatures of large graphs take megabytes. In bytes. */
const maxMetadataBytes = 64 * 2 ** 20;
/** A reload that the fleet sees ends it sooner; in ms. */
const metadataTtlMs = 60_000;
const retryWindowMs = 10_000;

export function gatewayOptions(snapshot: Snapshot, version: string): GatewayOptions {
  const { config } = snapshot;
  const { telemetry, shutdown } = config;
  return {
    doors: doorsOf(snapshot),
    shutdown,
    telemetry: {
      prefix: telemetry.metricsPrefix,
      version,
      maxModels: telemetry.maxModels,
      maxVersionsPerModel: telemetry.maxVersionsPerModel,
      maxSeries: telemetry.maxSeries,
      processMetrics: true,
      log: { level: telemetry.logLevel, destination: 1 },
      access: { mode: telemetry.accessLog, sample: telemetry.accessLogSample },
    },
    shown: config,
    routes: routesOf(snapshot),
  };
}

function doorsOf({ config, files }: Snapshot): GatewayOptions['doors'] {
  const { doors, http2 } = config;
  const pem = (path: string): string => files.get(path) ?? '';
  const tls =
    doors.tls === undefined
      ? undefined
      : {
          cert: pem(doors.tls.cert),
          key: pem(doors.tls.key),
          ...(doors.tls.clientCa === undefined ? {} : { clientCa: pem(doors.tls.clientCa) }),
        };
  const door = (port: number, host = doors.host, secure = tls): ListenOptions => ({
    host,
    port,
    tls: secure,
    http2: { ...defaultServerLimits, ...http2 },
    headersTimeoutMs: doors.headersTimeoutMs,
    keepAliveTimeoutMs: doors.keepAliveTimeoutMs,
    maxConnections: doors.maxConnections,
  });
  const admin =
    doors.adminPort === 0
      ? undefined
      : door(doors.adminPort, doors.adminHost, doors.tls?.admin === true ? tls : undefined);
  return { rest: door(doors.restPort), grpc: door(doors.grpcPort), admin };
}

function fleetsOf({ config, files }: Snapshot): FleetOptions[] {
  return Object.entries(config.fleets).map(([name, fleet]) => {
    const pem = (path: string | undefined): string | undefined =>
      path === undefined ? undefined : files.get(path);
    const { tls } = fleet;
    return {
      name,
      backends: fleet.backends.map((text) => {
        const url = parseBackendUrl(text);
        if (typeof url === 'string') throw new Error(url);
        const { host, port } = url;
        return {
          name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
          host,
          port,
          tls: url.tls
            ? { ca: pem(tls?.ca), cert: pem(tls?.cert), key: pem(tls?.key), serverName: tls?.serverName }
            : undefined,
        };
      }),
      models: Object.entries(config.models)
        .filter(([, model]) => (model.fleet ?? config.defaultFleet) === name)
        .map(([model]) => model),
      health: fleet.health,
      ejection: fleet.ejection,
      connection: { ...fleet.connection, http2: defaultClientLimits },
      maxControlBytes,
    };
  });
}

function cacheOf({ cache, models }: Config): RouteOptions['cache'] {
  if (cache.redisUrl === undefined) return undefined;
  const rules = { ttlMs: cache.ttlMs, maxEntryBytes: cache.maxEntryBytes };
  const named = Object.entries(models)
    .filter(([, model]) => model.cache?.enabled === true)
    .map(
      ([name, model]) =>
        [
          name,
          {
            ttlMs: model.cache?.ttlMs ?? rules.ttlMs,
            maxEntryBytes: model.cache?.maxEntryBytes ?? rules.maxEntryBytes,
          },
        ] as const,
    );
  const off = Object.entries(models).filter(([, model]) => model.cache?.enabled === false);
  return {
    store: {
      url: cache.redisUrl,
      timeoutMs: cache.timeoutMs,
      connectTimeoutMs: cache.connectTimeoutMs,
      breakerMs: cache.breakerMs,
      // lookups and writes under way: enough for a busy gateway, and a bound when Redis is slow
      maxGets: 512,
      maxSets: 64,
      maxSetBytes: 8 * 2 ** 20,
    },
    filter: {
      models: {
        ...(cache.allModels ? { '*': rules } : {}),
        ...Object.fromEntries(named),
        ...Object.fromEntries(off.map(([name]) => [name, { ttlMs: 1, maxEntryBytes: 0 }])),
      },
      maxRequestBytes: cache.maxRequestBytes,
      keyPrefix: cache.keyPrefix,
      vary: cache.vary,
    },
  };
}

function routesOf(snapshot: Snapshot): RouteOptions {
  const { config } = snapshot;
  const { rest, grpc, deadlines, retry } = config;
  return {
    fleets: fleetsOf(snapshot),
    defaultFleet: config.defaultFleet,
    models: new Map(
      Object.entries(config.models).map(([name, model]) => [
        name,
        {
          fleet: model.fleet ?? config.defaultFleet,
          labels: new Map(
            Object.entries(model.labels ?? {}).map(([label, version]) => [label, BigInt(version)]),
          ),
        },
      ]),
    ),
    rpc: {
      maxMessageBytes: grpc.maxMessageBytes,
      defaultTimeoutMs: deadlines.defaultMs,
      maxTimeoutMs: deadlines.maxMs,
      maxRetainedBytes: retry.maxBufferedBytes,
    },
    rest: {
      json: {
        maxBodyBytes: rest.maxBodyBytes,
        maxDepth: rest.maxDepth,
        maxRank: rest.maxRank,
        maxElements: rest.maxElements,
        maxStringBytes: rest.maxStringBytes,
      },
      metadataStyle: rest.metadataStyle,
      allowReload: rest.allowReload,
      strictDtypes: rest.strictDtypes,
      timeoutMs: deadlines.defaultMs,
      gzipMinBytes: rest.gzipMinBytes,
      maxReplyBytes: rest.maxReplyBytes,
    },
    cors: config.cors,
    catalog: { ttlMs: metadataTtlMs, maxEntries: 1000, maxBytes: maxMetadataBytes },
    retry: {
      maxAttempts: retry.maxAttempts,
      maxUnstarted: retry.maxUnstarted,
      backoffMs: retry.backoffMs,
      budget: {
        percent: retry.budgetPercent,
        minPerSecond: retry.budgetMinPerSecond,
        windowMs: retryWindowMs,
      },
    },
    cache: cacheOf(config),
    passthrough: grpc.passthrough,
    allowAdmin: grpc.allowAdmin,
    health: grpc.health,
    reflection: grpc.reflection,
  };
}
