/** Replies to requests made of tf.Examples: classifications, regressions, and both in one. */
import type { ModelSpec } from '../named-model.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { decodeModelSpec, modelSpecWriter } from './model-spec.ts';

export interface ClassScore {
  readonly label: string;
  readonly score: number;
}

export interface ClassificationResponse {
  readonly spec: ModelSpec | undefined;
  /** One list of classes for each example. */
  readonly results: readonly (readonly ClassScore[])[];
}

export interface RegressionResponse {
  readonly spec: ModelSpec | undefined;
  /** One value for each example. */
  readonly values: readonly number[];
}

export type InferenceResult =
  | {
      readonly spec: ModelSpec | undefined;
      readonly kind: 'classification';
      readonly results: readonly (readonly ClassScore[])[];
    }
  | { readonly spec: ModelSpec | undefined; readonly kind: 'regression'; readonly values: readonly number[] };

function readClass(reader: Reader): ClassScore {
  let label = '';
  let score = 0;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) label = reader.string();
    else if (reader.is(2, wire.fixed32)) score = reader.float();
    else reader.skip();
  }
  return { label, score };
}

/** Every field 1 that is a message, read one by one: the shape of all the lists here. */
function readList<T>(reader: Reader, read: (reader: Reader) => T): T[] {
  const list: T[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) list.push(read(reader.message()));
    else reader.skip();
  }
  return list;
}

const readClassification = (reader: Reader): ClassScore[][] =>
  readList(reader, (row) => readList(row, readClass));

function readRegression(reader: Reader): number {
  let value = 0;
  while (reader.next()) {
    if (reader.is(1, wire.fixed32)) value = reader.float();
    else reader.skip();
  }
  return value;
}

const readRegressions = (reader: Reader): number[] => readList(reader, readRegression);

/**
 * Decodes a ClassificationResponse (classification.proto).
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeClassificationResponse(bytes: Uint8Array): ClassificationResponse {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  let results: ClassScore[][] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) results = readClassification(reader.message());
    else if (reader.is(2, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else reader.skip();
  }
  return { spec, results };
}

/**
 * Decodes a RegressionResponse (regression.proto).
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeRegressionResponse(bytes: Uint8Array): RegressionResponse {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  let values: number[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) values = readRegressions(reader.message());
    else if (reader.is(2, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else reader.skip();
  }
  return { spec, values };
}

/**
 * Decodes a MultiInferenceResponse (inference.proto), one result for each task; a result with neither oneof
 * field reads as an empty regression.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeMultiInferenceResponse(bytes: Uint8Array): InferenceResult[] {
  return readList(new Reader(bytes), (reader) => {
    let spec: ModelSpec | undefined;
    let result: InferenceResult = { spec, kind: 'regression', values: [] };
    while (reader.next()) {
      if (reader.is(1, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
      else if (reader.is(2, wire.bytes)) {
        result = { spec, kind: 'classification', results: readClassification(reader.message()) };
      } else if (reader.is(3, wire.bytes))
        result = { spec, kind: 'regression', values: readRegressions(reader.message()) };
      else reader.skip();
    }
    return { ...result, spec };
  });
}

function classificationWriter(results: readonly (readonly ClassScore[])[]): Writer {
  const writer = new Writer();
  for (const classes of results) {
    const row = new Writer();
    for (const { label, score } of classes) row.message(1, new Writer().string(1, label).float(2, score));
    writer.message(1, row);
  }
  return writer;
}

function regressionWriter(values: readonly number[]): Writer {
  const writer = new Writer();
  for (const value of values) writer.message(1, new Writer().float(1, value));
  return writer;
}

/** Encodes a ClassificationResponse (classification.proto). */
export function encodeClassificationResponse(response: ClassificationResponse): Uint8Array {
  const writer = new Writer().message(1, classificationWriter(response.results));
  if (response.spec !== undefined) writer.message(2, modelSpecWriter(response.spec));
  return writer.finish();
}

/** Encodes a RegressionResponse (regression.proto). */
export function encodeRegressionResponse(response: RegressionResponse): Uint8Array {
  const writer = new Writer().message(1, regressionWriter(response.values));
  if (response.spec !== undefined) writer.message(2, modelSpecWriter(response.spec));
  return writer.finish();
}

/** Encodes a MultiInferenceResponse (inference.proto), one InferenceResult for each element. */
export function encodeMultiInferenceResponse(results: readonly InferenceResult[]): Uint8Array {
  const writer = new Writer();
  for (const result of results) {
    const inner = new Writer();
    if (result.spec !== undefined) inner.message(1, modelSpecWriter(result.spec));
    if (result.kind === 'classification') inner.message(2, classificationWriter(result.results));
    else inner.message(3, regressionWriter(result.values));
    writer.message(1, inner);
  }
  return writer.finish();
}
