/** A running gateway: its doors, a reload that swaps what is behind them, and its orderly end. */
import type { AddressInfo } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { detach, guarded, onFault } from '../base/faults.ts';
import { monotonic } from '../base/loop-clock.ts';
import { droppedPrints } from '../base/stdio.ts';
import { loadPage } from '../dashboard/index.ts';
import {
  type AdminFleet,
  checkCertificates,
  createAdminServer,
  exposureOf,
  listen,
  type Listener,
  type ListenOptions,
  notAfterOf,
} from '../front/index.ts';
import { heldNames, MemoryAccount, MemoryKind } from '../memory/index.ts';
import { countsOf, createTelemetry, mergeRenderings, type Rendering } from '../telemetry/index.ts';
import { commonLogOf } from './common-log.ts';
import { FleetSet } from './fleet-set.ts';
import { needsRestart } from './from-config/index.ts';
import { buildDataPlane, type DataPlane } from './gateway.ts';
import { Kept } from './kept.ts';
import type { GatewayOptions } from './options.ts';
import { tellReloads } from './reload-news.ts';
import {
  type Counted,
  type DrainChange,
  ownReloads,
  type Peers,
  type Reloads,
  SharedTraffic,
  shareProbes,
  textsOf,
} from './workers/index.ts';

export interface GatewayDeps {
  readonly version: string;
  /** Reads the configuration again and applies it; absent where there is none to read. */
  readonly reload?: () => Promise<void>;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Told of what an operator did at the admin door, so that other processes can do the same. */
  readonly onDrained?: ((change: DrainChange) => void) | undefined;
  /** The other workers of the same gateway. */
  readonly peers?: Peers | undefined;
  /** What reloads have come to; absent where nobody asks for any. */
  readonly reloads?: Pick<Reloads, 'status' | 'onChange'> | undefined;
}

export interface Gateway {
  readonly addresses: {
    readonly rest: AddressInfo;
    readonly grpc: AddressInfo;
    readonly admin?: AddressInfo;
  };
  /**
   * Swaps fleets, models, their settings, and those of the doors; calls in flight finish on the old ones.
   * @throws Error when something does not work or needs a restart: then nothing has changed
   */
  reload(options: GatewayOptions): Promise<void>;
  /** False when there is no such backend. */
  setDrained(change: DrainChange): boolean;
  /** Not ready at once; new calls are served for a grace time, then those in flight finish. */
  drain(): Promise<void>;
  /** Cuts everything. */
  stop(): Promise<void>;
}

/** In the order in which they are opened. */
const doorsOf = ({ doors }: GatewayOptions): (ListenOptions | undefined)[] => [
  doors.rest,
  doors.grpc,
  doors.admin,
];

/** How often a worker's counts are kept in case it ends before it can say them, in ms. */
const keepCountsMs = 10_000;

/** Labels, in the same order. */
const doorNames = ['rest', 'grpc', 'admin'] as const;

/**
 * Starts a gateway: memory account, telemetry, fleets and listeners in this order. The result reloads and
 * closes it.
 */
