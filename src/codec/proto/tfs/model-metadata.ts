/** GetModelMetadata (get_model_metadata.proto) and the SignatureDefMap within it. */
import { checkCount, checkedName } from '../../control.ts';
import { dtypeOf } from '../../dtype.ts';
import type { ModelMetadata, Signature, TensorInfo } from '../../tensor.ts';
import { readMapEntry } from '../map-entry.ts';
import type { ModelSpec } from '../named-model.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { decodeModelSpec, modelSpecWriter } from './model-spec.ts';
import { readShape, type ShapeProto } from './tensor-decode.ts';
import { shapeWriter } from './tensor-encode.ts';

const signatureDefKey = 'signature_def';
export const signatureDefType = 'type.googleapis.com/tensorflow.serving.SignatureDefMap';

/**
 * Encodes a GetModelMetadataRequest.
 * @param fields metadata_field; "signature_def" is the only one that TensorFlow Serving supports
 */
export function encodeGetModelMetadataRequest(
  spec: ModelSpec,
  fields: readonly string[] = [signatureDefKey],
): Uint8Array {
  const writer = new Writer().message(1, modelSpecWriter(spec));
  for (const field of fields) writer.string(2, field);
  return writer.finish();
}

/**
 * Decodes a GetModelMetadataRequest: model_spec and metadata_field.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeGetModelMetadataRequest(bytes: Uint8Array): {
  spec: ModelSpec | undefined;
  fields: string[];
} {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  const fields: string[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else if (reader.is(2, wire.bytes)) fields.push(reader.string());
    else reader.skip();
  }
  return { spec, fields };
}

/** One entry of a map<string, message>. @throws OutOfBounds */
function readEntry<T>(
  reader: Reader,
  into: Map<string, T>,
  limit: 'tensors' | 'signatures',
  read: (value: Reader, key: string) => T,
): void {
  checkCount(into.size, limit);
  const { key, value } = readMapEntry(reader);
  checkedName(key);
  into.set(key, read(value, key));
}

function readTensorInfo(reader: Reader): TensorInfo {
  let tensorName = '';
  let dtypeNumber = 0;
  // TensorShapeProto absent reads as an unknown rank nowhere: TensorFlow takes it for a scalar
  const shape: ShapeProto = { dims: [], unknownRank: false };
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) tensorName = checkedName(reader.string());
    else if (reader.is(2, wire.varint)) dtypeNumber = reader.int32();
    else if (reader.is(3, wire.bytes)) readShape(reader.message(), shape);
    else reader.skip();
  }
  const { dims, unknownRank } = shape;
  return { dtype: dtypeOf(dtypeNumber), dtypeNumber, shape: unknownRank ? undefined : dims, tensorName };
}

function readSignature(reader: Reader, name: string): Signature {
  const inputs = new Map<string, TensorInfo>();
  const outputs = new Map<string, TensorInfo>();
  let methodName = '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) readEntry(reader.message(), inputs, 'tensors', readTensorInfo);
    else if (reader.is(2, wire.bytes)) readEntry(reader.message(), outputs, 'tensors', readTensorInfo);
    else if (reader.is(3, wire.bytes)) methodName = checkedName(reader.string());
    else reader.skip();
  }
  return { name, methodName, inputs, outputs };
}

/** google.protobuf.Any: the bytes of its value. */
function readAny(reader: Reader): Uint8Array {
  let value: Uint8Array = new Uint8Array(0);
  while (reader.next()) {
    if (reader.is(2, wire.bytes)) value = reader.slice();
    else reader.skip();
  }
  return value;
}

/**
 * Decodes a GetModelMetadataResponse with its SignatureDefMap; no signatures when there is no "signature_def".
 * @throws OutOfBounds for more signatures or tensors, or a longer name, than a model may have; StatusError
 * INVALID_ARGUMENT for malformed protobuf
 */
export function decodeGetModelMetadataResponse(bytes: Uint8Array): ModelMetadata {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  const fields = new Map<string, Uint8Array>();
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) spec = decodeModelSpec(reader.message(), spec);
    else if (reader.is(2, wire.bytes)) readEntry(reader.message(), fields, 'signatures', readAny);
    else reader.skip();
  }
  const signatures = new Map<string, Signature>();
  const map = new Reader(fields.get(signatureDefKey) ?? new Uint8Array(0));
  while (map.next()) {
    if (map.is(1, wire.bytes)) readEntry(map.message(), signatures, 'signatures', readSignature);
    else map.skip();
  }
  return { model: spec?.name ?? '', version: spec?.version ?? 0n, signatures };
}

function tensorInfoWriter(info: TensorInfo): Writer {
  return new Writer()
    .string(1, info.tensorName)
    .int32(2, info.dtypeNumber)
    .message(3, shapeWriter(info.shape));
}

function signatureWriter(signature: Signature): Writer {
  const writer = new Writer();
  for (const [name, info] of signature.inputs)
    writer.message(1, new Writer().string(1, name).message(2, tensorInfoWriter(info)));
  for (const [name, info] of signature.outputs)
    writer.message(2, new Writer().string(1, name).message(2, tensorInfoWriter(info)));
  return writer.string(3, signature.methodName);
}

/** Encodes a GetModelMetadataResponse whose only metadata is "signature_def", a SignatureDefMap in an Any. */
export function encodeGetModelMetadataResponse(metadata: ModelMetadata): Uint8Array {
  const map = new Writer();
  for (const [name, signature] of metadata.signatures) {
    map.message(1, new Writer().string(1, name).message(2, signatureWriter(signature)));
  }
  const any = new Writer().string(1, signatureDefType).message(2, map);
  const spec: ModelSpec = { name: metadata.model, version: metadata.version, signature: '' };
  return new Writer()
    .message(1, modelSpecWriter(spec))
    .message(2, new Writer().string(1, signatureDefKey).message(2, any))
    .finish();
}
