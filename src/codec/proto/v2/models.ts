/** The V2 messages about servers and models: ready, metadata, repository index (grpc_service.proto). */
import { StatusError } from '../../../base/status.ts';
import { checkCount, checkedName } from '../../control.ts';
import { listedModel } from '../../repository.ts';
import {
  noParameters,
  type V2ModelIndex,
  type V2ModelMetadata,
  type V2Parameters,
  type V2ServerMetadata,
  type V2TensorMetadata,
} from '../../v2.ts';
import { PieceReader } from '../piece-reader.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { readEntry, writeParameters } from './parameters.ts';

/** The request of ModelReady, ModelMetadata, ModelConfig and ModelStatistics: name and version. */
export function encodeModelVersionRequest(name: string, version: string): Uint8Array {
  const writer = new Writer().string(1, name);
  if (version !== '') writer.string(2, version);
  return writer.finish();
}

/**
 * Decodes name and version of a ModelReady, ModelMetadata, ModelConfig or ModelStatistics request; "" where
 * absent.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeModelVersionRequest(bytes: Uint8Array): { name: string; version: string } {
  const reader = new Reader(bytes);
  let name = '';
  let version = '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) version = reader.string();
    else reader.skip();
  }
  return { name, version };
}

/** ServerLive, ServerReady, ModelReady: one flag, in field 1. */
export function encodeFlagResponse(flag: boolean): Uint8Array {
  return flag ? new Writer().bool(1, true).finish() : new Uint8Array(0);
}

/**
 * Returns field 1 of a ServerLive, ServerReady or ModelReady response; false when absent.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeFlagResponse(bytes: Uint8Array): boolean {
  const reader = new Reader(bytes);
  let flag = false;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) flag = reader.bool();
    else reader.skip();
  }
  return flag;
}

/** Fields of MLServer's messages: those of other servers end before them. */
const tensorParameters = 4;
const modelParameters = 6;

/** An entry of a map that is another server's under the same number is passed over. */
function readParameters(entry: Uint8Array, before: V2Parameters): V2Parameters {
  try {
    return readEntry(new PieceReader([entry]), before);
  } catch (reason) {
    if (reason instanceof StatusError) return before;
    throw reason;
  }
}

const orNone = (parameters: V2Parameters): { readonly parameters?: V2Parameters } =>
  parameters.size === 0 ? {} : { parameters };

function readTensorMetadata(reader: Reader): V2TensorMetadata {
  let name = '';
  let datatype = '';
  const shape: number[] = [];
  let parameters = noParameters;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = checkedName(reader.string());
    else if (reader.is(2, wire.bytes)) datatype = checkedName(reader.string());
    else if (reader.is(3, wire.varint)) shape.push(Number(reader.int64()));
    else if (reader.is(3, wire.bytes)) {
      const run = reader.message();
      while (run.at < run.end) shape.push(Number(run.int64()));
    } else if (reader.is(tensorParameters, wire.bytes))
      parameters = readParameters(reader.slice(), parameters);
    else reader.skip();
  }
  return { name, datatype, shape, ...orNone(parameters) };
}

/**
 * @throws OutOfBounds for more than may be said of a model; StatusError INVALID_ARGUMENT for what is no such message
 */
export function decodeModelMetadataResponse(bytes: Uint8Array): V2ModelMetadata {
  const reader = new Reader(bytes);
  let name = '';
  let platform = '';
  const versions: string[] = [];
  const inputs: V2TensorMetadata[] = [];
  const outputs: V2TensorMetadata[] = [];
  let parameters = noParameters;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = checkedName(reader.string());
    else if (reader.is(2, wire.bytes)) {
      checkCount(versions.length, 'versions');
      versions.push(checkedName(reader.string()));
    } else if (reader.is(3, wire.bytes)) platform = checkedName(reader.string());
    else if (reader.is(4, wire.bytes)) {
      checkCount(inputs.length, 'tensors');
      inputs.push(readTensorMetadata(reader.message()));
    } else if (reader.is(5, wire.bytes)) {
      checkCount(outputs.length, 'tensors');
      outputs.push(readTensorMetadata(reader.message()));
    } else if (reader.is(modelParameters, wire.bytes))
      parameters = readParameters(reader.slice(), parameters);
    else reader.skip();
  }
  return { name, versions, platform, inputs, outputs, ...orNone(parameters) };
}

