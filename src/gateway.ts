/** The whole journey of a call on one page; the only file that knows every room. */
import type { AddressInfo } from 'node:net';
import {
  type Call,
  type Clock,
  Code,
  type Filter,
  type Handler,
  monotonic,
  StatusError,
} from './call/index.ts';
import {
  type CacheOptions,
  cacheFilter,
  deadlineFilter,
  observeFilter,
  RedisStore,
  type RedisStoreOptions,
  retryFilter,
  type RetryOptions,
} from './filters/index.ts';
import { Fleet, type FleetOptions } from './fleet/index.ts';
import {
  adminRefusal,
  type CorsOptions,
  createAdminDoor,
  createCors,
  createRestDoor,
  createRpcDoor,
  listen,
  type Listener,
  type ListenOptions,
  localServices,
  type RestOptions,
  type RpcOptions,
} from './front/index.ts';
import { Catalog, type CatalogOptions, methods, specOf, targetOf } from './models/index.ts';
import { createTelemetry, type Telemetry, type TelemetryOptions } from './telemetry/index.ts';
import { fleetOf, viewOf } from './fleets.ts';

export interface GatewayOptions {
  readonly doors: {
    readonly rest: ListenOptions;
    readonly grpc: ListenOptions;
    /** Absent: no admin door. */
    readonly admin?: ListenOptions | undefined;
  };
  /** Connections may be closed, answers in flight may not: how a stop goes, in ms. */
  readonly shutdown: { readonly graceMs: number; readonly drainMs: number };
  readonly telemetry: TelemetryOptions;
  /** What the admin door shows as the configuration in force. */
  readonly shown: object;
  readonly routes: RouteOptions;
}

/** The part that a reload replaces. */
export interface RouteOptions {
  readonly fleets: readonly FleetOptions[];
  /** The fleet of calls whose model is not named in `models`. */
  readonly defaultFleet: string;
  readonly models: ReadonlyMap<string, ModelRoute>;
  readonly rpc: RpcOptions;
  readonly rest: RestOptions;
  readonly cors: CorsOptions;
  readonly catalog: CatalogOptions;
  readonly retry: RetryOptions;
  /** Absent: no cache. */
  readonly cache?: { readonly store: RedisStoreOptions; readonly filter: CacheOptions } | undefined;
  /** gRPC services that the gateway does not know go to the default fleet as they are. */
  readonly passthrough: boolean;
  /** Methods that change a model server are passed on. */
  readonly allowAdmin: boolean;
  readonly health: boolean;
  readonly reflection: boolean;
}

export interface ModelRoute {
  readonly fleet: string;
  /** Labels that the gateway resolves itself, for servers that have none. */
  readonly labels: ReadonlyMap<string, bigint>;
}

