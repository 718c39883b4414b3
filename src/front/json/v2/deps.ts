/** What the V2 API is given. */
import type { Target } from '../../../call/index.ts';
import type { RestDeps } from '../options.ts';

export type V2Deps = Pick<RestDeps, 'handler' | 'catalog' | 'options' | 'clock' | 'observer' | 'route'> & {
  /**
   * Whether the model's servers get an infer as it came, since they speak REST too and nothing on its way has to read
   * it.
   */
  readonly passesInfer: (target: Target) => boolean;
};
