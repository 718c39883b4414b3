/** What metrics call a model: by its name, and by its fleet when that is not the default one. */
import type { ModelRef } from '../call/index.ts';

/**
 * The label beside `name`. It is empty, so it is not written, for models of the default fleet: what a gateway with
 * one fleet tells is what it told before there were several, and nothing changes for its models when another fleet
 * comes.
 */
export const fleetLabel = 'fleet';

/** Values of the labels `name` and `fleet`. */
export function labelsOf({ model, fleet = '' }: ModelRef): [name: string, fleet: string] {
  return [model, fleet];
}
