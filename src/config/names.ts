/**
 * What a schema cannot say of public names: splits that share out nothing, places that are two things or nowhere,
 * copies to oneself.
 */
import type { Mistakes } from './mistakes.ts';
import { fleetOfName, fleetOfPlace } from './model-places.ts';
import { isHttpFleet, servesNoModels } from './proxy.ts';
import type { Config } from './schema/index.ts';

/**
 * Reports what is wrong with one entry of `models`: unknown fleets, splits whose weights are all 0, ambiguous
 * destinations.
 */
export function nameProblems(name: string, config: Config, mistakes: Mistakes): void {
  const { fleets } = config;
  const model = config.models[name];
  if (model === undefined) return;
  const path = `models.${name}`;
  const checkFleet = (at: string, place: () => { readonly fleet?: string | undefined }): void => {
    mistakes.part(() => {
      const { fleet } = place();
      if (fleet === undefined) return;
      if (!(fleet in fleets)) mistakes.add(`${at}.fleet`, `there is no fleet named ${fleet}`);
      else if (isHttpFleet(fleets[fleet]!)) mistakes.add(`${at}.fleet`, servesNoModels(fleet));
    });
  };
  mistakes.part(() => {
    if (model.split.length > 0 && model.split.every(({ weight }) => weight === 0))
      mistakes.add(`${path}.split`, 'every weight is 0: no part would get a call');
  });
  checkFleet(path, () => model);
  for (const list of ['split', 'rules'] as const)
    mistakes.part(() => {
      for (let i = 0; i < model[list].length; i++) {
        const at = `${path}.${list}[${i}]`;
        checkFleet(at, () => model[list][i]!);
        mistakes.part(() => {
          const { version, label } = model[list][i]!;
          if (version !== undefined && label !== undefined)
            mistakes.add(at, 'names a version and a label: one decides');
        });
      }
    });
  mistakes.part(() => {
    const { mirror } = model;
    if (mirror === undefined) return;
    checkFleet(`${path}.mirror`, () => mirror);
    if (mirror.model !== undefined || mirror.version !== undefined) return;
    const places = [...model.split, ...model.rules];
    const sources = [fleetOfName(config, name), ...places.map((place) => fleetOfPlace(config, name, place))];
    if (mirror.fleet === undefined)
      mistakes.add(`${path}.mirror`, 'names neither a model, a version nor a fleet to copy calls to');
    else if (sources.every((fleet) => fleet === mirror.fleet) && mirror.fleet in fleets)
      mistakes.add(`${path}.mirror.fleet`, `calls go to ${mirror.fleet} already`);
  });
}
