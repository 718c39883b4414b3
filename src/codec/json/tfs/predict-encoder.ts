/** Output tensors as the JSON of a REST predict reply, in the form that the request had. */
import { Buffer } from 'node:buffer';
import { Code, StatusError } from '../../../base/status.ts';
import { elementsOf, type NamedTensors, type Tensor } from '../../tensor.ts';
import { invalid } from '../limits.ts';
import { NestedWriter } from '../nested-writer.ts';
import type { NonFinite } from '../non-finite.ts';
import { type LentChunks, Slice } from '../slice.ts';
import { extraOutputs, runFor, type WriteRun } from '../value-writers.ts';
import type { PredictFormat } from './predict-decoder.ts';

export interface EncodeOptions {
  /** half, bfloat16 and uint16 are written, which TensorFlow Serving refuses. */
  readonly extraDtypes: boolean;
  readonly nonFinite?: NonFinite;
}

interface Output {
  readonly name: string;
  readonly tensor: Tensor;
  readonly run: WriteRun;
}

function outputOf(name: string, tensor: Tensor, { extraDtypes, nonFinite }: EncodeOptions): Output {
  const count = elementsOf(tensor.shape);
  if (tensor.dtype === 'string' && tensor.values.length !== count)
    throw new StatusError(Code.INTERNAL, `output ${name} does not fill its shape`);
  const run = !extraDtypes && extraOutputs.has(tensor.dtype) ? undefined : runFor(name, tensor, nonFinite);
  if (run === undefined && count > 0)
    throw invalid(`Failed to write JSON value for tensor type: ${tensor.dtype}`);
  return { name, tensor, run: run ?? ((_slice, _first, _from, end) => end) };
}

function rowsOf(outputs: NamedTensors): number {
  let rows: number | undefined;
  for (const [name, { shape }] of outputs) {
    const [size] = shape;
    if (size === undefined) throw invalid(`Tensor name: ${name} has no shape information `);
    rows ??= size;
    if (size !== rows)
      throw invalid(`Tensor name: ${name} has inconsistent batch size: ${size} expecting: ${rows}`);
  }
  return rows ?? 0;
}

/**
 * The body of a reply, in pieces; each is made when it is asked for, so that a slow client holds one of them.
 * @throws StatusError INVALID_ARGUMENT before the first piece when the outputs do not fit the row form, or cannot be
 * written
 */
export function* encodePredictJson(
  outputs: NamedTensors,
  format: PredictFormat,
  options: EncodeOptions,
): LentChunks {
  if (outputs.size === 0) throw invalid('Cannot convert empty tensor map to JSON');
  const rows = format === 'row' ? rowsOf(outputs) : 0;
  const list = [...outputs].map(([name, tensor]) => outputOf(name, tensor, options));
  const slice = new Slice();
  slice.text(format === 'row' ? '{"predictions":' : '{"outputs":');
  const [only] = list;
  if (list.length === 1 && only !== undefined) {
    // its name is left out, and rows are then just the outermost list
    const nested = new NestedWriter(only.tensor.shape, only.run).begin(0);
    while (!nested.run(slice)) yield slice.lend();
  } else if (format === 'columnar') yield* writeColumns(slice, list);
  else yield* writeRows(slice, list, rows);
  if (!slice.has(1)) yield slice.lend();
  slice.byte(0x7d);
  return slice.lend();
}

/** The name of an output as a member's name; names are shorter than a slice. */
function keyOf(name: string, opening: string): Buffer {
  return Buffer.from(`${opening}${JSON.stringify(name)}:`);
}

function* writeColumns(slice: Slice, outputs: readonly Output[]): Generator<Buffer, void, undefined> {
  let opening = '{';
  for (const { name, tensor, run } of outputs) {
    yield* writeBytes(slice, keyOf(name, opening));
    opening = ',';
    const nested = new NestedWriter(tensor.shape, run).begin(0);
    while (!nested.run(slice)) yield slice.lend();
  }
  yield* writeBytes(slice, Buffer.from('}'));
}

function* writeRows(
  slice: Slice,
  outputs: readonly Output[],
  rows: number,
): Generator<Buffer, void, undefined> {
  const columns = outputs.map(({ name, tensor, run }, i) => {
    const shape = tensor.shape.slice(1);
    return {
      key: keyOf(name, i === 0 ? '{' : ','),
      size: elementsOf(shape),
      nested: new NestedWriter(shape, run),
    };
  });
  yield* writeBytes(slice, Buffer.from('['));
  for (let row = 0; row < rows; row++) {
    if (!slice.has(2)) yield slice.lend();
    if (row > 0) slice.byte(0x2c);
    for (const { key, size, nested } of columns) {
      if (slice.has(key.length)) slice.at += key.copy(slice.bytes, slice.at);
      else yield* writeBytes(slice, key);
      nested.begin(row * size);
      while (!nested.run(slice)) yield slice.lend();
    }
    if (!slice.has(1)) yield slice.lend();
    slice.byte(0x7d);
  }
  yield* writeBytes(slice, Buffer.from(']'));
}

/** Bytes of any length, over as many slices as they take. */
function* writeBytes(slice: Slice, bytes: Buffer): Generator<Buffer, void, undefined> {
  for (let from = 0; ;) {
    const copied = bytes.copy(slice.bytes, slice.at, from);
    slice.at += copied;
    from += copied;
    if (from >= bytes.length) return;
    yield slice.lend();
  }
}