export async function startGateway(first: GatewayOptions, deps: GatewayDeps): Promise<Gateway> {
  /** What is in force. */
  let options = first;
  const clock = deps.clock ?? monotonic;
  const random = deps.random ?? Math.random;
  const memory = new MemoryAccount(options.memoryBytes, {
    clock,
    events: {
      limited(limit) {
        observer.limited(limit);
      },
    },
  });
  const telemetry = createTelemetry(options.telemetry, {
    clock,
    random,
    dropped: droppedPrints,
    memory: () => ({
      limitBytes: memory.limitBytes,
      held: heldNames.map((name) => [name, memory.held(MemoryKind[name])]),
    }),
  });
  const { observer, log } = telemetry;
  const commonLog = commonLogOf(log, () => deps.peers?.speaks !== false);
  const forgetFaults = onFault((where, reason) => {
    observer.faulted(where, reason);
  });
  const reloads = deps.reloads ?? ownReloads();
  tellReloads(reloads, telemetry, commonLog);
  let state: 'starting' | 'serving' | 'draining' = 'starting';
  /** Queues with calls that wait, whichever configuration these came under; who has waited longest first. */
  const toTell = new Set<() => void>();
  const fleetSet = new FleetSet({
    observer,
    clock,
    random,
    log,
    commonLog,
    sharedProbes: deps.peers === undefined ? undefined : shareProbes(deps.peers, clock),
    onCapacity: () => {
      if (toTell.size > 0) for (const capacityFreed of toTell) capacityFreed();
    },
  });
  let kept = new Kept();
  let core: DataPlane;
  const isInForce = (backend: string): boolean =>
    state !== 'starting' &&
    core.fleets.some((fleet) => fleet.backends().some(({ name }) => name === backend));
  const build = async (next: GatewayOptions) => {
    const plan = fleetSet.plan(next.dataPlane);
    const keeping = new Kept(kept);
    const built = await buildDataPlane(next, () => ready().ok, {
      plan,
      kept: keeping,
      toTell,
      clock,
      random,
      telemetry,
      memory,
      commonLog,
      isInForce,
      reload: deps.reload,
      peers: deps.peers,
    }).catch((reason: unknown) => {
      keeping.undo();
      throw reason;
    });
    kept = keeping;
    // only now, when nothing can be wrong with the rest
    await plan.commit();
    return {
      built,
      retire: () => {
        plan.retire();
        keeping.settle();
      },
    };
  };
  core = (await build(options)).built;

  function tellCertificates(): void {
    for (const [i, door] of doorsOf(options).entries())
      telemetry.certificate(doorNames[i] ?? '', door?.tls === undefined ? undefined : notAfterOf(door.tls));
  }

  function ready(): { ok: boolean; reason: string } {
    if (state !== 'serving') return { ok: false, reason: state };
    const up = core.fleets.some((fleet) =>
      fleet.backends().some((backend) => backend.up && !backend.drained),
    );
    return up ? { ok: true, reason: '' } : { ok: false, reason: 'no backend is available' };
  }

  function setDrained({ fleet, backend, drained }: DrainChange): boolean {
    const found = core.fleets.find(({ name }) => name === fleet)?.setDrained(backend, drained) === true;
    if (found)
      commonLog.warn(
        { fleet, backend, drained },
        drained ? 'backend is drained' : 'backend takes calls again',
      );
    return found;
  }

  let reloading = Promise.resolve();
  async function swap(next: GatewayOptions): Promise<void> {
    // what does not work is refused before anything has changed
    const fixed = needsRestart(options.fixed, next.fixed);
    if (fixed.length > 0)
      throw new Error(
        `a reload cannot change ${fixed.join(', ')}: that needs a restart. Nothing has been changed`,
      );
    for (const door of doorsOf(next)) if (door?.tls !== undefined) checkCertificates(door.tls);
    const before = core;
    const { built, retire } = await build(next);
    // what an operator has taken out stays out
    for (const fleet of built.fleets)
      for (const { name, drained } of before.fleets.find((each) => each.name === fleet.name)?.backends() ??
        [])
        if (drained) fleet.setDrained(name, true);
    core = built;
    options = next;
    memory.limitBytes = next.memoryBytes;
    telemetry.configure(next.telemetry);
    tellCertificates();
    for (const [i, door] of doorsOf(next).entries())
      if (door !== undefined) listeners[i]?.configure(door, next.shutdown.drainMs);
    commonLog.info({}, 'configuration reloaded');
    retire();
    await before.close();
  }

  function drainHere(fleet: string, backend: string, drained: boolean): boolean {
    const change = { fleet, backend, drained };
    const found = setDrained(change);
    if (found) deps.onDrained?.(change);
    return found;
  }

  let addresses: Gateway['addresses'];
  const { peers } = deps;
  const ownFleets = (): AdminFleet[] =>
    core.fleets.map((fleet) => ({
      name: fleet.name,
      isDefault: fleet.isDefault,
      backends: fleet.backends().map((backend) => ({ ...backend })),
      models: fleet.models(),
    }));
  const shared =
    peers === undefined ? undefined : new SharedTraffic(telemetry.traffic, peers, ownFleets, clock);

  /** One page for all workers, whichever of them is asked. */
  async function render(): Promise<Rendering> {
    if (peers === undefined) return telemetry.render();
    const own = await rendered(peers);
    // the first process before the others: one that ends in between is in what was kept, and does not answer
    const kept = peers.askKept();
    const others = (await peers.askOthers('metrics')) as Counted[];
    const body = mergeRenderings(textsOf({ worker: peers.id, body: own.body }, others, await kept));
    return { ...own, body };
  }
  /** What somebody gets to see must be in the sums as long as they are asked for, whatever becomes of this worker. */
  async function rendered(by: Peers): Promise<Rendering> {
    const own = await telemetry.render();
    detach('worker', by.keep(countsOf(own.body)));
    return own;
  }
  peers?.respond('metrics', async (): Promise<Counted> => {
    return { worker: peers.id, body: (await rendered(peers)).body };
  });
  const keepCounts = (): void => {
    if (peers !== undefined) detach('worker', rendered(peers));
  };
  const keeping =
    peers === undefined ? undefined : setInterval(guarded('timer', keepCounts), keepCountsMs).unref();

  const admin = createAdminServer({
    version: deps.version,
    render,
    fleets: () => shared?.fleets(ownFleets()) ?? ownFleets(),
    ready,
    refusedReload: () => reloads.status.refused,
    config: () => core.shown,
    traffic: shared ?? telemetry.traffic,
    page: loadPage,
    clientListener: () => ({
      port: addresses.rest.port,
      tls: options.doors.rest.tls !== undefined,
      url: options.doors.publicUrl,
    }),
    names: () => options.doors.adminNames,
    setDrained: () => (options.doors.adminActions ? drainHere : undefined),
  });
  await admin.ready();

  // every door speaks every protocol, so that a client at the wrong port gets an answer it can read
  const handlers: Parameters<typeof listen>[1] = {
    stream: (...asked) => core.stream(...asked),
    request: (...asked) => {
      core.request(...asked);
    },
    refused: (refusal) => core.refused(refusal),
  };
  const listeners: Listener[] = [];
  const open = async (door: ListenOptions, to: typeof handlers): Promise<AddressInfo> => {
    const listener = await listen(door, to, observer, memory);
    listeners.push(listener);
    return listener.address;
  };
  const stop = async (): Promise<void> => {
    state = 'draining';
    clearInterval(keeping);
    await Promise.all(listeners.map((listener) => listener.stop()));
    await peers?.keep(countsOf((await telemetry.render()).body));
    fleetSet.close(false);
    kept.close();
    await core.close();
    await admin.close();
    await telemetry.flush();
    forgetFaults();
  };

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
              request: (request, response) => {
                admin.handle(request, response);
              },
            }),
          };
  } catch (error) {
    await stop();
    throw error;
  }
  // once for all workers
  const { admin: adminOptions, adminActions, rest: restOptions } = options.doors;
  if (adminOptions !== undefined && (peers === undefined || peers.id === 1)) {
    const exposure = exposureOf(adminOptions, { adminActions, clientHost: restOptions.host });
    if (exposure !== undefined) log.warn({ host: adminOptions.host, port: adminOptions.port }, exposure);
  }
  // the certificates work: their doors are open
  tellCertificates();
  state = 'serving';
  // the one that said what becomes of backends may have ended before it could
  peers?.onSpeak(() => {
    for (const fleet of core.fleets) fleet.sayCount();
  });

  return {
    addresses,
    reload(next) {
      // one after the other: each starts from what the one before has made
      const swapped = reloading.then(() => swap(next));
      reloading = swapped.catch(() => undefined);
      return swapped;
    },
    setDrained,
    async drain() {
      if (state === 'draining') return;
      state = 'draining';
      log.info(options.shutdown, 'draining');
      for (const listener of listeners.slice(0, 2)) listener.announceEnd();
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