function tensorMetadataWriter({ name, datatype, shape, parameters }: V2TensorMetadata): Writer {
  const writer = new Writer().string(1, name).string(2, datatype);
  const sizes = new Writer();
  for (const size of shape) sizes.varint64(BigInt(size));
  if (sizes.length > 0) writer.message(3, sizes);
  writeParameters(writer, tensorParameters, parameters ?? noParameters);
  return writer;
}

/** Encodes a ModelMetadataResponse (grpc_service.proto), with the parameters that MLServer adds to it. */
export function encodeModelMetadataResponse(metadata: V2ModelMetadata): Uint8Array {
  const writer = new Writer().string(1, metadata.name);
  for (const version of metadata.versions) writer.string(2, version);
  writer.string(3, metadata.platform);
  for (const input of metadata.inputs) writer.message(4, tensorMetadataWriter(input));
  for (const output of metadata.outputs) writer.message(5, tensorMetadataWriter(output));
  writeParameters(writer, modelParameters, metadata.parameters ?? noParameters);
  return writer.finish();
}

/** Encodes a ServerMetadataResponse (grpc_service.proto). */
export function encodeServerMetadataResponse({ name, version, extensions }: V2ServerMetadata): Uint8Array {
  const writer = new Writer().string(1, name).string(2, version);
  for (const extension of extensions) writer.string(3, extension);
  return writer.finish();
}

/**
 * Decodes a ServerMetadataResponse (grpc_service.proto).
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeServerMetadataResponse(bytes: Uint8Array): V2ServerMetadata {
  const reader = new Reader(bytes);
  let name = '';
  let version = '';
  const extensions: string[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) version = reader.string();
    else if (reader.is(3, wire.bytes)) extensions.push(reader.string());
    else reader.skip();
  }
  return { name, version, extensions };
}

/** RepositoryIndexRequest.ready: only models that are. */
export function decodeRepositoryIndexRequest(bytes: Uint8Array): { onlyReady: boolean } {
  const reader = new Reader(bytes);
  let onlyReady = false;
  while (reader.next()) {
    if (reader.is(2, wire.varint)) onlyReady = reader.bool();
    else reader.skip();
  }
  return { onlyReady };
}

/**
 * Encodes a RepositoryIndexRequest (grpc_service.proto) without repository_name; no bytes at all for
 * `onlyReady: false`.
 */
export function encodeRepositoryIndexRequest({ onlyReady }: { readonly onlyReady: boolean }): Uint8Array {
  return onlyReady ? new Writer().bool(2, true).finish() : new Uint8Array(0);
}

/** Encodes a RepositoryIndexResponse (grpc_service.proto), one ModelIndex for each element. */
export function encodeRepositoryIndexResponse(models: readonly V2ModelIndex[]): Uint8Array {
  const writer = new Writer();
  for (const { name, version, state, reason } of models)
    writer.message(1, new Writer().string(1, name).string(2, version).string(3, state).string(4, reason));
  return writer.finish();
}

function readModelIndex(reader: Reader): V2ModelIndex {
  const texts = ['', '', '', ''];
  while (reader.next()) {
    if (reader.field <= texts.length && reader.type === wire.bytes) texts[reader.field - 1] = reader.string();
    else reader.skip();
  }
  const [name = '', version = '', state = '', reason = ''] = texts;
  return listedModel({ name, version, state, reason });
}

/** @throws OutOfBounds for more than a server may list; StatusError INVALID_ARGUMENT for what is no such message */
export function decodeRepositoryIndexResponse(bytes: Uint8Array): V2ModelIndex[] {
  const reader = new Reader(bytes);
  const models: V2ModelIndex[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) {
      checkCount(models.length, 'models');
      models.push(readModelIndex(reader.message()));
    } else reader.skip();
  }
  return models;
}
