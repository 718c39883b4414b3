/** Metadata: header or trailer fields as a flat list of lower-case names and values, in wire order. */

import { recur } from '../recurring.ts';

/** `[name, value, name, value, ...]`; names are lower case, `-bin` values stay base64. */
export type Metadata = readonly string[];

export const noMetadata: Metadata = recur(Object.freeze([]));

/** The first value of a name, or undefined. */
export function getMetadata(metadata: Metadata, name: string): string | undefined {
  for (let i = 0; i < metadata.length; i += 2) if (metadata[i] === name) return metadata[i + 1];
  return undefined;
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
