/** Tensor to TensorProto: tensor_content for numbers, string_val for strings. */
import { dtypes } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { wire } from './reader.ts';
import { Writer } from './writer.ts';

/** A TensorShapeProto; a dimension of -1 is one that is unknown, an undefined shape an unknown rank. */
export function shapeWriter(shape: readonly number[] | undefined): Writer {
  const writer = new Writer();
  if (shape === undefined) return writer.bool(3, true);
  for (const size of shape) {
    const dim = new Writer();
    if (size !== 0) dim.int64(1, BigInt(size));
    writer.message(2, dim);
  }
  return writer;
}

/** @returns the message under construction, to be embedded or taken as chunks; big tensors' bytes are not copied */
export function tensorWriter(tensor: Tensor): Writer {
  const writer = new Writer().int32(1, dtypes[tensor.dtype].number).message(2, shapeWriter(tensor.shape));
  if (tensor.dtype === 'string') {
    for (const value of tensor.values) writer.bytes(8, value);
  } else if (tensor.bytes.length > 0) {
    writer.tag(4, wire.bytes).varint(tensor.bytes.length).raw(tensor.bytes);
  }
  return writer;
}

/** The chunks of a TensorProto. */
export function encodeTensor(tensor: Tensor): Uint8Array[] {
  return tensorWriter(tensor).chunks();
}
