/**
 * A body that is one tensor and nothing else: the raw form of the binary tensor extension, whose shape the model's
 * own says.
 */
import { widthOf } from '../../dtype.ts';
import type { TensorChunks } from '../../tensor-chunks.ts';
import type { TensorInfo } from '../../tensor.ts';
import { invalid } from '../limits.ts';

/**
 * Fixed dimensions take theirs, the innermost open one what is left, and those before it are 1: the first of several
 * is the batch, of which there is one. Of strings the body is the only one.
 * @throws StatusError INVALID_ARGUMENT when the model has not one input, or the bytes do not fit it
 */
export function rawInput(
  inputs: ReadonlyMap<string, TensorInfo>,
  body: Uint8Array,
): ReadonlyMap<string, TensorChunks> {
  const [first, ...more] = inputs;
  if (first === undefined || more.length > 0)
    throw invalid(
      `a raw body (inference-header-content-length: 0) is the input of a model that has one, this model has ${inputs.size}`,
    );
  const [name, { dtype, shape = [-1] }] = first;
  if (dtype === undefined) throw invalid(`input ${name} has a datatype that the V2 protocol does not have`);
  const fixed = shape.filter((size) => size >= 0).reduce((product, size) => product * size, 1);
  const open = shape.findLastIndex((size) => size < 0);
  const elementBytes = dtype === 'string' ? body.length : widthOf(dtype);
  const rest = dtype === 'string' ? 1 / fixed : body.length / (fixed * elementBytes);
  if (!Number.isInteger(rest) || (open === -1 && rest !== 1))
    throw invalid(
      `the raw body of ${body.length} bytes does not fit input ${name}, ${dtype} of shape [${shape.join(',')}]${dtype === 'string' ? ': it is one string' : ''}`,
    );
  const own = shape.map((size, i) => (size >= 0 ? size : i === open ? rest : 1));
  const tensor: TensorChunks =
    dtype === 'string' ? { dtype, shape: own, values: [[body]] } : { dtype, shape: own, pieces: [body] };
  return new Map([[name, tensor]]);
}
