/** A PredictResponse whose numbers stand in tensor_content, for clients that read nothing else. */
import { chunksOf } from '../../tensor-chunks.ts';
import { readMapEntry } from '../map-entry.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { writeTensorChunks } from './predict-chunks.ts';
import { decodeTensor } from './tensor-decode.ts';

/** Field numbers of predict.proto and tensor.proto. */
const outputsField = 1;
const contentField = 4;
const stringField = 8;
const firstTypedField = 5;
const lastTypedField = 17;

/** True when a TensorProto has its numbers in a typed field (float_val, int_val, ...). */
function hasTypedNumbers(proto: Uint8Array): boolean {
  const reader = new Reader(proto);
  let typed = false;
  while (reader.next()) {
    const { field } = reader;
    // an empty one does not count
    if (reader.is(contentField, wire.bytes)) {
      if (reader.slice().length > 0) return false;
      continue;
    }
    typed ||= field >= firstTypedField && field <= lastTypedField && field !== stringField;
    reader.skip();
  }
  return typed;
}

/**
 * In pieces, everything but the tensors with typed numbers as views; undefined when there is none.
 * @param maxTensorBytes the most that one tensor may take once every value is written out
 * @throws StatusError INVALID_ARGUMENT for what is no PredictResponse, or a tensor that cannot be read
 */
export function withTensorContent(message: Uint8Array, maxTensorBytes: number): Uint8Array[] | undefined {
  const writer = new Writer();
  const reader = new Reader(message);
  let changed = false;
  for (let at = 0; reader.next(); at = reader.at) {
    if (!reader.is(outputsField, wire.bytes)) {
      reader.skip();
      writer.raw(message.subarray(at, reader.at));
      continue;
    }
    const { key, value } = readMapEntry(reader.message());
    const proto = value.bytes.subarray(value.at, value.end);
    if (!hasTypedNumbers(proto)) {
      writer.raw(message.subarray(at, reader.at));
      continue;
    }
    const tensor = writeTensorChunks(chunksOf(decodeTensor(proto, maxTensorBytes)));
    writer.message(outputsField, new Writer().string(1, key).message(2, tensor));
    changed = true;
  }
  return changed ? writer.chunks() : undefined;
}
