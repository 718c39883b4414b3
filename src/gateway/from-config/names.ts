/** Public names and what is behind them: the models' part of a configuration. */
import type { AddBatchDimension } from '../../bridge/index.ts';
import { ByModel, isSameModel, type ModelRef } from '../../call/index.ts';
import { type Config, fleetOfName, fleetOfPlace } from '../../config/index.ts';
import type { MirrorRule, RateLimit } from '../../filters/index.ts';
import type { Destination, NameRoute } from '../../models/index.ts';

interface Place {
  readonly model?: string | undefined;
  readonly version?: number | undefined;
  readonly label?: string | undefined;
  readonly fleet?: string | undefined;
}

/**
 * The model server's name for a public one. Where a split names a model for every part, the first is what a pinned
 * version means.
 */
function ownName(name: string, { model, split }: Config['models'][string]): string {
  if (model !== undefined) return model;
  return split.every((part) => part.model !== undefined) ? (split[0]?.model ?? name) : name;
}

/** @param fleet by its name in the configuration */
const refOf = ({ defaultFleet }: Config, fleet: string, model: string): ModelRef =>
  fleet === defaultFleet ? { model } : { fleet, model };

/** The model that a public name stands for, where nothing else decides. */
export function modelOf(config: Config, name: string): ModelRef {
  const model = config.models[name];
  if (model === undefined) return { model: name };
  return refOf(config, fleetOfName(config, name), ownName(name, model));
}

function placeRef(config: Config, name: string, place: Place): ModelRef {
  const { model } = modelOf(config, name);
  return refOf(config, fleetOfPlace(config, name, place), place.model ?? model);
}

function destinationOf(config: Config, name: string, place: Place): Destination {
  const { model, version, label } = place;
  return {
    model,
    version: version === undefined ? undefined : BigInt(version),
    label,
    fleet: placeRef(config, name, place).fleet,
  };
}

function unique(refs: readonly ModelRef[]): ModelRef[] {
  return [...new ByModel(refs.map((ref) => [ref, ref])).entries()].map(([, ref]) => ref);
}

/** Every model that calls for a public name may get to. */
function modelsOf(config: Config, name: string): ModelRef[] {
  const { split = [], rules = [] } = config.models[name] ?? {};
  return unique([
    modelOf(config, name),
    ...[...split, ...rules].map((place) => placeRef(config, name, place)),
  ]);
}

/**
 * The model that a public name stands for in each fleet that its calls get to: whom it concerns what is said of the
 * name.
 */
export function concerned(config: Config, name: string): ModelRef[] {
  const { model } = modelOf(config, name);
  return modelsOf(config, name).filter((ref) => ref.model === model);
}

/** Every model that calls may get to. */
export function servedModels(config: Config): ModelRef[] {
  return unique(
    Object.entries(config.models).flatMap(([name, { mirror }]) => [
      ...modelsOf(config, name),
      ...(mirror === undefined ? [] : [placeRef(config, name, mirror)]),
    ]),
  );
}

/**
 * Builds the routing entries by public name: the names of the `models` section, and every served model under
 * its own name.
 */
export function namesOf(config: Config): ReadonlyMap<string, NameRoute> {
  const names = new Map<string, NameRoute>();
  // clients may use own names too, of which the default fleet's model comes first
  for (const { fleet, model } of servedModels(config))
    if (fleet === undefined || !names.has(model))
      names.set(model, { fleet, labels: new Map(), rules: [], split: [] });
  for (const [name, model] of Object.entries(config.models)) {
    const own = modelOf(config, name);
    names.set(name, {
      model: own.model,
      fleet: own.fleet,
      labels: new Map(Object.entries(model.labels ?? {}).map(([label, version]) => [label, BigInt(version)])),
      rules: model.rules.map((rule) => ({
        field: rule.header,
        value: rule.value,
        ...destinationOf(config, name, rule),
      })),
      split: model.split.map((part) => ({ weight: part.weight, ...destinationOf(config, name, part) })),
      stickyField: model.stickyHeader,
    });
  }
  return names;
}

/** Builds the mirror rules by model; a model is not mirrored to itself unless the rule names a version. */
export function mirrorsOf(config: Config): ByModel<MirrorRule> {
  return new ByModel(
    Object.entries(config.models).flatMap(([name, { mirror }]) => {
      if (mirror === undefined) return [];
      const { fleet } = placeRef(config, name, mirror);
      const version = mirror.version === undefined ? undefined : BigInt(mirror.version);
      return concerned(config, name)
        .filter(
          (ref) => version !== undefined || !isSameModel(ref, { fleet, model: mirror.model ?? ref.model }),
        )
        .map((ref) => [ref, { ...mirror, fleet, version }] as const);
    }),
  );
}

/** Collects the `addBatchDimension` settings by model; models without one are absent. */
export function batchDimensionsOf(config: Config): ByModel<AddBatchDimension> {
  return new ByModel(
    Object.entries(config.models).flatMap(([name, { addBatchDimension: add }]) =>
      add === undefined ? [] : modelsOf(config, name).map((ref) => [ref, add] as const),
    ),
  );
}

/** Maps the `rateLimits` section, with the public names of each limit resolved to models. */
export function rateLimitsOf(config: Config): RateLimit[] {
  const served = servedModels(config);
  const limited = (name: string): ModelRef[] =>
    config.models[name] === undefined
      ? [{ model: name }, ...served.filter(({ model }) => model === name)]
      : concerned(config, name);
  return config.rateLimits.map(({ name, models, by, withoutHeader, perSecond, burst, shared }) => ({
    name,
    models: unique(models.flatMap(limited)),
    by: by === 'model' || by === 'peer' ? by : { header: by.slice('header:'.length) },
    withoutHeader,
    perSecond,
    burst,
    shared,
  }));
}
