/** How long calls may take, by the models' public names. */
import type { Config } from '../config/index.ts';
import type { TimeoutOptions } from '../front/index.ts';
import { ownName } from './names.ts';

export function timeoutsOf({ deadlines, models }: Config): TimeoutOptions {
  const { defaultMs, maxMs } = deadlines;
  const byModel = new Map(
    Object.entries(models).flatMap(([name, model]) => {
      // what is said of a model under its own name holds for its other names that say nothing
      const own = model.deadlines ?? models[ownName(name, model)]?.deadlines;
      return own === undefined ? [] : [[name, { defaultMs, maxMs, ...own }] as const];
    }),
  );
  return { defaultMs, maxMs, byModel: byModel.size === 0 ? undefined : byModel };
}
