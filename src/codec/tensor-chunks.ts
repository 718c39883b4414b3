/**
 * Tensors on their way from one API to another: their bytes are views on the message they came in, and are never
 * joined.
 */
import type { DType } from './dtype.ts';
import type { Tensor } from './tensor.ts';

/** Bytes in the pieces in which they arrived. */
export type Chunks = readonly Uint8Array[];

/** Little endian, row-major: product(shape) x width bytes in all. */
export interface NumericChunks {
  readonly dtype: Exclude<DType, 'string'>;
  readonly shape: readonly number[];
  readonly pieces: Chunks;
}

/** Row-major: product(shape) values. */
export interface StringChunks {
  readonly dtype: 'string';
  readonly shape: readonly number[];
  readonly values: readonly Chunks[];
}

export type TensorChunks = NumericChunks | StringChunks;

/** Named tensors in or out; the Map's order is the wire's. */
export type NamedChunks = ReadonlyMap<string, TensorChunks>;

/** Total length of the pieces in bytes. */
export function chunksLength(pieces: Chunks): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** The same bytes in one array; a view when there is one piece. */
export function joined(pieces: Chunks): Uint8Array {
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}

/** A tensor that is whole, as pieces. */
export function chunksOf(tensor: Tensor): TensorChunks {
  return tensor.dtype === 'string'
    ? { dtype: 'string', shape: tensor.shape, values: tensor.values.map((value) => [value]) }
    : { dtype: tensor.dtype, shape: tensor.shape, pieces: [tensor.bytes] };
}

/** The same tensor with its bytes joined: for those who read values. */
export function tensorOf(tensor: TensorChunks): Tensor {
  return tensor.dtype === 'string'
    ? { dtype: 'string', shape: tensor.shape, values: tensor.values.map(joined) }
    : { dtype: tensor.dtype, shape: tensor.shape, bytes: joined(tensor.pieces) };
}
