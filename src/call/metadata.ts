/** Metadata: header or trailer fields as a flat list of lower-case names and values, in wire order. */

import { markReused } from '../base/identity-memo.ts';

/** `[name, value, name, value, ...]`; names are lower case, `-bin` values stay base64. */
export type Metadata = readonly string[];

export const noMetadata: Metadata = markReused(Object.freeze([]));

/** The first value of a name, or undefined: for fields that cannot come twice, or on which nothing depends. */
export function getMetadata(metadata: Metadata, name: string): string | undefined {
  for (let i = 0; i < metadata.length; i += 2) if (metadata[i] === name) return metadata[i + 1];
  return undefined;
}

/** A value added to those before it, as fields of one name are joined (RFC 9110 §5.3; gRPC joins metadata alike). */
export function joinedWith(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

/**
 * All values of a name, joined in their order; undefined without any. For whatever decides: the first of two is not
 * what a server reads.
 */
export function allMetadata(metadata: Metadata, name: string): string | undefined {
  let all: string | undefined;
  for (let i = 0; i < metadata.length; i += 2)
    if (metadata[i] === name) all = joinedWith(all, metadata[i + 1] as string);
  return all;
}

/** A copy without the named fields. */
export function withoutMetadata(metadata: Metadata, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < metadata.length; i += 2) {
    const name = metadata[i] as string;
    if (!names.has(name)) kept.push(name, metadata[i + 1] as string);
  }
  return kept;
}
