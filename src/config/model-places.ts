/**
 * Which fleet the calls of a public name get to: of the name itself, of one part of its split, one rule, or its
 * mirror.
 */
import type { Config } from './schema/index.ts';

interface Place {
  readonly model?: string | undefined;
  readonly fleet?: string | undefined;
}

type Named = Pick<Config, 'models' | 'defaultFleet'>;

/**
 * Of calls that no rule decides and no part of a split: with a version, say. Without a fleet of its own that is the
 * first part's, as its model is.
 */
export function fleetOfName(config: Named, name: string): string {
  const { models, defaultFleet } = config;
  const model = models[name];
  if (model === undefined) return defaultFleet;
  const { split, fleet, model: own } = model;
  if (fleet !== undefined) return fleet;
  const [first] = split;
  if (first !== undefined) {
    if (own === undefined && split.every((part) => part.model !== undefined))
      return fleetOfPlace(config, name, first);
    if (first.fleet !== undefined && split.every((part) => part.fleet !== undefined)) return first.fleet;
  }
  // what is said of a model under its own name
  return (own === undefined ? undefined : models[own]?.fleet) ?? defaultFleet;
}

/**
 * The fleet of one destination of a public name: its own `fleet`, else its model's, else the name's, else the
 * default one.
 */
export function fleetOfPlace(config: Named, name: string, { model, fleet }: Place): string {
  if (fleet !== undefined) return fleet;
  const { models, defaultFleet } = config;
  if (model === undefined) return fleetOfName(config, name);
  return models[model]?.fleet ?? models[name]?.fleet ?? defaultFleet;
}
