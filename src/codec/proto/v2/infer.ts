/**
 * ModelInferRequest and ModelInferResponse (grpc_service.proto): tensors are views on the message, nothing is copied.
 */
import type { Chunks, NamedChunks } from '../../tensor-chunks.ts';
import { defaultMaxTensorBytes } from '../../tensor.ts';
import {
  inSharedMemory,
  noParameters,
  parametersByName,
  sharedMemory,
  type V2InferRequest,
  type V2InferResponse,
  type V2Parameters,
  type V2RequestedOutput,
} from '../../v2.ts';
import { PieceReader } from '../piece-reader.ts';
import { checkEntries, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { readParameter, writeParameters } from './parameters.ts';
import { assemble, rawOf, readTensorHead, type TensorHead, tensorHeadWriter } from './tensors.ts';

function readOutput(reader: PieceReader): V2RequestedOutput {
  const outer = reader.enter();
  let name = '';
  let parameters = noParameters;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) parameters = readParameter(reader, parameters);
    else reader.skip();
  }
  reader.leave(outer);
  return { name, parameters };
}

/** The two messages differ in two numbers and in the requested outputs. */
interface Infer {
  model: string;
  version: string;
  id: string;
  parameters: V2Parameters;
  readonly heads: TensorHead[];
  readonly outputs: V2RequestedOutput[];
  readonly raw: Chunks[];
}

function decode(message: Chunks, isRequest: boolean): Infer {
  const reader = new PieceReader(message);
  const found: Infer = {
    model: '',
    version: '',
    id: '',
    parameters: noParameters,
    heads: [],
    outputs: [],
    raw: [],
  };
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) found.model = reader.string();
    else if (reader.is(2, wire.bytes)) found.version = reader.string();
    else if (reader.is(3, wire.bytes)) found.id = reader.string();
    else if (reader.is(4, wire.bytes)) found.parameters = readParameter(reader, found.parameters);
    else if (reader.is(5, wire.bytes)) {
      checkEntries(found.heads.length, 'tensors');
      found.heads.push(readTensorHead(reader));
    } else if (reader.is(6, wire.bytes)) {
      checkEntries(found.outputs.length + found.raw.length, isRequest ? 'outputs' : 'raw contents');
      if (isRequest) found.outputs.push(readOutput(reader));
      else found.raw.push(reader.pieces());
    } else if (reader.is(7, wire.bytes) && isRequest) {
      checkEntries(found.raw.length, 'raw contents');
      found.raw.push(reader.pieces());
    } else reader.skip();
  }
  return found;
}

/**
 * @param maxTensorBytes the most that one tensor may take
 * @throws StatusError INVALID_ARGUMENT for what is no such message, or whose tensors do not fit their shapes;
 *   UNIMPLEMENTED for inputs in shared memory, whose values are not in the message
 */
export function decodeModelInferRequest(
  message: Chunks,
  maxTensorBytes = defaultMaxTensorBytes,
): V2InferRequest {
  const { model, version, id, parameters, heads, outputs, raw } = decode(message, true);
  for (const { name, parameters: own } of heads) if (own.has(sharedMemory)) throw inSharedMemory(name);
  return {
    model,
    version,
    id,
    parameters,
    inputs: assemble(heads, raw, maxTensorBytes),
    inputParameters: parametersByName(heads),
    outputs,
  };
}

/**
 * Decodes a ModelInferResponse (grpc_service.proto) whose outputs are views on the message.
 * @param maxTensorBytes the most that one tensor may take
 * @throws StatusError INVALID_ARGUMENT for what is no such message, or whose tensors do not fit their shapes
 */
export function decodeModelInferResponse(
  message: Chunks,
  maxTensorBytes = defaultMaxTensorBytes,
): V2InferResponse {
  const { model, version, id, parameters, heads, raw } = decode(message, false);
  const outputs = assemble(heads, raw, maxTensorBytes);
  return { model, version, id, parameters, outputs, outputParameters: parametersByName(heads) };
}

/**
 * A message of ModelStreamInfer; an empty error is none.
 * MLServer (1.7) answers with ModelInferResponse itself, which has more fields.
 */
export function decodeModelStreamInferResponse(
  message: Chunks,
  maxTensorBytes = defaultMaxTensorBytes,
): { error: string; reply: V2InferResponse } {
  const reader = new PieceReader(message);
  let error = '';
  const reply: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.field > 2) return { error: '', reply: decodeModelInferResponse(message, maxTensorBytes) };
    if (reader.is(1, wire.bytes)) error = reader.string();
    else if (reader.is(2, wire.bytes)) reply.push(...reader.pieces());
    else reader.skip();
  }
  return { error, reply: decodeModelInferResponse(reply, maxTensorBytes) };
}

/** A message of ModelStreamInfer. @param error empty for none @param reply ModelInferResponse */
export function encodeModelStreamInferResponse(error: string, reply: Chunks): Uint8Array[] {
  const writer = new Writer();
  if (error !== '') writer.string(1, error);
  return writer.pieces(2, reply).chunks();
}

/** The id of a ModelInferRequest, also of one whose tensors are none; empty where it cannot be read. */
export function idOfModelInferRequest(message: Chunks): string {
  const reader = new PieceReader(message);
  let id = '';
  try {
    while (reader.next()) {
      if (reader.is(3, wire.bytes)) id = reader.string();
      else reader.skip();
    }
  } catch {
    return '';
  }
  return id;
}

function begin(model: string, version: string, id: string, parameters: V2Parameters): Writer {
  const writer = new Writer();
  if (model !== '') writer.string(1, model);
  if (version !== '') writer.string(2, version);
  if (id !== '') writer.string(3, id);
  writeParameters(writer, 4, parameters);
  return writer;
}

function writeHeads(
  writer: Writer,
  tensors: NamedChunks,
  parameters: ReadonlyMap<string, V2Parameters>,
): void {
  for (const [name, tensor] of tensors) {
    const head = tensorHeadWriter(name, tensor);
    writeParameters(head, 4, parameters.get(name) ?? noParameters);
    writer.message(5, head);
  }
}

/** Every input raw: the one encoding that all servers take for all datatypes. */
export function encodeModelInferRequest(request: V2InferRequest): Uint8Array[] {
  const writer = begin(request.model, request.version, request.id, request.parameters);
  writeHeads(writer, request.inputs, request.inputParameters);
  for (const { name, parameters } of request.outputs) {
    const output = new Writer().string(1, name);
    writeParameters(output, 2, parameters);
    writer.message(6, output);
  }
  for (const tensor of request.inputs.values()) writer.pieces(7, rawOf(tensor));
  return writer.chunks();
}

/** Encodes a ModelInferResponse (grpc_service.proto) as chunks; every output is in raw_output_contents. */
export function encodeModelInferResponse(response: V2InferResponse): Uint8Array[] {
  const writer = begin(response.model, response.version, response.id, response.parameters);
  writeHeads(writer, response.outputs, response.outputParameters);
  for (const tensor of response.outputs.values()) writer.pieces(6, rawOf(tensor));
  return writer.chunks();
}
