/** How long calls may take, by the models' public names. */
import { isSameModel } from '../../call/index.ts';
import type { Config } from '../../config/index.ts';
import type { TimeoutOptions } from '../../front/index.ts';
import { modelOf } from './names.ts';

/** Maps the `deadlines` section and the models' own deadlines, all in ms, by public name. */
export function timeoutsOf(config: Config): TimeoutOptions {
  const { deadlines, models } = config;
  const { defaultMs, maxMs } = deadlines;
  const byModel = new Map(
    Object.entries(models).flatMap(([name, model]) => {
      // what is said of a model under its own name holds for its other names that say nothing
      const meant = modelOf(config, name);
      const isSame = isSameModel(meant, modelOf(config, meant.model));
      const own = model.deadlines ?? (isSame ? models[meant.model]?.deadlines : undefined);
      return own === undefined ? [] : [[name, { defaultMs, maxMs, ...own }] as const];
    }),
  );
  return { defaultMs, maxMs, byModel: byModel.size === 0 ? undefined : byModel };
}
