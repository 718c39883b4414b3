/** What a schema cannot say of public names: splits that share out nothing, places that are two things or nowhere, copies to oneself. */
import { fleetOfName, fleetOfPlace } from './model-places.ts';
import type { Problem } from './problem.ts';
import { isHttpFleet } from './proxy.ts';
import type { Config } from './schema/index.ts';

export function nameProblems(config: Config): Problem[] {
  const { models, fleets } = config;
  const problems: Problem[] = [];
  const add = (path: string, message: string): void => void problems.push({ path, message });
  const checkFleet = (path: string, fleet: string | undefined): void => {
    const found = fleet === undefined ? undefined : fleets[fleet];
    if (fleet !== undefined && found === undefined) add(path, `there is no fleet named ${fleet}`);
    if (found !== undefined && isHttpFleet(found))
      add(path, `${fleet} is a fleet of http:// backends, which serve prefixes and no models`);
  };
  for (const [name, model] of Object.entries(models)) {
    const path = `models.${name}`;
    if (model.split.length > 0 && model.split.every(({ weight }) => weight === 0))
      add(`${path}.split`, 'every weight is 0: no part would get a call');
    const places = [
      ...model.split.map((part, i) => ({ at: `${path}.split[${i}]`, ...part })),
      ...model.rules.map((rule, i) => ({ at: `${path}.rules[${i}]`, ...rule })),
    ];
    checkFleet(`${path}.fleet`, model.fleet);
    for (const { at, version, label, fleet } of places) {
      checkFleet(`${at}.fleet`, fleet);
      if (version !== undefined && label !== undefined) add(at, 'names a version and a label: one decides');
    }
    const { mirror } = model;
    if (mirror === undefined) continue;
    checkFleet(`${path}.mirror.fleet`, mirror.fleet);
    if (mirror.model !== undefined || mirror.version !== undefined) continue;
    const sources = [fleetOfName(config, name), ...places.map((place) => fleetOfPlace(config, name, place))];
    if (mirror.fleet === undefined)
      add(`${path}.mirror`, 'names neither a model, a version nor a fleet to copy calls to');
    else if (sources.every((fleet) => fleet === mirror.fleet) && fleets[mirror.fleet] !== undefined)
      add(`${path}.mirror.fleet`, `calls go to ${mirror.fleet} already`);
  }
  return problems;
}
