/** tf.Example: named features, each a list of byte strings, floats or 64-bit integers. */

export type Feature =
  | { readonly kind: 'bytes'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'float'; readonly values: readonly number[] }
  | { readonly kind: 'int64'; readonly values: readonly bigint[] }
  | { readonly kind: 'none' };

export type Example = ReadonlyMap<string, Feature>;
