/** The whole journey of a call on one page; the only file that knows every room. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { guarded } from '../base/faults.ts';
import type { Log } from '../base/log.ts';
import { after, afterInput } from '../base/timer-wheel.ts';
import { addBatchDimension, fleetWide, tensorContent } from '../bridge/index.ts';
import {
  ByModel,
  type Call,
  type Filter,
  getMetadata,
  type Handler,
  type ModelRef,
  noMetadata,
  type Refused,
  type Target,
} from '../call/index.ts';
import {
  admitFilter,
  arrivalFilter,
  AttemptBudget,
  type AttemptBudgetOptions,
  cacheFilter,
  createClientOf,
  createQueue,
  createRateLimits,
  deadlineFilter,
  fleetWideFilter,
  hedgeFilter,
  LatencyStats,
  localServices,
  mirrorFilter,
  observeFilter,
  redisRates,
  RedisStore,
  retryFilter,
  sequenceFilter,
  SequenceLock,
  streamsFilter,
  type TokenUsage,
} from '../filters/index.ts';
import { type BackendState, commonApi, type Fleet, HttpFleet } from '../fleet/index.ts';
import {
  createCors,
  createJsonHandler,
  createPeerBehind,
  createPassthrough,
  createRestApi,
  createRpcHandler,
  createV2Api,
  isV2,
  type OpenStream,
  peerOfFields,
  peerOfRequest,
  serveNodeRequest,
} from '../front/index.ts';
import type { MemoryAccount } from '../memory/index.ts';
import {
  Catalog,
  createRouter,
  extensionsOfAll,
  methods,
  type ModelState,
  purposeOf,
  targetOf,
} from '../models/index.ts';
import type { Telemetry } from '../telemetry/index.ts';
import { type FleetPlan, httpFleetOf, viewOf } from './fleet-set.ts';
import type { Kept } from './kept.ts';
import type { GatewayOptions } from './options.ts';
import type { Peers } from './workers/index.ts';

/** What a reload builds anew. */
export interface DataPlane {
  readonly fleets: readonly ShownFleet[];
  readonly handler: Handler;
  readonly shown: object;
  /** Everything but what passes through. */
  readonly stream: OpenStream;
  /** Everything. */
  request(request: IncomingMessage, response: ServerResponse, peer: string): void;
  /** Told of what is answered before it gets here. */
  readonly refused: Refused;
  /** Calls in flight go on. */
  close(): Promise<void>;
}

/** What readiness and the admin door see of a fleet, whatever its backends speak. */
interface ShownFleet {
  readonly name: string;
  /** Models of the default fleet are counted by their name alone. */
  readonly isDefault: boolean;
  backends(): readonly BackendState[];
  models(): readonly (ModelState & { readonly asked: readonly string[] })[];
  setDrained(backend: string, drained: boolean): boolean;
  /** Says in the log how many backends are up. */
  sayCount(): void;
}

/** How often a health Watch looks for changes, in ms. */
const watchEveryMs = 1000;

/** 1 to 2^53 - 1, from the operating system's randomness: gateways that start at the same moment must differ. */
function newSequenceId(): bigint {
  return randomBytes(8).readBigUInt64BE() >> 11n || 1n;
}

