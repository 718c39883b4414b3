/** TensorProto in the one encoding of each dtype that OpenVINO Model Server takes (2026.2, tfs_frontend deserialization). */
import { dtypes } from '../dtype.ts';
import { joined, type NumericPieces } from '../pieces.ts';
import { type WriteTensor, writeTensorPieces } from './predict-pieces.ts';
import { shapeWriter } from './tensor-encode.ts';
import { Writer } from './writer.ts';

/** 16-bit patterns as the varints of a repeated int32. */
function packed(tensor: NumericPieces): Writer {
  const bytes = joined(tensor.pieces);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Writer();
  for (let at = 0; at < bytes.length; at += 2) values.varint(view.getUint16(at, true));
  return values;
}

/**
 * Numbers in tensor_content, but float16 in half_val and uint16 in int_val; strings in string_val with one dimension,
 * where TensorFlow's clients send a single one without any.
 */
export const writeOvmsTensor: WriteTensor = (tensor) => {
  if (tensor.dtype === 'string')
    return writeTensorPieces(tensor.shape.length === 0 ? { ...tensor, shape: [1] } : tensor);
  if (tensor.dtype !== 'half' && tensor.dtype !== 'uint16') return writeTensorPieces(tensor);
  return new Writer()
    .int32(1, dtypes[tensor.dtype].number)
    .message(2, shapeWriter(tensor.shape))
    .message(tensor.dtype === 'half' ? 13 : 7, packed(tensor));
};
