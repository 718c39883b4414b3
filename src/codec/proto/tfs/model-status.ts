/** GetModelStatus (get_model_status.proto). */
import { checkCount } from '../../control.ts';
import type { ModelSpec } from '../named-model.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { decodeModelSpec, modelSpecWriter } from './model-spec.ts';

/** ModelVersionStatus.State. */
export const modelState = {
  UNKNOWN: 0,
  START: 10,
  LOADING: 20,
  AVAILABLE: 30,
  UNLOADING: 40,
  END: 50,
} as const;

export interface ModelVersionStatus {
  readonly version: bigint;
  /** A number of `modelState`. */
  readonly state: number;
  /** A gRPC status code. */
  readonly errorCode: number;
  readonly errorMessage: string;
}

export interface StatusProto {
  readonly errorCode: number;
  readonly errorMessage: string;
}

/** Encodes a GetModelStatusRequest; without a version in the spec it asks for all versions. */
export function encodeGetModelStatusRequest(spec: ModelSpec): Uint8Array {
  return new Writer().message(1, modelSpecWriter(spec)).finish();
}

/**
 * Returns the model_spec of a GetModelStatusRequest, or undefined when it has none.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeGetModelStatusRequest(bytes: Uint8Array): ModelSpec | undefined {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else reader.skip();
  }
  return spec;
}

/**
 * Decodes a StatusProto (util/status.proto), the reader's message.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function readStatus(reader: Reader): StatusProto {
  let errorCode = 0;
  let errorMessage = '';
  while (reader.next()) {
    if (reader.is(1, wire.varint)) errorCode = reader.int32();
    else if (reader.is(2, wire.bytes)) errorMessage = reader.string();
    else reader.skip();
  }
  return { errorCode, errorMessage };
}

/** Writes a StatusProto (util/status.proto); code 0 (OK) and an empty message are omitted. */
export function statusWriter(status: StatusProto): Writer {
  const writer = new Writer();
  if (status.errorCode !== 0) writer.int32(1, status.errorCode);
  if (status.errorMessage !== '') writer.string(2, status.errorMessage);
  return writer;
}

function readVersionStatus(reader: Reader): ModelVersionStatus {
  let version = 0n;
  let state = 0;
  let status: StatusProto = { errorCode: 0, errorMessage: '' };
  while (reader.next()) {
    if (reader.is(1, wire.varint)) version = reader.int64();
    else if (reader.is(2, wire.varint)) state = reader.int32();
    else if (reader.is(3, wire.bytes)) status = readStatus(reader.message());
    else reader.skip();
  }
  return { version, state, ...status };
}

/**
 * @throws OutOfBounds for more versions than a model may have; StatusError INVALID_ARGUMENT for what is no such
 *   message
 */
export function decodeGetModelStatusResponse(bytes: Uint8Array): ModelVersionStatus[] {
  const reader = new Reader(bytes);
  const list: ModelVersionStatus[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) {
      checkCount(list.length, 'versions');
      list.push(readVersionStatus(reader.message()));
    } else reader.skip();
  }
  return list;
}

/** Encodes a GetModelStatusResponse with one model_version_status for each element. */
export function encodeGetModelStatusResponse(list: readonly ModelVersionStatus[]): Uint8Array {
  const writer = new Writer();
  for (const status of list) {
    const inner = new Writer();
    if (status.version !== 0n) inner.int64(1, status.version);
    if (status.state !== 0) inner.int32(2, status.state);
    writer.message(1, inner.message(3, statusWriter(status)));
  }
  return writer.finish();
}
