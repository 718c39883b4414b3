/** Tensors as the JSON readers leave them, in the pieces that the V2 messages want. */
import type { TensorParts } from '../encoded-tensor.ts';
import { PieceReader } from '../proto/index.ts';
import type { Pieces, TensorPieces } from '../tensor-chunks.ts';

/** The readers leave strings as the entries of TensorProto.string_val: tag, length, bytes. */
function stringsOf(parts: Pieces): Pieces[] {
  const reader = new PieceReader(parts);
  const values: Pieces[] = [];
  while (reader.next()) values.push(reader.pieces());
  return values;
}

export function piecesOfParts({ dtype, shape, parts }: TensorParts): TensorPieces {
  return dtype === 'string' ? { dtype, shape, values: stringsOf(parts) } : { dtype, shape, pieces: parts };
}
