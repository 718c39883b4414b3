/**
 * Several fleets as one: which fleet a model belongs to, one view of all models, and a reload that keeps what stays.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { ByModel, type HttpUpstream, isSameModel, type ModelRef, type Observer } from '../call/index.ts';
import {
  Fleet,
  type FleetOptions,
  type HttpFleet,
  ProbeRateLimiter,
  type SharedProbes,
} from '../fleet/index.ts';
import type { ModelView, NameRoute } from '../models/index.ts';
import type { DataPlaneOptions } from './options.ts';

/** The fleet that a model is served by; the default one for calls of no model. */
export type PickFleet = (model: ModelRef | undefined) => Fleet;

/** @throws Error when the default fleet is missing, which the configuration's check has excluded */
export function fleetOf(
  fleets: readonly Fleet[],
  { defaultFleet }: Pick<DataPlaneOptions, 'defaultFleet'>,
): PickFleet {
  const byName = new Map(fleets.map((fleet) => [fleet.name, fleet]));
  const fallback = byName.get(defaultFleet);
  if (fallback === undefined) throw new Error(`there is no fleet ${defaultFleet}`);
  return (model) => (model?.fleet === undefined ? fallback : (byName.get(model.fleet) ?? fallback));
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

export interface ViewDeps {
  readonly fleets: readonly Fleet[];
  readonly pick: PickFleet;
  /** By public names. */
  readonly names: ReadonlyMap<string, NameRoute>;
  /** The model that clients mean by a name. */
  readonly modelOf: (name: string) => ModelRef;
}

/**
 * Combines the models of all fleets in one ModelView, in which models appear under the public names that lead
 * to them.
 */
export function viewOf({ fleets, pick, names, modelOf }: ViewDeps): ModelView {
  /** Public names by the model that they lead to. */
  const leading = new ByModel<string[]>();
  for (const name of names.keys()) {
    const model = modelOf(name);
    const same = leading.get(model);
    if (same === undefined) leading.set(model, [name]);
    else same.push(name);
  }
  const asked = (model: ModelRef): readonly string[] =>
    isSameModel(modelOf(model.model), model) ? [model.model] : (leading.get(model) ?? []);
  const named = <T extends { readonly name: string }>({ ofModels }: Fleet, of: T): T[] =>
    asked({ fleet: ofModels, model: of.name }).map((name) => ({ ...of, name }));
  return {
    defaultVersion: (model) => pick(model).defaultVersion(model.model),
    incarnation: (model, version) => pick(model).incarnation(model.model, version),
    knows: (model) => pick(model).knows(model.model),
    state: (model) => pick(model).state(model.model),
    asked,
    models: () => fleets.flatMap((fleet) => fleet.models().flatMap((state) => named(fleet, state))),
    index: () => fleets.flatMap((fleet) => fleet.index().flatMap((entry) => named(fleet, entry))),
  };
}

export interface FleetSetDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** For what all workers see alike. */
  readonly commonLog?: Log | undefined;
  /** Looks that other processes of this gateway share; absent where there are none. */
  readonly sharedProbes?:
    | (SharedProbes & {
        /** Another process saw something new: fleet, backend and model, with NUL between. */
        onChange(listener: (key: string) => void): void;
      })
    | undefined;
  /** A backend of one of them has got room for another call. */
  readonly onCapacity: () => void;
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
  #probeLimiter: ProbeRateLimiter | undefined;
  #fleets = new Map<string, Fleet>();
  /** As the configuration of now says. */
  #now: { readonly pick: PickFleet; readonly names: ReadonlyMap<string, NameRoute> } | undefined;

  constructor(deps: FleetSetDeps) {
    this.#deps = deps;
    deps.sharedProbes?.onChange((key) => {
      const [fleet = '', backend = '', model = ''] = key.split('\0');
      this.#fleets.get(fleet)?.lookAgain(backend, model);
    });
  }

  /** @throws Error when the default fleet is missing, which the configuration's check has excluded */
  plan(
    routes: Pick<DataPlaneOptions, 'fleets' | 'maxProbesPerSecond' | 'defaultFleet' | 'names'>,
  ): FleetPlan {
    const { fleets: wanted, maxProbesPerSecond } = routes;
    const before = this.#fleets;
    const steps: (() => Promise<void>)[] = [];
    const next = new Map(wanted.map((options) => [options.name, this.#step(options, steps)]));
    const own = fleetOf([...next.values()], routes);
    return {
      fleets: [...next.values()],
      // calls that came before a reload may be sent, or sent again, after it
      pickFleet: (model) => {
        const fleet = own(model);
        return fleet.stopped ? (this.#successor(model) ?? fleet) : fleet;
      },
      commit: async () => {
        this.#probeLimiter = new ProbeRateLimiter(maxProbesPerSecond, this.#deps.clock);
        this.#fleets = next;
        this.#now = { pick: own, names: routes.names };
        await Promise.all(steps.map((step) => step()));
      },
      retire: () => {
        for (const [name, fleet] of before) {
          if (next.has(name)) continue;
          fleet.stop(true);
          for (const { name: backend } of fleet.backends()) this.#forget(backend, fleet, [...next.values()]);
        }
      },
    };
  }

  close(graceful: boolean): void {
    for (const fleet of this.#fleets.values()) fleet.stop(graceful);
  }

  /**
   * The fleet that has a model now, whose own has been let go: one of the same name, or the one that the model's own
   * name leads to.
   */
  #successor(model: ModelRef | undefined): Fleet | undefined {
    if (this.#now === undefined) return undefined;
    const { pick, names } = this.#now;
    if (model === undefined || (model.fleet !== undefined && this.#fleets.has(model.fleet)))
      return pick(model);
    return pick({ fleet: names.get(model.model)?.fleet, model: model.model });
  }

  /**
   * What is counted by backend goes with the last fleet that has it, and what is counted of its models there with
   * their fleet.
   */
  #forget(backend: string, { ofModels }: Fleet, others: readonly Fleet[]): void {
    const still = others.filter((fleet) => fleet.backends().some(({ name }) => name === backend));
    if (still.length === 0) this.#deps.observer.backendGone(backend);
    else if (!still.some((fleet) => fleet.ofModels === ofModels))
      this.#deps.observer.modelsGone(backend, ofModels);
  }

  #step(options: FleetOptions, steps: (() => Promise<void>)[]): Fleet {
    const known = this.#fleets.get(options.name);
    const fleet =
      known ??
      new Fleet(options, { ...this.#deps, reserveProbe: (lane) => this.#probeLimiter?.reserve(lane) ?? 0 });
    steps.push(known === undefined ? () => fleet.start() : () => fleet.update(options));
    return fleet;
  }
}
