/** Public names and what is behind them: the models' part of a configuration. */
import type { Config } from '../config/index.ts';
import type { MirrorRule, RateLimit } from '../filters/index.ts';
import type { ModelRoute } from '../gateway-options.ts';
import type { AddBatchDimension, Destination, NameRoute } from '../models/index.ts';

type Model = Config['models'][string];
interface Place {
  readonly model?: string | undefined;
  readonly version?: number | undefined;
  readonly label?: string | undefined;
}

const destinationOf = ({ model, version, label }: Place): Destination => ({
  model,
  version: version === undefined ? undefined : BigInt(version),
  label,
});

/** The model server's name for a public one. Where a split names a model for every part, the first is what a pinned version means. */
export function ownName(name: string, { model, split }: Model): string {
  if (model !== undefined) return model;
  return split.every((part) => part.model !== undefined) ? (split[0]?.model ?? name) : name;
}

export function namesOf({ models }: Config): ReadonlyMap<string, NameRoute> {
  return new Map(
    Object.entries(models).map(([name, model]) => [
      name,
      {
        model: ownName(name, model),
        labels: new Map(
          Object.entries(model.labels ?? {}).map(([label, version]) => [label, BigInt(version)]),
        ),
        rules: model.rules.map((rule) => ({ field: rule.header, value: rule.value, ...destinationOf(rule) })),
        split: model.split.map((part) => ({ weight: part.weight, ...destinationOf(part) })),
        stickyField: model.stickyHeader,
      },
    ]),
  );
}

/** Every model that calls may get to, by the servers' own names. */
export function servedModels({ models, defaultFleet }: Config): ReadonlyMap<string, ModelRoute> {
  const served = new Map<string, ModelRoute>();
  for (const [name, model] of Object.entries(models)) {
    const own = [
      ownName(name, model),
      model.mirror?.model,
      ...[...model.split, ...model.rules].map((part) => part.model),
    ];
    for (const each of own) {
      if (each === undefined) continue;
      // what is said of a model under its own name comes before what other names imply
      const fleet = models[each]?.fleet ?? model.fleet ?? defaultFleet;
      served.set(each, { fleet });
    }
  }
  return served;
}

export function mirrorsOf({ models }: Config): ReadonlyMap<string, MirrorRule> {
  return new Map(
    Object.entries(models).flatMap(([name, model]) => {
      const { mirror } = model;
      if (mirror === undefined) return [];
      const version = mirror.version === undefined ? undefined : BigInt(mirror.version);
      return [[ownName(name, model), { ...mirror, version }] as const];
    }),
  );
}

export function batchDimensionsOf({ models }: Config): ReadonlyMap<string, AddBatchDimension> {
  const named = new Map<string, AddBatchDimension>();
  for (const [name, model] of Object.entries(models)) {
    const { addBatchDimension: add } = model;
    if (add === undefined) continue;
    const parts = [...model.split, ...model.rules].map((part) => part.model);
    for (const own of [...parts, ownName(name, model)]) if (own !== undefined) named.set(own, add);
  }
  return named;
}

export function rateLimitsOf({ models, rateLimits }: Config): RateLimit[] {
  return rateLimits.map(({ name, models: named, by, withoutHeader, perSecond, burst, shared }) => ({
    name,
    models: new Set(
      named.map((each) => {
        const model = models[each];
        return model === undefined ? each : ownName(each, model);
      }),
    ),
    by: by === 'model' || by === 'peer' ? by : { header: by.slice('header:'.length) },
    withoutHeader,
    perSecond,
    burst,
    shared,
  }));
}
