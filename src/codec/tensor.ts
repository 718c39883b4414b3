/** Tensors as the gateway holds them: dtype, shape and bytes; and the signatures that say which ones a model takes. */
import type { DType } from './dtype.ts';

/**
 * Fixed-width elements: little endian, row-major, exactly product(shape) x width bytes (TensorProto.tensor_content).
 */
export interface NumericTensor {
  readonly dtype: Exclude<DType, 'string'>;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Byte strings, row-major, exactly product(shape) of them. */
export interface StringTensor {
  readonly dtype: 'string';
  readonly shape: readonly number[];
  readonly values: readonly Uint8Array[];
}

export type Tensor = NumericTensor | StringTensor;

/** Named tensors in or out; the Map's order is the wire's. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** The number of elements of a shape; 1 for rank 0. */
export function elementsOf(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

/** What a signature says of one input or output. */
export interface TensorInfo {
  /** Undefined for a DataType number that tensors here cannot have; see `dtypeNumber`. */
  readonly dtype: DType | undefined;
  readonly dtypeNumber: number;
  /** -1 is an unknown dimension; undefined an unknown rank. */
  readonly shape: readonly number[] | undefined;
  /** The graph's own name of it ("serving_default_x:0"); servers other than TF Serving repeat the key. */
  readonly tensorName: string;
}

/** One SignatureDef. */
export interface Signature {
  readonly name: string;
  readonly methodName: string;
  readonly inputs: ReadonlyMap<string, TensorInfo>;
  readonly outputs: ReadonlyMap<string, TensorInfo>;
}

/** All signatures of one model version, by name. */
export interface ModelMetadata {
  readonly model: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, Signature>;
}

export const defaultSignature = 'serving_default';

/** A few bytes can stand for a huge tensor (one value and a big shape), so what they may become is bounded: 1 GiB. */
export const defaultMaxTensorBytes = 2 ** 30;
