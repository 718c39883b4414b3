/**
 * Requests made of tf.Examples: ClassificationRequest, RegressionRequest, MultiInferenceRequest, and Example itself.
 */
import type { Example, Feature } from '../../example.ts';
import { readMapEntry } from '../map-entry.ts';
import type { ModelSpec } from '../named-model.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { decodeModelSpec, modelSpecWriter } from './model-spec.ts';

export interface Input {
  readonly examples: readonly Example[];
  /** Features that every example has in common. */
  readonly context?: Example;
}

export interface ExamplesRequest extends Input {
  readonly spec: ModelSpec | undefined;
}

export interface InferenceTask {
  readonly spec: ModelSpec | undefined;
  /** "tensorflow/serving/classify" or "tensorflow/serving/regress". */
  readonly methodName: string;
}

export interface MultiInferenceRequest extends Input {
  readonly tasks: readonly InferenceTask[];
}

/** Repeated numbers may be packed, single, or both in turn. */
function readRepeated<T>(reader: Reader, single: number, read: (reader: Reader) => T): T[] {
  const values: T[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) {
      const run = reader.message();
      while (run.at < run.end) values.push(read(run));
    } else if (reader.is(1, single)) values.push(read(reader));
    else reader.skip();
  }
  return values;
}

function readFeature(reader: Reader): Feature {
  let feature: Feature = { kind: 'none' };
  while (reader.next()) {
    if (reader.type !== wire.bytes || reader.field > 3) reader.skip();
    else if (reader.field === 1) {
      const values: Uint8Array[] = [];
      const list = reader.message();
      while (list.next()) {
        if (list.is(1, wire.bytes)) values.push(list.slice());
        else list.skip();
      }
      feature = { kind: 'bytes', values };
    } else if (reader.field === 2) {
      feature = { kind: 'float', values: readRepeated(reader.message(), wire.fixed32, (run) => run.float()) };
    } else
      feature = { kind: 'int64', values: readRepeated(reader.message(), wire.varint, (run) => run.int64()) };
  }
  return feature;
}

function readFeatureEntry(reader: Reader, into: Map<string, Feature>): void {
  const { key, value } = readMapEntry(reader);
  into.set(key, readFeature(value));
}

function readExample(reader: Reader): Example {
  const features = new Map<string, Feature>();
  while (reader.next()) {
    if (!reader.is(1, wire.bytes)) {
      reader.skip();
      continue;
    }
    const inner = reader.message();
    while (inner.next()) {
      if (inner.is(1, wire.bytes)) readFeatureEntry(inner.message(), features);
      else inner.skip();
    }
  }
  return features;
}

function readInput(reader: Reader): Input {
  let input: Input = { examples: [] };
  while (reader.next()) {
    if (!reader.is(1, wire.bytes) && !reader.is(2, wire.bytes)) {
      reader.skip();
      continue;
    }
    const withContext = reader.field === 2;
    const examples: Example[] = [];
    let context: Example | undefined;
    const list = reader.message();
    while (list.next()) {
      if (list.is(1, wire.bytes)) examples.push(readExample(list.message()));
      else if (withContext && list.is(2, wire.bytes)) context = readExample(list.message());
      else list.skip();
    }
    input = context === undefined ? { examples } : { examples, context };
  }
  return input;
}

/** A serialized tf.Example, as string tensors of parsing models hold it. */
export function decodeExample(bytes: Uint8Array): Example {
  return readExample(new Reader(bytes));
}

/**
 * Decodes a ClassificationRequest or RegressionRequest, which have the same fields.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeExamplesRequest(bytes: Uint8Array): ExamplesRequest {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  let input: Input = { examples: [] };
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else if (reader.is(2, wire.bytes)) input = readInput(reader.message());
    else reader.skip();
  }
  return { spec, ...input };
}

/**
 * Decodes a MultiInferenceRequest (inference.proto).
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeMultiInferenceRequest(bytes: Uint8Array): MultiInferenceRequest {
  const reader = new Reader(bytes);
  const tasks: InferenceTask[] = [];
  let input: Input = { examples: [] };
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) tasks.push(readTask(reader.message()));
    else if (reader.is(2, wire.bytes)) input = readInput(reader.message());
    else reader.skip();
  }
  return { tasks, ...input };
}

/**
 * Decodes an InferenceTask (inference.proto), the reader's message.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function readTask(reader: Reader): InferenceTask {
  let spec: ModelSpec | undefined;
  let methodName = '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else if (reader.is(2, wire.bytes)) methodName = reader.string();
    else reader.skip();
  }
  return { spec, methodName };
}

function featureWriter(feature: Feature): Writer {
  const writer = new Writer();
  const list = new Writer();
  switch (feature.kind) {
    case 'bytes':
      for (const value of feature.values) list.bytes(1, value);
      return writer.message(1, list);
    case 'float': {
      const packed = Buffer.allocUnsafe(feature.values.length * 4);
      feature.values.forEach((value, i) => packed.writeFloatLE(value, i * 4));
      return writer.message(2, list.bytes(1, packed));
    }
    case 'int64': {
      const packed = new Writer();
      for (const value of feature.values) packed.varint64(value);
      return writer.message(3, list.message(1, packed));
    }
    case 'none':
      return writer;
  }
}

function exampleWriter(example: Example): Writer {
  const features = new Writer();
  for (const [name, feature] of example) {
    features.message(1, new Writer().string(1, name).message(2, featureWriter(feature)));
  }
  return new Writer().message(1, features);
}

/** A serialized tf.Example. */
export function encodeExample(example: Example): Uint8Array {
  return exampleWriter(example).finish();
}

/** The bytes of a tensorflow.serving.Input. */
export function encodeInput(examples: readonly Example[], context?: Example): Uint8Array {
  const list = new Writer();
  for (const example of examples) list.message(1, exampleWriter(example));
  if (context !== undefined) list.message(2, exampleWriter(context));
  return new Writer().message(context === undefined ? 1 : 2, list).finish();
}

/** A ClassificationRequest or RegressionRequest, which have the same shape. */
export function encodeExamplesRequest(spec: ModelSpec, input: Uint8Array): Uint8Array {
  return new Writer().message(1, modelSpecWriter(spec)).bytes(2, input).finish();
}

/**
 * Encodes a MultiInferenceRequest (inference.proto).
 * @param input an encoded tensorflow.serving.Input, see encodeInput()
 */
export function encodeMultiInferenceRequest(tasks: readonly InferenceTask[], input: Uint8Array): Uint8Array {
  const writer = new Writer();
  for (const { spec, methodName } of tasks) {
    const task = new Writer();
    if (spec !== undefined) task.message(1, modelSpecWriter(spec));
    writer.message(1, task.string(2, methodName));
  }
  return writer.bytes(2, input).finish();
}
