/**
 * TensorProto in the one encoding of each dtype that OpenVINO Model Server takes (2026.2, tfs_frontend
 * deserialization).
 */
import { dtypes } from '../../dtype.ts';
import { joined } from '../../tensor-chunks.ts';
import { Writer } from '../writer.ts';
import { type WriteTensor, writeTensorChunks } from './predict-chunks.ts';
import { packed16, shapeWriter, varintField } from './tensor-encode.ts';

/**
 * Numbers in tensor_content, but float16 in half_val and uint16 in int_val; strings in string_val with one dimension,
 * where TensorFlow's clients send a single one without any.
 */
export const writeOvmsTensor: WriteTensor = (tensor) => {
  if (tensor.dtype === 'string')
    return writeTensorChunks(tensor.shape.length === 0 ? { ...tensor, shape: [1] } : tensor);
  const field = varintField[tensor.dtype];
  if (field === undefined) return writeTensorChunks(tensor);
  const bytes = joined(tensor.pieces);
  return new Writer()
    .int32(1, dtypes[tensor.dtype].number)
    .message(2, shapeWriter(tensor.shape))
    .bytes(field, packed16([bytes], bytes.length / 2));
};