export interface GatewayDeps {
  readonly version: string;
  /** Reads the configuration again and applies it; absent where there is none to read. */
  readonly reload?: () => Promise<void>;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface Gateway {
  readonly addresses: {
    readonly rest: AddressInfo;
    readonly grpc: AddressInfo;
    readonly admin?: AddressInfo;
  };
  /** Swaps fleets, models and their settings; calls in flight finish on the old ones. Doors keep their ports. */
  reload(options: GatewayOptions): Promise<void>;
  /** Not ready at once; new calls are served for a grace time, then those in flight finish. */
  drain(): Promise<void>;
  /** Cuts everything. */
  stop(): Promise<void>;
}

/** What a reload builds anew. */
interface Core {
  readonly fleets: readonly Fleet[];
  readonly handler: Handler;
  readonly shown: object;
  request: ReturnType<typeof createRestDoor>['handle'];
  readonly rpc: ReturnType<typeof createRpcDoor>;
  close(graceful: boolean): Promise<void>;
}

/** How often a health Watch looks for changes, in ms. */
const watchEveryMs = 1000;

export async function startGateway(options: GatewayOptions, deps: GatewayDeps): Promise<Gateway> {
  const clock = deps.clock ?? monotonic;
  const random = deps.random ?? Math.random;
  const telemetry = createTelemetry(options.telemetry, { random });
  const { observer, log } = telemetry;
  let state: 'starting' | 'serving' | 'draining' = 'starting';
  let core = await buildCore(options, () => ready().ok, { clock, random, telemetry, reload: deps.reload });

  function ready(): { ok: boolean; reason: string } {
    if (state !== 'serving') return { ok: false, reason: state };
    const up = core.fleets.some((fleet) =>
      fleet.backends().some((backend) => backend.up && !backend.drained),
    );
    return up ? { ok: true, reason: '' } : { ok: false, reason: 'no backend is available' };
  }

  const admin = createAdminDoor({
    version: deps.version,
    render: () => telemetry.render(),
    fleets: () =>
      core.fleets.map((fleet) => ({
        name: fleet.name,
        backends: fleet.backends().map((backend) => ({ ...backend })),
        models: fleet.models(),
      })),
    ready,
    config: () => core.shown,
  });
  await admin.ready();

  // every door speaks every protocol, so that a client at the wrong port gets an answer it can read
  const handlers: Parameters<typeof listen>[1] = {
    stream: (stream, fields, peer) => core.rpc.stream(stream, fields, peer),
    request: (request, response) => {
      if (!core.rpc.request(request, response)) core.request(request, response);
    },
  };
  const listeners: Listener[] = [];
  const open = async (door: ListenOptions, to: typeof handlers): Promise<AddressInfo> => {
    const listener = await listen(door, to, observer);
    listeners.push(listener);
    return listener.address;
  };
  const stop = async (): Promise<void> => {
    state = 'draining';
    await Promise.all(listeners.map((listener) => listener.stop()));
    await core.close(false);
    await admin.close();
    telemetry.flush();
  };

  let addresses: Gateway['addresses'];
  try {
    const rest = await open(options.doors.rest, handlers);
    const grpc = await open(options.doors.grpc, handlers);
    const adminDoor = options.doors.admin;
    addresses =
      adminDoor === undefined
        ? { rest, grpc }
        : {
            rest,
            grpc,
            admin: await open(adminDoor, {
              request: (...http) => {
                admin.handle(...http);
              },
            }),
          };
  } catch (error) {
    await stop();
    throw error;
  }
  state = 'serving';

  return {
    addresses,
    async reload(next) {
      const before = core;
      core = await buildCore(next, () => ready().ok, { clock, random, telemetry, reload: deps.reload });
      log.info({}, 'configuration reloaded');
      await before.close(true);
    },
    async drain() {
      if (state === 'draining') return;
      state = 'draining';
      log.info(options.shutdown, 'draining');
      await delay(options.shutdown.graceMs);
      const [rest, grpc, adminListener] = listeners as [Listener, Listener, Listener?];
      await Promise.race([Promise.all([rest.drain(), grpc.drain()]), delay(options.shutdown.drainMs)]);
      await adminListener?.stop();
      await stop();
    },
    stop,
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** Refuses what must not pass, before anything is spent on it. */
function admitFilter({ allowAdmin, passthrough }: RouteOptions): Filter {
  return (next) => async (call) => {
    if (call.method.admin && !allowAdmin) throw adminRefusal(call.method);
    if (call.method.api !== 'tfs' && !passthrough) {
      throw new StatusError(
        Code.UNIMPLEMENTED,
        `unknown method ${call.method.path.slice(0, 200)}: the gateway forwards services that it does not know only with --passthrough`,
      );
    }
    return next(call);
  };
}

interface CoreDeps {
  readonly reload: (() => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: Telemetry;
}

async function buildCore(
  options: GatewayOptions,
  ready: () => boolean,
  { clock, random, telemetry, reload }: CoreDeps,
): Promise<Core> {
  const { routes } = options;
  const { observer, log } = telemetry;
  const fleets = routes.fleets.map((fleet) => new Fleet(fleet, { observer, clock, random, log }));
  const pickFleet = fleetOf(fleets, routes);
  const view = viewOf(fleets, pickFleet);
  const store = routes.cache === undefined ? undefined : new RedisStore(routes.cache.store, { clock, log });

  const every = (listener: () => void): (() => void) => {
    const timer = setInterval(listener, watchEveryMs).unref();
    return () => {
      clearInterval(timer);
    };
  };
  const services = [
    ...new Set([...methods.values()].filter(({ api }) => api === 'tfs').map(({ service }) => service)),
  ];

  const stack: readonly (Filter | undefined)[] = [
    // first, so that every call is counted, whatever becomes of it
    observeFilter({ observer, clock, view }),
    // around all that waits, so that the client hears in time
    deadlineFilter({ clock }),
    // health and reflection are answered here, before anything is refused
    localServices({ health: routes.health, reflection: routes.reflection, services }, { view, ready, every }),
    admitFilter(routes),
    // before the retry: an answer at hand costs no attempt
    routes.cache === undefined || store === undefined
      ? undefined
      : cacheFilter(routes.cache.filter, { store, view, observer }),
    // around one attempt at one backend
    retryFilter(routes.retry, { observer, clock, random }),
  ];
  const attempt: Handler = (call: Call) => pickFleet(call.target?.model).handler(call);
  const handler = stack
    .filter((filter) => filter !== undefined)
    .reduceRight((next, filter) => filter(next), attempt);

  const cors = createCors(routes.cors);
  const labels = (model: string, label: string | undefined): bigint | undefined =>
    label === undefined ? undefined : routes.models.get(model)?.labels.get(label);
  let sequence = 0;
  const prefix = Math.floor(random() * 2 ** 40).toString(36);
  const nextId = (): string => `${prefix}-${(++sequence).toString(36)}`;

  const rpc = createRpcDoor({
    handler,
    options: routes.rpc,
    clock,
    observer,
    cors,
    nextId,
    rewriteSpec(spec) {
      const version = labels(spec.name, spec.label);
      if (version !== undefined) return specOf({ model: spec.name, version, signature: spec.signature });
      // version 0 means the default to OpenVINO Model Server's clients, a literal 0 to TensorFlow Serving
      return spec.version === 0n ? specOf(targetOf(spec)) : undefined;
    },
  });
  const control = [
    deadlineFilter({ clock }),
    retryFilter(routes.retry, { observer, clock, random }),
  ].reduceRight((next, filter) => filter(next), attempt);
  const catalog = new Catalog({ handler: control, view, clock, options: routes.catalog });
  const rest = createRestDoor({
    handler,
    catalog,
    view,
    options: routes.rest,
    cors,
    observer,
    clock,
    nextId,
    resolveLabel: labels,
    reload,
  });
  await rest.ready();
  await Promise.all(fleets.map((fleet) => fleet.start()));

  return {
    fleets,
    handler,
    shown: options.shown,
    rpc,
    request: rest.handle,
    async close(graceful) {
      for (const fleet of fleets) fleet.stop(graceful);
      store?.close();
      await rest.close();
    },
  };
}
