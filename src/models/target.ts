/** What a ModelSpec asks for: the one place that knows what version 0 means. */
import { newTarget, type Target } from '../call/index.ts';
import { type ModelSpec, newSpec } from '../codec/index.ts';

/**
 * The version that a client asks for; undefined is the default one. 0 means "the default version" to OVMS and to its
 * clients, which always send one; TensorFlow Serving would look for a version numbered 0. Here 0 is the default,
 * whichever API it came through.
 */
export function statedVersion(version: bigint | undefined): bigint | undefined {
  return version === 0n ? undefined : version;
}

/**
 * The target of a ModelSpec. An empty label that is present stays a label (TensorFlow Serving looks it up as "").
 */
export function targetOf(spec: ModelSpec): Target {
  const { name: model, signature } = spec;
  if (spec.label !== undefined) return newTarget(model, undefined, spec.label, signature);
  return newTarget(model, statedVersion(spec.version), undefined, signature);
}

/**
 * Whether a ModelSpec asks a model server for this target as it is. One with a version 0 never does: it would be
 * looked for literally.
 */
export function isSpecOf({ model, version, label }: Target, spec: ModelSpec): boolean {
  return spec.name === model && spec.version === version && spec.label === label;
}

/** The ModelSpec that asks a model server for a target. */
export function specOf(target: Target): ModelSpec {
  return newSpec(target.model, target.signature, target.version, target.label);
}
