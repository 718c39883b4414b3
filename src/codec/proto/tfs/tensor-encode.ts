/**
 * Tensor to TensorProto, in the one encoding that every server reads: numbers in tensor_content, but half in half_val
 * and uint16 in int_val, since OpenVINO Model Server takes these nowhere else; strings in string_val.
 */
import { Buffer } from 'node:buffer';
import { type DType, dtypes } from '../../dtype.ts';
import type { EncodedTensor } from '../../encoded-tensor.ts';
import { elementsOf, type Tensor } from '../../tensor.ts';
import { wire } from '../reader.ts';
import { Writer } from '../writer.ts';

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

/** tensor.proto's fields for the types that do not go into tensor_content. */
export const varintField: Readonly<Partial<Record<DType, number>>> = { half: 13, uint16: 7 };

/** Little-endian numbers of 16 bits as packed varints. @param parts hold whole numbers each */
export function packed16(parts: readonly Uint8Array[], count: number): Uint8Array {
  const out = Buffer.allocUnsafe(count * 3);
  let to = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) {
      const value = (part[at] as number) | ((part[at + 1] as number) << 8);
      if (value > 0x7f) {
        out[to++] = (value & 0x7f) | 0x80;
        if (value > 0x3fff) {
          out[to++] = ((value >> 7) & 0x7f) | 0x80;
          out[to++] = value >> 14;
        } else out[to++] = value >> 7;
      } else out[to++] = value;
    }
  }
  return out.subarray(0, to);
}

/** The entries of string_val. */
function stringEntries(values: readonly Uint8Array[]): Uint8Array[] {
  const writer = new Writer();
  for (const value of values) writer.bytes(8, value);
  return writer.chunks();
}

/** @returns the message under construction, to be embedded or taken as chunks; big tensors' bytes are not copied */
export function tensorWriter(tensor: Tensor | EncodedTensor): Writer {
  const { dtype, shape } = tensor;
  const writer = new Writer().int32(1, dtypes[dtype].number).message(2, shapeWriter(shape));
  const parts =
    'parts' in tensor ? tensor.parts : 'values' in tensor ? stringEntries(tensor.values) : [tensor.bytes];
  const field = varintField[dtype];
  if (dtype === 'string') for (const part of parts) writer.raw(part);
  else if (field !== undefined) {
    const count = elementsOf(shape);
    if (count > 0) writer.bytes(field, packed16(parts, count));
  } else {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size > 0) writer.tag(4, wire.bytes).varint(size);
    for (const part of parts) writer.raw(part);
  }
  return writer;
}

/** The chunks of a TensorProto. */
export function encodeTensor(tensor: Tensor): Uint8Array[] {
  return tensorWriter(tensor).chunks();
}
