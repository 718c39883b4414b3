/** Tensors as the JSON readers leave them, in the pieces that the V2 messages want. */
import type { EncodedTensor } from '../encoded-tensor.ts';
import { PieceReader } from '../proto/index.ts';
import type { Chunks, TensorChunks } from '../tensor-chunks.ts';

/** The readers leave strings as the entries of TensorProto.string_val: tag, length, bytes. */
function stringsOf(parts: Chunks): Chunks[] {
  const reader = new PieceReader(parts);
  const values: Chunks[] = [];
  while (reader.next()) values.push(reader.pieces());
  return values;
}

/**
 * Converts a tensor from a JSON reader to chunks: strings, which come as TensorProto.string_val entries, are
 * split into one value each; numeric bytes are passed on without a copy.
 * @throws StatusError INVALID_ARGUMENT when the string_val entries are malformed
 */
export function chunksOfEncoded({ dtype, shape, parts }: EncodedTensor): TensorChunks {
  return dtype === 'string' ? { dtype, shape, values: stringsOf(parts) } : { dtype, shape, pieces: parts };
}
