/** Several fleets as one: which fleet a model belongs to, and one view of all models. */
import type { RouteOptions } from './gateway-options.ts';
import type { Fleet } from './fleet/index.ts';
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

export function viewOf(fleets: readonly Fleet[], pick: PickFleet): ModelView {
  return {
    defaultVersion: (model) => pick(model).defaultVersion(model),
    incarnation: (model, version) => pick(model).incarnation(model, version),
    knows: (model) => pick(model).knows(model),
    // a model that two fleets happen to have belongs to the one that its calls go to
    models: () => fleets.flatMap((fleet) => fleet.models().filter(({ name }) => pick(name) === fleet)),
  };
}
