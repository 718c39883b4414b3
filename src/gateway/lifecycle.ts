/** A running gateway from its start to its stop: what it does in each state, and what a reload replaces. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { onFault } from '../base/faults.ts';
import type { Log } from '../base/log.ts';
import { monotonic } from '../base/loop-clock.ts';
import { droppedPrints } from '../base/stdio.ts';
import { Docs, loadPage } from '../dashboard/index.ts';
import { type AdminFleet, type AdminServer, createAdminServer, exposureOf } from '../front/index.ts';
import { heldNames, MemoryAccount, MemoryKind } from '../memory/index.ts';
import { createTelemetry, type Telemetry } from '../telemetry/index.ts';
import { ActiveConfiguration } from './active-configuration.ts';
import { commonLogOf } from './common-log.ts';
import { needsRestart } from './from-config/index.ts';
import { type Addresses, Listeners } from './listeners.ts';
import type { GatewayOptions } from './options.ts';
import { tellReloads } from './reload-news.ts';
import { WorkerMetrics } from './worker-metrics.ts';
import { type DrainChange, ownReloads, type Peers, type Reloads, SharedTraffic } from './workers/index.ts';

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

/**
 * - `starting`: fleets look at their backends for the first time, listeners open
 * - `serving`: ready as long as a backend is available
 * - `draining`: not ready; calls are served for the grace time, then those in flight finish
 * - `stopped`: everything is cut, or has ended
 */
export type GatewayState = 'starting' | 'serving' | 'draining' | 'stopped';

export interface Gateway {
  readonly state: GatewayState;
  readonly addresses: Addresses;
  /**
   * Swaps fleets, models, their settings, and those of the doors; calls in flight finish on the old ones.
   * @throws Error when something does not work, needs a restart, or comes after the stop: then nothing has changed
   */
  reload(options: GatewayOptions): Promise<void>;
  /** False when there is no such backend. */
  setDrained(change: DrainChange): boolean;
  /** Not ready at once; new calls are served for a grace time, then those in flight finish, then it stops. */
  drain(): Promise<void>;
  /** Cuts everything. */
  stop(): Promise<void>;
}

/**
 * Starts a gateway: memory account, telemetry, fleets and listeners in this order. The result reloads and
 * closes it.
 * @throws Error of what cannot be opened (EADDRINUSE ...); everything else is closed again
 */
export async function startGateway(options: GatewayOptions, deps: GatewayDeps): Promise<Gateway> {
  const lifecycle = new Lifecycle(options, deps);
  await lifecycle.start(options);
  return lifecycle;
}

