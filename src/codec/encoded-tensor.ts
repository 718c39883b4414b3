/** Tensors on their way to a model server: their bytes in pieces, so that nothing has to be joined. */
import type { DType } from './dtype.ts';

export interface EncodedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** For strings: the entries of TensorProto.string_val, tags included. For all others: the bytes of tensor_content. */
  readonly parts: readonly Uint8Array[];
}

/** Named tensors in; the Map's order is the wire's. */
export type NamedParts = ReadonlyMap<string, EncodedTensor>;
