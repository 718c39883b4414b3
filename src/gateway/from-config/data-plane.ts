/** What a reload replaces: fleets, models, and how calls are treated. */
import { ByModel, takesOfAnswers, takesOfRequests } from '../../call/index.ts';
import { controlLimits } from '../../codec/index.ts';
import { type Config, type Snapshot, trustedBy } from '../../config/index.ts';
import type { DataPlaneOptions } from '../options.ts';
import { fleetsOf, httpFleetsOf } from './fleets.ts';
import { forwardHeadersOf } from './headers.ts';
import { jsonLimitsOf } from './json.ts';
import { batchDimensionsOf, concerned, mirrorsOf, namesOf, rateLimitsOf } from './names.ts';
import { proxyOf } from './proxy.ts';
import { cacheOf, sharedLimitsOf } from './redis.ts';
import { timeoutsOf } from './timeouts.ts';

/** A reload that the fleet sees ends it sooner; in ms. */
const metadataTtlMs = 60_000;
const budgetWindowMs = 10_000;
/** Up to so many bytes of a request wait for the rest before a place is taken. */
const hereBytes = 65_536;

/** @param workers that share what is given for the whole gateway */
export function dataPlaneOptions(snapshot: Snapshot, workers: number): DataPlaneOptions {
  const { config } = snapshot;
  const { rest, grpc, deadlines, doors, retry, hedge, queue } = config;
  const pace = {
    bodyTimeoutMs: doors.bodyTimeoutMs,
    minBodyBytesPerSecond: doors.minBodyBytesPerSecond,
  };
  const timeouts = timeoutsOf(config);
  return {
    fleets: fleetsOf(snapshot, workers),
    maxProbesPerSecond: config.probing.maxPerSecond,
    httpFleets: httpFleetsOf(snapshot),
    defaultFleet: config.defaultFleet,
    names: namesOf(config),
    rpc: {
      maxMessageBytes: grpc.maxMessageBytes,
      maxInflateRatio: grpc.maxInflateRatio,
      timeouts,
      maxRetainedBytes: retry.maxBufferedBytes,
      pace,
    },
    rest: {
      json: jsonLimitsOf(config),
      metadataStyle: rest.metadataStyle,
      allowReload: rest.allowReload,
      allowAdmin: grpc.allowAdmin,
      strictDtypes: rest.strictDtypes,
      extraDtypes: rest.extraDtypes,
      nonFinite: rest.nonFinite,
      maxInflateRatio: rest.maxInflateRatio,
      timeouts,
      takesHeader: takesOfRequests(forwardHeadersOf(config)),
      returnsHeader: takesOfAnswers(rest.returnHeaders),
      pace,
      gzipMinBytes: rest.gzipMinBytes,
      maxReplyBytes: rest.maxReplyBytes,
    },
    proxy: proxyOf(config),
    cors: config.cors,
    catalog: { ttlMs: metadataTtlMs, maxEntries: 1000, maxBytes: controlLimits.bytes },
    batchDimension: batchDimensionOf(config),
    tensorContent: tensorContentOf(config),
    retry: {
      maxAttempts: retry.maxAttempts,
      maxUnstarted: retry.maxUnstarted,
      backoffMs: retry.backoffMs,
      budget: {
        percent: retry.budgetPercent,
        minPerSecond: retry.budgetMinPerSecond,
        windowMs: budgetWindowMs,
      },
    },
    rateLimits: rateLimitsOf(config),
    sharedLimits: sharedLimitsOf(config),
    arrival: { hereBytes: hereBytesOf(config), minBytesPerSecond: doors.minBodyBytesPerSecond },
    streams: { idleMs: deadlines.streamIdleMs },
    isTrusted: trustedBy(doors.trustedProxies),
    forwardedHeader:
      doors.trustedProxies.length === 0 || doors.forwardedHeader === 'none'
        ? undefined
        : doors.forwardedHeader,
    usualQuantile: hedge.quantile,
    queue: queue.enabled
      ? { maxLength: queue.maxLength, maxWaitMs: queue.maxWaitMs, priorityField: queue.priorityField }
      : undefined,
    hedge: hedge.enabled
      ? {
          ...hedge,
          budget: {
            percent: hedge.budgetPercent,
            minPerSecond: hedge.budgetMinPerSecond,
            windowMs: budgetWindowMs,
          },
        }
      : undefined,
    sequences: sequencesOf(config),
    mirrors: mirrorsOf(config),
    cache: cacheOf(config),
    passthrough: grpc.passthrough,
    allowAdmin: grpc.allowAdmin,
    health: grpc.health,
    reflection: grpc.reflection,
  };
}

/**
 * Bytes that a call may buffer while it waits for the rest of its request, so that all streams of a connection can
 * wait at once without using up the connection's window.
 */
function hereBytesOf({ http2 }: Config): number {
  const { initialWindowBytes, connectionWindowBytes, maxConcurrentStreams } = http2;
  const share = Math.floor(connectionWindowBytes / maxConcurrentStreams);
  return Math.max(1, Math.min(hereBytes, Math.floor(initialWindowBytes / 2), share));
}

function batchDimensionOf(config: Config): DataPlaneOptions['batchDimension'] {
  const { inputs, grpc } = config;
  const add = inputs.addBatchDimension;
  const models = batchDimensionsOf(config);
  if (add === 'off' && [...models.entries()].every(([, each]) => each === 'off')) return undefined;
  return { add, models, maxMessageBytes: grpc.maxMessageBytes, maxInflateRatio: grpc.maxInflateRatio };
}

function tensorContentOf({ outputs, grpc }: Config): DataPlaneOptions['tensorContent'] {
  const { tensorContent: of } = outputs;
  if (of === 'off') return undefined;
  return { of, maxMessageBytes: grpc.maxMessageBytes, maxInflateRatio: grpc.maxInflateRatio };
}

function sequencesOf(config: Config): DataPlaneOptions['sequences'] {
  const { models, sequences, retry } = config;
  const stateful = Object.entries(models).filter(([, model]) => model.stateful);
  if (stateful.length === 0) return undefined;
  return {
    models: new ByModel(
      stateful.flatMap(([name]) => concerned(config, name).map((ref) => [ref, true] as const)),
    ),
    maxWaiting: sequences.maxWaiting,
    // what the doors keep of a request
    maxRequestBytes: retry.maxBufferedBytes,
  };
}
