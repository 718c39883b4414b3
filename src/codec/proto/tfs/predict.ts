/** PredictRequest and PredictResponse (predict.proto). */
import type { EncodedTensor } from '../../encoded-tensor.ts';
import type { NamedTensors, Tensor } from '../../tensor.ts';
import { readMapEntry } from '../map-entry.ts';
import type { ModelSpec } from '../named-model.ts';
import { checkEntries, Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { decodeModelSpec, encodeModelSpec, modelSpecWriter } from './model-spec.ts';
import { decodeTensor } from './tensor-decode.ts';
import { tensorWriter } from './tensor-encode.ts';

export interface PredictRequest {
  readonly spec: ModelSpec | undefined;
  readonly inputs: NamedTensors;
  /** Names of the outputs that are wanted; empty means all. */
  readonly outputFilter: readonly string[];
}

export interface PredictResponse {
  readonly spec: ModelSpec | undefined;
  readonly outputs: NamedTensors;
}

/** One entry of map<string, TensorProto>. */
function readEntry(reader: Reader, into: Map<string, Tensor>, maxBytes: number | undefined): void {
  const { key, value } = readMapEntry(reader);
  if (!into.has(key)) checkEntries(into.size, 'tensors');
  into.set(key, decodeTensor(value, maxBytes));
}

function writeEntries(
  writer: Writer,
  field: number,
  tensors: ReadonlyMap<string, Tensor | EncodedTensor>,
): void {
  for (const [name, tensor] of tensors)
    writer.message(field, new Writer().string(1, name).message(2, tensorWriter(tensor)));
}

/** @param maxTensorBytes the most that one tensor may take once every value is written out */
export function decodePredictRequest(bytes: Uint8Array, maxTensorBytes?: number): PredictRequest {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  const inputs = new Map<string, Tensor>();
  const outputFilter: string[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else if (reader.is(2, wire.bytes)) readEntry(reader.message(), inputs, maxTensorBytes);
    else if (reader.is(3, wire.bytes)) {
      checkEntries(outputFilter.length, 'names in its output filter');
      outputFilter.push(reader.string());
    } else reader.skip();
  }
  return { spec, inputs, outputFilter };
}

/** The chunks of the message; large tensors are chunks of their own. */
export function encodePredictRequest(
  request: Omit<PredictRequest, 'inputs'> & { readonly inputs: ReadonlyMap<string, Tensor | EncodedTensor> },
): Uint8Array[] {
  const writer = new Writer();
  if (request.spec !== undefined) writer.bytes(1, encodeModelSpec(request.spec));
  writeEntries(writer, 2, request.inputs);
  for (const name of request.outputFilter) writer.string(3, name);
  return writer.chunks();
}

/**
 * Decodes a PredictResponse.
 * @param maxTensorBytes the most that one tensor may take once every value is written out
 * @throws StatusError as decodeTensor(); INVALID_ARGUMENT for malformed protobuf
 */
export function decodePredictResponse(bytes: Uint8Array, maxTensorBytes?: number): PredictResponse {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  const outputs = new Map<string, Tensor>();
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) readEntry(reader.message(), outputs, maxTensorBytes);
    else if (reader.is(2, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else reader.skip();
  }
  return { spec, outputs };
}

/** Encodes a PredictResponse as chunks of one message; large tensors are chunks of their own. */
export function encodePredictResponse(response: PredictResponse): Uint8Array[] {
  const writer = new Writer();
  writeEntries(writer, 1, response.outputs);
  if (response.spec !== undefined) writer.message(2, modelSpecWriter(response.spec));
  return writer.chunks();
}
