/** Several fleets as one: which fleet a model belongs to, one view of all models, and a reload that keeps what stays. */
import type { Clock, HttpUpstream, Log, Observer } from './call/index.ts';
import { Fleet, type FleetOptions, type HttpFleet, Pacer, type SharedLooks } from './fleet/index.ts';
import type { RouteOptions } from './gateway-options.ts';
import type { ModelView } from './models/index.ts';

export type PickFleet = (model: string | undefined) => Fleet;

/** @throws Error when the default fleet is missing, which the configuration's check has excluded */
export function fleetOf(
  fleets: readonly Fleet[],
  routes: Pick<RouteOptions, 'defaultFleet' | 'models'>,
): PickFleet {
  const byName = new Map(fleets.map((fleet) => [fleet.name, fleet]));
  const fallback = byName.get(routes.defaultFleet);
  if (fallback === undefined) throw new Error(`there is no fleet ${routes.defaultFleet}`);
  const byModel = new Map(
    [...routes.models].map(([model, { fleet }]) => [model, byName.get(fleet) ?? fallback]),
  );
  return (model) => (model === undefined ? fallback : (byModel.get(model) ?? fallback));
}

/** @throws Error for a fleet that is none, which the configuration's check has excluded */
export function httpFleetOf(fleets: readonly HttpFleet[]): (name: string) => HttpUpstream {
  const byName = new Map(fleets.map((fleet) => [fleet.name, fleet]));
  return (name) => {
    const fleet = byName.get(name);
    if (fleet === undefined) throw new Error(`there is no HTTP fleet ${name}`);
    return fleet;
  };
}

export function viewOf(fleets: readonly Fleet[], pick: PickFleet): ModelView {
  return {
    defaultVersion: (model) => pick(model).defaultVersion(model),
    incarnation: (model, version) => pick(model).incarnation(model, version),
    knows: (model) => pick(model).knows(model),
    // a model that two fleets happen to have belongs to the one that its calls go to
    models: () => fleets.flatMap((fleet) => fleet.models().filter(({ name }) => pick(name) === fleet)),
  };
}

export interface FleetSetDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Looks that other processes of this gateway share; absent where there are none. */
  readonly sharedLooks?:
    | (SharedLooks & {
        /** Another process saw something new: fleet, backend and model, with NUL between. */
        onChange(listener: (key: string) => void): void;
      })
    | undefined;
  /** A backend of one of them has got room for another call. */
  readonly onRoom: () => void;
}

/** What a configuration would make of the fleets; nothing has changed before commit(). */
export interface FleetPlan {
  readonly fleets: readonly Fleet[];
  /** Which fleet a model belongs to; once that one has been let go, as a later configuration says. */
  readonly pickFleet: PickFleet;
  /** Starts new fleets and gives the others their new options; resolves when new backends have been looked at. */
  commit(): Promise<void>;
  /** Lets go of fleets that are not in it; for when nothing sends calls to them any more. */
  retire(): void;
}

/** The fleets of a gateway, which outlive each configuration of it. */
export class FleetSet {
  readonly #deps: FleetSetDeps;
  #pacer: Pacer | undefined;
  #fleets = new Map<string, Fleet>();
  /** As the configuration of now says. */
  #pick: PickFleet | undefined;

  constructor(deps: FleetSetDeps) {
    this.#deps = deps;
    deps.sharedLooks?.onChange((key) => {
      const [fleet = '', backend = '', model = ''] = key.split('\0');
      this.#fleets.get(fleet)?.lookAgain(backend, model);
    });
  }

  /** @throws Error when the default fleet is missing, which the configuration's check has excluded */
  plan(routes: Pick<RouteOptions, 'fleets' | 'maxLooksPerSecond' | 'defaultFleet' | 'models'>): FleetPlan {
    const { fleets: wanted, maxLooksPerSecond } = routes;
    const before = this.#fleets;
    const steps: (() => Promise<void>)[] = [];
    const next = new Map(wanted.map((options) => [options.name, this.#step(options, steps)]));
    const own = fleetOf([...next.values()], routes);
    return {
      fleets: [...next.values()],
      // calls that came before a reload may be sent, or sent again, after it
      pickFleet: (model) => {
        const fleet = own(model);
        return fleet.stopped ? (this.#pick?.(model) ?? fleet) : fleet;
      },
      commit: async () => {
        this.#pacer = new Pacer(maxLooksPerSecond, this.#deps.clock);
        this.#fleets = next;
        this.#pick = own;
        await Promise.all(steps.map((step) => step()));
      },
      retire: () => {
        const stay = new Set([...next.values()].flatMap((fleet) => fleet.backends().map(({ name }) => name)));
        for (const [name, fleet] of before) {
          if (next.has(name)) continue;
          fleet.stop(true);
          // what is counted by backend goes with the last fleet that has it
          for (const { name: backend } of fleet.backends())
            if (!stay.has(backend)) this.#deps.observer.backendGone(backend);
        }
      },
    };
  }

  close(graceful: boolean): void {
    for (const fleet of this.#fleets.values()) fleet.stop(graceful);
  }

  #step(options: FleetOptions, steps: (() => Promise<void>)[]): Fleet {
    const known = this.#fleets.get(options.name);
    const fleet =
      known ?? new Fleet(options, { ...this.#deps, reserveLook: (lane) => this.#pacer?.reserve(lane) ?? 0 });
    steps.push(known === undefined ? () => fleet.start() : () => fleet.update(options));
    return fleet;
  }
}
