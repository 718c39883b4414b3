/** Replies to classify and regress requests, and errors, as JSON. */
import { Buffer } from 'node:buffer';
import type { ClassScore } from '../../proto/index.ts';
import { invalid } from '../limits.ts';
import { type NonFinite, nonFiniteText } from '../non-finite.ts';
import { maxFloatBytes, writeFloat32 } from '../number/format-float.ts';
import { type LentChunks, Slice, wholeText } from '../slice.ts';

const float = new DataView(new ArrayBuffer(4));

function writeFloat(slice: Slice, value: number, nonFinite: NonFinite): void {
  const text = nonFiniteText(value, nonFinite);
  if (text !== undefined) {
    slice.text(text);
    return;
  }
  float.setFloat32(0, value);
  slice.at = writeFloat32(slice, slice.at, float.getFloat32(0), float.getInt32(0));
}

function* writeString(slice: Slice, text: string): Generator<Buffer, void, undefined> {
  const bytes = Buffer.from(text);
  if (!slice.has(1)) yield slice.lend();
  slice.byte(0x22);
  for (let from = 0; from < bytes.length;) {
    from = slice.escaped(bytes, from);
    if (from < bytes.length) yield slice.lend();
  }
  if (!slice.has(1)) yield slice.lend();
  slice.byte(0x22);
}

/** The body of a classify reply, in pieces: for each example a list of [label, score]. */
export function* encodeClassifyJson(
  results: readonly (readonly ClassScore[])[],
  nonFinite: NonFinite = 'literal',
): LentChunks {
  if (results.length === 0) throw invalid('Cannot convert empty ClassificationResults to JSON');
  const slice = new Slice();
  slice.text('{"results":[');
  for (const [row, classes] of results.entries()) {
    if (!slice.has(8)) yield slice.lend();
    slice.text(row > 0 ? ',[' : '[');
    for (const [i, { label, score }] of classes.entries()) {
      if (!slice.has(8)) yield slice.lend();
      slice.text(i > 0 ? ',[' : '[');
      yield* writeString(slice, label);
      if (!slice.has(maxFloatBytes + 2)) yield slice.lend();
      slice.text(',');
      writeFloat(slice, score, nonFinite);
      slice.text(']');
    }
    if (!slice.has(8)) yield slice.lend();
    slice.text(']');
  }
  slice.text(']}');
  return slice.lend();
}

/** The body of a regress reply, in pieces: one number for each example. */
export function* encodeRegressJson(values: readonly number[], nonFinite: NonFinite = 'literal'): LentChunks {
  if (values.length === 0) throw invalid('Cannot convert empty RegressionResults to JSON');
  const slice = new Slice();
  slice.text('{"results":[');
  for (const [i, value] of values.entries()) {
    if (!slice.has(maxFloatBytes + 4)) yield slice.lend();
    if (i > 0) slice.text(',');
    writeFloat(slice, value, nonFinite);
  }
  slice.text(']}');
  return slice.lend();
}

function* encodeError(message: string): LentChunks {
  const slice = new Slice();
  slice.text('{\n    "error": ');
  yield* writeString(slice, message);
  if (!slice.has(2)) yield slice.lend();
  slice.text('\n}');
  return slice.lend();
}

/** TensorFlow Serving's error body. */
export function errorBody(message: string): Buffer {
  return wholeText(encodeError(message));
}
