/**
 * Which model, version and fleet a call for a public name gets: names mapped, labels resolved, calls split by weight
 * or by a header.
 */
import { allMetadata, type Metadata, newTarget, type Target } from '../call/index.ts';

/** Where calls go; what is absent stays as the client asked. */
export interface Destination {
  /** The model server's own name. */
  readonly model?: string | undefined;
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
  /** As ModelRef has it: the default fleet when absent, whatever the name's own is. */
  readonly fleet?: string | undefined;
}

export interface Part extends Destination {
  /** Its share of all parts' weights. */
  readonly weight: number;
}

export interface Rule extends Destination {
  /** A metadata field, lower case, and the value that it must have. */
  readonly field: string;
  readonly value: string;
}

/** One public name. */
export interface NameRoute {
  /** The model server's own name; absent when it is the public one. */
  readonly model?: string | undefined;
  /** Where calls go that no rule and no part of the split decides; absent: the default fleet. */
  readonly fleet?: string | undefined;
  readonly labels: ReadonlyMap<string, bigint>;
  /** The first that matches decides. */
  readonly rules: readonly Rule[];
  /** Empty: no split. */
  readonly split: readonly Part[];
  /** Calls with the same value in this metadata field get the same part. */
  readonly stickyField?: string | undefined;
}

export interface RouterContext {
  readonly metadata: Metadata;
  /**
   * Questions about a model are answered for the first part of a split, the same every time; its state for all
   * versions. The messages of a stream go on as they came: it may go to a part that is asked in the same words.
   */
  readonly purpose: 'infer' | 'stream' | 'describe' | 'status';
}

export type Router = (target: Target, context: RouterContext) => Target;

/** Evenly spread over 0 (included) to 1 (excluded): FNV-1a, with murmur3's last mixing. */
export function hashShare(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** The part at a share (0 to 1) of the weights. */
export function partAt(parts: readonly Part[], share: number): Part | undefined {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  let left = share * total;
  for (const part of parts) if ((left -= part.weight) < 0) return part;
  return parts.findLast(({ weight }) => weight > 0);
}

/** What cannot be named anew goes to the name's own fleet, as long as that knows the model by this name. */
function asItCame(target: Target, { model = target.model, fleet }: NameRoute): Target {
  return fleet === undefined || model !== target.model ? target : { ...target, fleet };
}

/** @param routes by public name; a name without an entry is its own, in the default fleet */
export function createRouter(routes: ReadonlyMap<string, NameRoute>, random: () => number): Router {
  return (target, { metadata, purpose }) => {
    const route = routes.get(target.model);
    if (route === undefined) return target;
    const { rules, split, labels, stickyField } = route;
    const rule = rules.find(({ field, value }) => allMetadata(metadata, field) === value);
    let to: Destination | undefined = rule;
    // a client that names a version, or a label, has chosen itself
    if (
      rule === undefined &&
      split.length > 0 &&
      target.version === undefined &&
      target.label === undefined
    ) {
      const key = stickyField === undefined ? undefined : allMetadata(metadata, stickyField);
      const share =
        purpose !== 'infer' && purpose !== 'stream'
          ? 0
          : key === undefined
            ? random()
            : hashShare(`${target.model}\0${key}`);
      to = partAt(split, share);
    }
    const { model = route.model ?? target.model, fleet } = to ?? route;
    // the state is that of all versions
    const from = purpose === 'status' ? undefined : to;
    const asked = from?.version ?? (from?.label === undefined ? target.version : undefined);
    const label = asked === undefined ? (from?.label ?? target.label) : undefined;
    const version = asked ?? (label === undefined ? undefined : labels.get(label));
    if (
      purpose === 'stream' &&
      (model !== target.model || version !== target.version || label !== target.label)
    )
      return asItCame(target, route);
    if (fleet === undefined && model === target.model && version === target.version && label === target.label)
      return target;
    return newTarget(model, version, version === undefined ? label : undefined, target.signature, fleet);
  };
}
