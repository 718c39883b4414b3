/** The configuration in force: the next one is built beside it, and takes its place once all of it works. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { MemoryAccount } from '../memory/index.ts';
import type { Telemetry } from '../telemetry/index.ts';
import { FleetSet } from './fleet-set.ts';
import { buildDataPlane, type DataPlane } from './gateway.ts';
import { Kept } from './kept.ts';
import type { GatewayOptions } from './options.ts';
import { type Peers, shareProbes } from './workers/index.ts';

export interface ActiveConfigurationDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: Telemetry;
  readonly memory: MemoryAccount;
  /** For what all workers see alike. */
  readonly commonLog: Log;
  readonly peers: Peers | undefined;
  /** Reads the configuration again and applies it; undefined where there is none to read. */
  readonly reload: (() => Promise<void>) | undefined;
  /** What the health service answers for the gateway as a whole. */
  readonly ready: () => boolean;
}

interface Active {
  readonly options: GatewayOptions;
  readonly plane: DataPlane;
}

/** Holds options, data plane, fleets and kept state of the configuration in force. */
export class ActiveConfiguration {
  readonly #deps: ActiveConfigurationDeps;
  readonly #fleetSet: FleetSet;
  /** Queues with calls that wait, whichever configuration these came under; who has waited longest first. */
  readonly #capacityListeners = new Set<() => void>();
  #kept = new Kept();
  #active: Active | undefined;

  constructor(deps: ActiveConfigurationDeps) {
    const { clock, random, telemetry, commonLog, peers } = deps;
    this.#deps = deps;
    this.#fleetSet = new FleetSet({
      observer: telemetry.observer,
      clock,
      random,
      log: telemetry.log,
      commonLog,
      sharedProbes: peers === undefined ? undefined : shareProbes(peers, clock),
      onCapacity: () => {
        if (this.#capacityListeners.size > 0)
          for (const capacityFreed of this.#capacityListeners) capacityFreed();
      },
    });
  }

  /** @throws Error before the first replace() */
  get options(): GatewayOptions {
    return this.#inForce.options;
  }

  /** @throws Error before the first replace() */
  get plane(): DataPlane {
    return this.#inForce.plane;
  }

  get #inForce(): Active {
    if (this.#active === undefined) throw new Error('no configuration is in force yet');
    return this.#active;
  }

  /** Whether a fleet of the configuration in force has a backend. */
  #hasBackend(backend: string): boolean {
    const fleets = this.#active?.plane.fleets ?? [];
    return fleets.some((fleet) => fleet.backends().some(({ name }) => name === backend));
  }

  /**
   * Builds the next configuration and puts it in force; calls under way finish on the one before.
   * @returns what lets go of the one before, for when no new call can come under it any more
   * @throws Error when some of it does not work: then the one before stays in force, unchanged
   */
  async replace(next: GatewayOptions): Promise<() => Promise<void>> {
    const { clock, random, telemetry, memory, commonLog, peers, reload, ready } = this.#deps;
    const before = this.#active;
    const plan = this.#fleetSet.plan(next.dataPlane);
    const kept = new Kept(this.#kept);
    const plane = await buildDataPlane(next, ready, {
      plan,
      kept,
      capacityListeners: this.#capacityListeners,
      clock,
      random,
      telemetry,
      memory,
      commonLog,
      isInForce: (backend) => this.#hasBackend(backend),
      reload,
      peers,
    }).catch((reason: unknown) => {
      kept.undo();
      throw reason;
    });
    this.#kept = kept;
    // only now, when nothing can be wrong with the rest
    await plan.commit();
    if (before !== undefined) keepDrained(before.plane, plane);
    this.#active = { options: next, plane };
    return async () => {
      plan.retire();
      kept.settle();
      await before?.plane.close();
    };
  }

  /** @returns false when no fleet has such a backend */
  setDrained(fleet: string, backend: string, drained: boolean): boolean {
    return this.plane.fleets.find(({ name }) => name === fleet)?.setDrained(backend, drained) === true;
  }

  /** Lets go of everything at once. */
  async close(): Promise<void> {
    this.#fleetSet.close(false);
    this.#kept.close();
    await this.#active?.plane.close();
  }
}

/** What an operator has taken out stays out. */
function keepDrained(before: DataPlane, next: DataPlane): void {
  for (const fleet of next.fleets)
    for (const { name, drained } of before.fleets.find((each) => each.name === fleet.name)?.backends() ?? [])
      if (drained) fleet.setDrained(name, true);
}
