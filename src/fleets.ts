/** Several fleets as one: which fleet a model belongs to, and one view of all models. */
import type { RouteOptions } from './gateway-options.ts';
import type { HttpUpstream } from './call/index.ts';
import type { Fleet, HttpFleet } from './fleet/index.ts';
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
