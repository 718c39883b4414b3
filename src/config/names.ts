/** What a schema cannot say of public names: splits that share out nothing, places that are two things, fleets that differ. */
import type { Problem } from './problem.ts';
import type { Config } from './schema/index.ts';

export function nameProblems({ models, defaultFleet }: Config): Problem[] {
  const problems: Problem[] = [];
  const add = (path: string, message: string): void => void problems.push({ path, message });
  /** Where each own name was said to be, and by whom. */
  const fleetOf = new Map<string, { readonly fleet: string; readonly by: string }>();
  for (const [name, model] of Object.entries(models)) {
    const path = `models.${name}`;
    if (model.split.length > 0 && model.split.every(({ weight }) => weight === 0))
      add(`${path}.split`, 'every weight is 0: no part would get a call');
    const places = [
      ...model.split.map((part, i) => ({ at: `${path}.split[${i}]`, ...part })),
      ...model.rules.map((rule, i) => ({ at: `${path}.rules[${i}]`, ...rule })),
    ];
    for (const { at, version, label } of places)
      if (version !== undefined && label !== undefined) add(at, 'names a version and a label: one decides');
    if (model.mirror !== undefined && model.mirror.model === undefined && model.mirror.version === undefined)
      add(`${path}.mirror`, 'names neither a model nor a version to copy calls to');
    const { fleet = defaultFleet } = model;
    for (const own of [model.model ?? name, model.mirror?.model, ...places.map((place) => place.model)]) {
      if (own === undefined || (own !== name && models[own] !== undefined)) continue;
      const before = fleetOf.get(own);
      if (before !== undefined && before.fleet !== fleet)
        add(
          `${path}.fleet`,
          `model ${own} is in fleet ${before.fleet} for ${before.by}: one name is in one fleet; say which in models.${own}`,
        );
      else fleetOf.set(own, { fleet, by: name });
    }
  }
  return problems;
}