interface DataPlaneDeps {
  /** The fleets outlive what is built here. */
  readonly plan: Pick<FleetPlan, 'fleets' | 'pickFleet'>;
  /** So does what is kept. */
  readonly kept: Pick<Kept, 'keep'>;
  /** Who is told when a backend has got room. */
  readonly capacityListeners: Pick<Set<() => void>, 'add' | 'delete'>;
  readonly reload: (() => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: Telemetry;
  readonly memory: MemoryAccount;
  /** For what all workers see alike. */
  readonly commonLog: Log;
  /** Whether a backend is in a fleet of the configuration that is in force when it is asked. */
  readonly isInForce: (backend: string) => boolean;
  /** The other workers of the same gateway. */
  readonly peers: Peers | undefined;
}

/**
 * Builds the filter chain and handlers of one configuration on the given plan of fleets; what `kept` holds from
 * the configuration before is reused.
 */
export async function buildDataPlane(
  options: GatewayOptions,
  ready: () => boolean,
  {
    plan,
    kept,
    capacityListeners,
    clock,
    random,
    telemetry,
    memory,
    commonLog,
    isInForce,
    reload,
    peers,
  }: DataPlaneDeps,
): Promise<DataPlane> {
  const { dataPlane } = options;
  const { fleets, pickFleet } = plan;
  const { observer, log } = telemetry;
  const hasCapacity = (call: Call): boolean => pickFleet(call.target).hasCapacity(call);
  const clientOf = createClientOf(dataPlane.isTrusted);
  const latencies = kept.keep(
    'latencies',
    [dataPlane.usualQuantile, dataPlane.defaultFleet],
    () => new LatencyStats(dataPlane.usualQuantile, clock),
  );
  const queue =
    dataPlane.queue === undefined
      ? undefined
      : createQueue(dataPlane.queue, {
          hasCapacity,
          clientOf,
          latencies,
          observer,
          clock,
          after,
          capacityListeners,
        });
  const othersWait = ({ target }: Call): boolean => {
    const fleet = pickFleet(target);
    return queue?.waits((model) => pickFleet(model) === fleet) === true;
  };
  const compete = (one: Call, other: Call): boolean => pickFleet(one.target) === pickFleet(other.target);
  const httpFleets = dataPlane.httpFleets.map((fleet) =>
    kept.keep(
      `HTTP fleet ${fleet.name}`,
      fleet,
      () => new HttpFleet(fleet, { observer, clock, random, log, commonLog, isInForce }),
      (before, graceful) => {
        before.stop(graceful);
      },
    ),
  );
  const route = createRouter(dataPlane.names, random);
  const modelOf = (name: string): ModelRef =>
    route({ model: name, signature: '' }, { metadata: noMetadata, purpose: 'status' });
  const view = viewOf({ fleets, pick: pickFleet, names: dataPlane.names, modelOf });
  const shown = (fleet: Fleet): ShownFleet => ({
    name: fleet.name,
    isDefault: fleet.ofModels === undefined,
    backends: () => fleet.backends(),
    models: () =>
      fleet.models().map((state) => ({
        ...state,
        asked: view.asked({ fleet: fleet.ofModels, model: state.name }),
      })),
    setDrained: (backend, drained) => fleet.setDrained(backend, drained),
    sayCount() {
      fleet.sayCount();
    },
  });
  const { cache, sharedLimits, sequences } = dataPlane;
  const store =
    cache &&
    kept.keep(
      'cache',
      cache.store,
      () => new RedisStore(cache.store, { clock, log }),
      (before, graceful) => {
        before.close(graceful);
      },
    );

  const shared =
    sharedLimits &&
    kept.keep(
      'shared limits',
      sharedLimits,
      () => redisRates(sharedLimits, { clock, log }),
      (before, graceful) => {
        before.close(graceful);
      },
    );
  const rates =
    dataPlane.rateLimits.length === 0
      ? undefined
      : createRateLimits(dataPlane.rateLimits, {
          observer,
          clock,
          after,
          shared,
          bucketsOf: (limit, make) => kept.keep(`rate limit ${limit.name}`, limit, make),
          tell: peers && ((takes) => peers.tellOthers('takes', takes)),
        });
  peers?.subscribe('takes', (takes) => rates?.told(takes as TokenUsage));

  const every = (listener: () => void): (() => void) => {
    const timer = setInterval(guarded('timer', listener), watchEveryMs).unref();
    return () => {
      clearInterval(timer);
    };
  };
  const extensions = async (): Promise<readonly string[]> => {
    const used = fleets.filter((fleet) => fleet.isUsed);
    const listed = (await Promise.all(used.map((fleet) => fleet.extensions()))).flat();
    return extensionsOfAll(listed, dataPlane.allowAdmin);
  };
  const services = [
    ...new Set([...methods.values()].filter(({ api }) => api !== 'other').map(({ service }) => service)),
  ];

  // a reload is no reason for more attempts
  const budgetOf = (what: string, { budget }: { readonly budget: AttemptBudgetOptions }): AttemptBudget =>
    kept.keep(what, budget, () => new AttemptBudget(budget, clock));

  const attempt: Handler = (call: Call) => pickFleet(call.target).handler(call);
  const control = [
    deadlineFilter({ clock }),
    retryFilter(dataPlane.retry, {
      observer,
      clock,
      random,
      budget: budgetOf('own retries', dataPlane.retry),
    }),
  ].reduceRight((next, filter) => filter(next), attempt);
  const catalog = new Catalog({ handler: control, view, clock, options: dataPlane.catalog });

  const stack: readonly (Filter | undefined)[] = [
    // first, so that every call is counted, whatever becomes of it
    observeFilter({ observer, clock, view }),
    // around all that waits, so that the client hears in time
    deadlineFilter({ clock }),
    // health and reflection are answered here, before anything is refused
    localServices(
      {
        health: dataPlane.health,
        reflection: dataPlane.reflection,
        services,
        version: options.telemetry.version,
      },
      { view, modelOf, ready, every, extensions },
    ),
    admitFilter(dataPlane),
    // before anything that a call costs
    rates?.filter,
    // before all that waits for a place at a backend, or chooses one
    fleetWideFilter(
      fleetWide({
        fleets: fleets.map(({ everyone }) => everyone),
        pick: (model) => pickFleet(model).everyone,
        route,
        view,
        limits: dataPlane.rpc,
        log: commonLog,
      }),
    ),
    // before all that somebody else may wait for: the turns of a sequence, and places at backends
    arrivalFilter(dataPlane.arrival, { othersWait, observer, clock, after }),
    streamsFilter(dataPlane.streams, { hasCapacity, compete, clientOf, observer, clock, after }),
    // before all that sends a call twice, or not at all
    sequences &&
      sequenceFilter(sequences, {
        newId: newSequenceId,
        turns: kept.keep('turns', '', () => new SequenceLock()),
      }),
    // around the cache, which keeps what the server says
    dataPlane.tensorContent && tensorContent(dataPlane.tensorContent),
    // before whatever keeps or copies what the model is asked
    dataPlane.batchDimension && addBatchDimension(dataPlane.batchDimension, { catalog }),
    // before the cache, so that what is copied is what clients ask
    dataPlane.mirrors.size === 0
      ? undefined
      : mirrorFilter(dataPlane.mirrors, {
          send: (call) => attempt(call),
          hasCapacity,
          observer,
          memory,
          clock,
          random,
          inFlight: kept.keep('mirrors', '', () => new ByModel<number>()),
        }),
    // before the retry: an answer at hand costs no attempt
    cache && store && cacheFilter(cache.filter, { store, view, observer }),
    // after the cache, which needs no place; around all attempts, so that a call waits once
    queue?.filter,
    // around what can fail before an answer begins
    retryFilter(dataPlane.retry, { observer, clock, random, budget: budgetOf('retries', dataPlane.retry) }),
    // inside the retry, so that a hedge is one attempt at one backend and no more
    dataPlane.hedge === undefined
      ? undefined
      : hedgeFilter(dataPlane.hedge, {
          observer,
          clock,
          latencies,
          after: afterInput,
          budget: budgetOf('hedges', dataPlane.hedge),
        }),
  ];
  const handler = stack
    .filter((filter) => filter !== undefined)
    .reduceRight((next, filter) => filter(next), attempt);

  const cors = createCors(dataPlane.cors);
  let sequence = 0;
  const prefix = Math.floor(random() * 2 ** 40).toString(36);
  const nextId = (): string => `${prefix}-${(++sequence).toString(36)}`;

  const knows = (model: string): boolean => dataPlane.names.has(model) || view.knows(modelOf(model));
  for (const model of dataPlane.names.keys()) observer.configured(model);
  const refused: Refused = ({ status, message, peer, ...known }) => {
    const { id = nextId(), via, method = '', path = '' } = known;
    observer.answered({
      id,
      peer,
      via: via ?? 'HTTP',
      method,
      path,
      model: '',
      knownModel: false,
      status,
      complete: true,
      message,
      durationMs: 0,
      requestBytes: 0,
      replyBytes: 0,
      callEnd: undefined,
    });
    return id;
  };

  const rpc = createRpcHandler({
    handler,
    memory,
    options: dataPlane.rpc,
    clock,
    observer,
    cors,
    refused,
    nextId,
    resolve: (spec, { method, metadata }) => route(targetOf(spec), { metadata, purpose: purposeOf(method) }),
  });
  const rest = createRestApi({
    handler,
    catalog,
    view,
    options: dataPlane.rest,
    observer,
    clock,
    route,
    otherModels: () => httpFleets.flatMap((fleet) => fleet.listedModels()),
    servesTensors: fleets.some((fleet) => fleet.isUsed),
    reload,
  });
  const overRest = new Set(
    dataPlane.fleets.filter((fleet) => commonApi(fleet) === 'kserve+http').map(({ ofModels }) => ofModels),
  );
  const passesInfer = (target: Target): boolean =>
    overRest.has(target.fleet) &&
    dataPlane.rest.nonFinite === 'literal' &&
    // what is in the message decides who gets it, or what it is called there
    sequences?.models.has(target) !== true &&
    !dataPlane.mirrors.has(target);
  const v2 = createV2Api({ handler, catalog, options: dataPlane.rest, observer, clock, route, passesInfer });
  const httpDeps = { options: dataPlane.rest, cors, observer, memory, clock, nextId, knows };
  const http = createJsonHandler(httpDeps, (url) => (isV2(url) ? v2 : rest));
  const proxy = createPassthrough({
    options: dataPlane.proxy,
    upstream: httpFleetOf(httpFleets),
    cors,
    observer,
    clock,
    nextId,
  });
  const behind = createPeerBehind(dataPlane);
  const stream: OpenStream = (on, fields, connection, http2) => {
    const peer = behind === undefined ? connection : peerOfFields(behind, dataPlane, fields, connection);
    const events = rpc(on, fields, peer, http2);
    if (events !== undefined) return events;
    return proxy.takes(getMetadata(fields, ':path') ?? '') ? undefined : http(on, fields, peer);
  };
  await proxy.ready();
  await Promise.all(httpFleets.map((fleet) => fleet.start()));

  return {
    // a gateway of HTTP fleets alone has one for models that is empty, and nothing to show
    fleets: [...fleets.filter((fleet) => fleet.isUsed).map(shown), ...httpFleets],
    handler,
    shown: options.shown,
    stream,
    refused,
    request(request, response, peer) {
      if (serveNodeRequest(request, response, peer, (...asked) => stream(...asked, false))) return;
      proxy.handle(
        request,
        response,
        behind === undefined ? peer : peerOfRequest(behind, dataPlane, request, peer),
      );
    },
    close: () => proxy.close(),
  };
}
