/** Small helpers for model code: tensors to typed arrays and back. */
import { Code, StatusError } from '../base/status.ts';
import {
  type DType,
  dtypes,
  elementsOf,
  type NumericTensor,
  type StringTensor,
  type Tensor,
  type TensorInfo,
} from '../codec/index.ts';

/** What a signature says of one tensor. An undefined shape is an unknown rank. */
export function info(dtype: DType, shape: readonly number[] | undefined, tensorName: string): TensorInfo {
  return { dtype, dtypeNumber: dtypes[dtype].number, shape, tensorName };
}

/** The named tensor, which the signature check has seen to be there. */
export function need(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new StatusError(Code.INTERNAL, `input "${name}" got lost`);
  return tensor;
}

/** The named tensor. @throws StatusError INTERNAL when it is absent or a string tensor */
export function needNumeric(tensors: ReadonlyMap<string, Tensor>, name: string): NumericTensor {
  const tensor = need(tensors, name);
  if (tensor.dtype === 'string') throw new StatusError(Code.INTERNAL, `input "${name}" is a string tensor`);
  return tensor;
}

/** The named tensor. @throws StatusError INTERNAL when it is absent or no string tensor */
export function needStrings(tensors: ReadonlyMap<string, Tensor>, name: string): StringTensor {
  const tensor = need(tensors, name);
  if (tensor.dtype !== 'string')
    throw new StatusError(Code.INTERNAL, `input "${name}" is not a string tensor`);
  return tensor;
}

/** A copy that is aligned, since the tensor's bytes may start anywhere in a message. */
function aligned(tensor: NumericTensor): ArrayBuffer {
  return new Uint8Array(tensor.bytes).buffer;
}

/** Reads the bytes of a DT_FLOAT tensor as an array of its own; the dtype is not checked. */
export function floats(tensor: NumericTensor): Float32Array {
  return new Float32Array(aligned(tensor));
}

/** Reads the bytes of a DT_DOUBLE tensor as an array of its own; the dtype is not checked. */
export function doubles(tensor: NumericTensor): Float64Array {
  return new Float64Array(aligned(tensor));
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Creates a DT_FLOAT tensor; the number of values must be the product of the shape. */
export function floatTensor(shape: readonly number[], values: ArrayLike<number>): NumericTensor {
  return { dtype: 'float', shape, bytes: bytesOf(Float32Array.from(values)) };
}

/** Creates a DT_DOUBLE tensor; the number of values must be the product of the shape. */
export function doubleTensor(shape: readonly number[], values: ArrayLike<number>): NumericTensor {
  return { dtype: 'double', shape, bytes: bytesOf(Float64Array.from(values)) };
}

/** Creates a DT_INT32 tensor; the number of values must be the product of the shape. */
export function int32Tensor(shape: readonly number[], values: ArrayLike<number>): NumericTensor {
  return { dtype: 'int32', shape, bytes: bytesOf(Int32Array.from(values)) };
}

/** Creates a DT_INT64 tensor from integers; the number of values must be the product of the shape. */
export function int64Tensor(shape: readonly number[], values: readonly number[]): NumericTensor {
  return { dtype: 'int64', shape, bytes: bytesOf(BigInt64Array.from(values.map(BigInt))) };
}

/** Creates a DT_STRING tensor; strings are encoded as UTF-8. */
export function stringTensor(
  shape: readonly number[],
  values: readonly (string | Uint8Array)[],
): StringTensor {
  return {
    dtype: 'string',
    shape,
    values: values.map((value) => (typeof value === 'string' ? Buffer.from(value, 'utf8') : value)),
  };
}

/** "[2,3]", as TensorFlow prints a shape. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(',')}]`;
}

/**
 * The rows of a tensor that holds `width` numbers a row, whatever its rank; like tf.reshape(x, [-1, width]).
 * @throws StatusError INVALID_ARGUMENT with the text of TensorFlow's Reshape kernel.
 */
export function rowsOf(tensor: Tensor, width: number, node: string): number {
  const count = elementsOf(tensor.shape);
  if (count % width !== 0) {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Input to reshape is a tensor with ${count} values, but the requested shape requires a multiple of ${width}` +
        `\n\t [[{{node ${node}}}]]`,
    );
  }
  return count / width;
}

/**
 * Strings that the graph goes through one by one (tf.map_fn), which takes a list and nothing else. TensorFlow's own
 * texts (2.21): it compares no shape with the signature, the op complains.
 * @throws StatusError INVALID_ARGUMENT
 */
export function needStringList(tensors: ReadonlyMap<string, Tensor>, name: string): StringTensor {
  const tensor = needStrings(tensors, name);
  const { shape } = tensor;
  if (shape.length === 1) return tensor;
  const text =
    shape.length === 0
      ? 'Tensor must be at least a vector, but saw shape: []'
      : `Specified a list with shape [] from a tensor with shape ${shapeText(shape.slice(1))}`;
  throw new StatusError(
    Code.INVALID_ARGUMENT,
    `${text}\n\t [[{{node map/TensorArrayUnstack/TensorListFromTensor}}]]`,
  );
}