/** Holds the parts of one gateway and takes them through its states. */
class Lifecycle implements Gateway {
  #state: GatewayState = 'starting';
  readonly #deps: GatewayDeps;
  readonly #memory: MemoryAccount;
  readonly #telemetry: Telemetry;
  /** For what all workers see alike. */
  readonly #commonLog: Log;
  readonly #reloads: Pick<Reloads, 'status' | 'onChange'>;
  readonly #configuration: ActiveConfiguration;
  readonly #listeners: Listeners;
  readonly #metrics: WorkerMetrics;
  readonly #admin: AdminServer;
  readonly #forgetFaults: () => void;
  /** Ends with the newest reload, whatever came of it. */
  #reloading = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(options: GatewayOptions, deps: GatewayDeps) {
    const { clock = monotonic, random = Math.random, reloads = ownReloads(), peers, reload } = deps;
    this.#deps = deps;
    const memory = new MemoryAccount(options.memoryBytes, { clock });
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
    memory.events = observer;
    this.#memory = memory;
    this.#telemetry = telemetry;
    this.#forgetFaults = onFault((where, reason) => {
      observer.faulted(where, reason);
    });
    this.#commonLog = commonLogOf(log, () => peers?.speaks !== false);
    this.#reloads = reloads;
    tellReloads(reloads, telemetry, this.#commonLog);
    this.#configuration = new ActiveConfiguration({
      clock,
      random,
      telemetry,
      memory,
      commonLog: this.#commonLog,
      peers,
      reload,
      ready: () => this.#ready().ok,
    });
    this.#listeners = new Listeners({
      observer,
      memory,
      onCertificate: (name, notAfter) => {
        telemetry.certificate(name, notAfter);
      },
    });
    this.#metrics = new WorkerMetrics(telemetry, peers);
    this.#admin = this.#createAdmin(clock);
  }

  get state(): GatewayState {
    return this.#state;
  }

  get addresses(): Addresses {
    return this.#listeners.addresses;
  }

  /** From `starting` to `serving`, or to `stopped` when something cannot be opened, which it throws. */
  async start(options: GatewayOptions): Promise<void> {
    const { peers } = this.#deps;
    const configuration = this.#configuration;
    try {
      await configuration.replace(options);
      await this.#admin.ready();
      const clients: Parameters<Listeners['open']>[1] = {
        stream: (...asked) => configuration.plane.stream(...asked),
        request: (...asked) => {
          configuration.plane.request(...asked);
        },
        refused: (refusal) => configuration.plane.refused(refusal),
      };
      await this.#listeners.open(options, clients, {
        request: (request, response) => {
          this.#admin.handle(request, response);
        },
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (peers === undefined || peers.id === 1) this.#warnOfExposure(options);
    this.#state = 'serving';
    // the one that said what becomes of backends may have ended before it could
    peers?.onSpeak(() => {
      for (const fleet of configuration.plane.fleets) fleet.sayCount();
    });
  }

  reload(next: GatewayOptions): Promise<void> {
    // one after the other: each starts from what the one before has made
    const swapped = this.#reloading.then(() => this.#swap(next));
    this.#reloading = swapped.catch(() => undefined);
    return swapped;
  }

  async #swap(next: GatewayOptions): Promise<void> {
    this.#refuseWhenStopped();
    // what does not work is refused before anything has changed
    const fixed = needsRestart(this.#configuration.options.fixed, next.fixed);
    if (fixed.length > 0)
      throw new Error(
        `a reload cannot change ${fixed.join(', ')}: that needs a restart. Nothing has been changed`,
      );
    Listeners.check(next);
    const retire = await this.#configuration.replace(next);
    if (this.#stopping !== undefined) {
      // what was in force has been closed, and what came in its place has to be
      await Promise.all([this.#configuration.close(), retire()]);
      this.#refuseWhenStopped();
    }
    this.#memory.limitBytes = next.memoryBytes;
    this.#telemetry.configure(next.telemetry);
    this.#listeners.configure(next);
    this.#commonLog.info({}, 'configuration reloaded');
    await retire();
  }

  #refuseWhenStopped(): void {
    if (this.#stopping !== undefined) throw new Error('the gateway has stopped: nothing is reloaded');
  }

  setDrained({ fleet, backend, drained }: DrainChange): boolean {
    const found = this.#configuration.setDrained(fleet, backend, drained);
    if (found)
      this.#commonLog.warn(
        { fleet, backend, drained },
        drained ? 'backend is drained' : 'backend takes calls again',
      );
    return found;
  }

  async drain(): Promise<void> {
    if (this.#state !== 'serving') return;
    this.#state = 'draining';
    const { shutdown } = this.#configuration.options;
    this.#telemetry.log.info(shutdown, 'draining');
    this.#listeners.announceEnd();
    await delay(shutdown.graceMs, undefined, { ref: false });
    await Promise.race([
      this.#listeners.drain(),
      delay(this.#configuration.options.shutdown.drainMs, undefined, { ref: false }),
    ]);
    await this.stop();
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#state = 'stopped';
    await this.#listeners.close();
    await this.#metrics.close();
    await this.#configuration.close();
    await this.#admin.close();
    await this.#telemetry.flush();
    this.#forgetFaults();
  }

  /** Whether new calls should be sent here. */
  #ready(): { ok: boolean; reason: string } {
    // to those who ask from outside it goes away, whether calls are still finishing or cut
    if (this.#state !== 'serving')
      return { ok: false, reason: this.#state === 'starting' ? 'starting' : 'draining' };
    const up = this.#configuration.plane.fleets.some((fleet) =>
      fleet.backends().some((backend) => backend.up && !backend.drained),
    );
    return up ? { ok: true, reason: '' } : { ok: false, reason: 'no backend is available' };
  }

  #adminFleets(): AdminFleet[] {
    return this.#configuration.plane.fleets.map((fleet) => ({
      name: fleet.name,
      isDefault: fleet.isDefault,
      backends: fleet.backends().map((backend) => ({ ...backend })),
      models: fleet.models(),
    }));
  }

  #createAdmin(clock: Clock): AdminServer {
    const { version, peers } = this.#deps;
    const { traffic } = this.#telemetry;
    const configuration = this.#configuration;
    const own = (): AdminFleet[] => this.#adminFleets();
    const shared = peers === undefined ? undefined : new SharedTraffic(traffic, peers, own, clock);
    const drainHere = (fleet: string, backend: string, drained: boolean): boolean => {
      const change = { fleet, backend, drained };
      const found = this.setDrained(change);
      if (found) this.#deps.onDrained?.(change);
      return found;
    };
    return createAdminServer({
      version,
      render: () => this.#metrics.render(),
      fleets: () => shared?.fleets(own()) ?? own(),
      ready: () => this.#ready(),
      refusedReload: () => this.#reloads.status.refused,
      config: () => configuration.plane.shown,
      traffic: shared ?? traffic,
      page: loadPage,
      docs: new Docs(),
      clientListener: () => ({
        port: this.addresses.rest.port,
        tls: configuration.options.doors.rest.tls !== undefined,
        url: configuration.options.doors.publicUrl,
      }),
      names: () => configuration.options.doors.adminNames,
      setDrained: () => (configuration.options.doors.adminActions ? drainHere : undefined),
    });
  }

  #warnOfExposure({ doors: { admin, adminActions, rest } }: GatewayOptions): void {
    if (admin === undefined) return;
    const exposure = exposureOf(admin, { adminActions, clientHost: rest.host });
    if (exposure !== undefined) this.#telemetry.log.warn({ host: admin.host, port: admin.port }, exposure);
  }
}
