/**
 * The dimensions of the tensors in PredictRequest and PredictResponse, read and changed without touching what else is
 * there.
 */
import { readMapEntry } from '../map-entry.ts';
import { checkEntries, Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { readShape, type ShapeProto } from './tensor-decode.ts';

/** Field numbers of predict.proto, tensor.proto and tensor_shape.proto. */
const inputsField = 2;
const outputsField = 1;
const dtypeField = 1;
const shapeField = 2;
const dimField = 2;
/** Their tags where they are length-delimited. */
const inputsTag = (inputsField << 3) | wire.bytes;
const shapeTag = (shapeField << 3) | wire.bytes;
const dimTag = (dimField << 3) | wire.bytes;
const keyTag = (1 << 3) | wire.bytes;
const valueTag = (2 << 3) | wire.bytes;
const dtypeTag = dtypeField << 3;
/** DT_STRING. */
const stringNumber = 7;

/** The first byte behind a varint. */
function behindVarint(bytes: Uint8Array, at: number): number {
  let end = at;
  while ((bytes[end] as number) >= 0x80) end++;
  return end + 1;
}

/**
 * Whether the first input of a PredictRequest may be a string without a dimension. Looks at a few bytes and makes
 * nothing: what is not written in the order of the fields, as all encoders do, or is not here yet, may be anything.
 * @param at where its model_spec ends, or 0
 * @param complete nothing follows these bytes
 */
export function mayBeScalarText(bytes: Uint8Array, at: number, complete: boolean): boolean {
  if (at >= bytes.length) return !complete;
  if (bytes[at] !== inputsTag) return true;
  const key = behindVarint(bytes, at + 1);
  if (bytes[key] !== keyTag) return true;
  // names are shorter than 128 bytes; that of another is not looked behind
  const value = key + 2 + (bytes[key + 1] as number);
  if (bytes[value] !== valueTag || (bytes[key + 1] as number) >= 0x80) return true;
  const tensor = behindVarint(bytes, value + 1);
  if (bytes[tensor] !== dtypeTag) return true;
  const dtype = bytes[tensor + 1];
  if (dtype !== stringNumber) return dtype === undefined;
  if (bytes[tensor + 2] !== shapeTag) return true;
  return bytes[tensor + 3] === undefined || bytes[tensor + 3] === 0 || bytes[tensor + 4] !== dimTag;
}

/** A tensor without its values. */
export interface TensorOutline {
  /** DataType. */
  readonly dtypeNumber: number;
  readonly shape: readonly number[];
}

function outlineOf(reader: Reader): TensorOutline {
  let dtypeNumber = 0;
  const shape: ShapeProto = { dims: [], unknownRank: false };
  while (reader.next()) {
    if (reader.is(dtypeField, wire.varint)) dtypeNumber = reader.int32();
    else if (reader.is(shapeField, wire.bytes)) readShape(reader.message(), shape);
    else reader.skip();
  }
  return { dtypeNumber, shape: shape.dims };
}

/**
 * The inputs of a PredictRequest by name; undefined when two readers could take them differently: a name that comes
 * twice, an entry with a field that it should not have.
 * @throws StatusError INVALID_ARGUMENT for what is no protobuf message
 */
export function readInputOutlines(message: Uint8Array): Map<string, TensorOutline> | undefined {
  const inputs = new Map<string, TensorOutline>();
  const reader = new Reader(message);
  while (reader.next()) {
    if (!reader.is(inputsField, wire.bytes)) {
      reader.skip();
      continue;
    }
    const { key, value, odd } = readMapEntry(reader.message());
    if (odd || inputs.has(key)) return undefined;
    checkEntries(inputs.size, 'tensors');
    inputs.set(key, outlineOf(value));
  }
  return inputs;
}

/** A TensorShapeProto.Dim of this size. */
function dimOf(size: number): Uint8Array {
  return size === 0 ? new Uint8Array(0) : new Writer().tag(1, wire.varint).varint(size).finish();
}

function sizeOf(dim: Uint8Array): number {
  const reader = new Reader(dim);
  let size = 0;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) size = Number(reader.int64());
    else reader.skip();
  }
  return size;
}

/** @returns the dimensions that it shall have, or undefined when it stays as it is */
type Change = (name: string, dims: readonly Uint8Array[]) => readonly Uint8Array[] | undefined;

/** A TensorProto with other dimensions; its values are views. */
function reshaped(proto: Uint8Array, dims: readonly Uint8Array[]): Writer {
  const shape = new Writer();
  for (const dim of dims) shape.bytes(dimField, dim);
  const writer = new Writer();
  const reader = new Reader(proto);
  for (let at = 0; reader.next(); at = reader.at) {
    const isShape = reader.is(shapeField, wire.bytes);
    reader.skip();
    if (!isShape) writer.raw(proto.subarray(at, reader.at));
  }
  return writer.message(shapeField, shape);
}

function dimsIn(proto: Uint8Array): Uint8Array[] {
  const dims: Uint8Array[] = [];
  const reader = new Reader(proto);
  while (reader.next()) {
    if (!reader.is(shapeField, wire.bytes)) {
      reader.skip();
      continue;
    }
    const shape = reader.message();
    while (shape.next()) {
      if (shape.is(dimField, wire.bytes)) dims.push(shape.slice());
      else shape.skip();
    }
  }
  return dims;
}

function withShapes(message: Uint8Array, field: number, change: Change): Uint8Array[] {
  const writer = new Writer();
  const reader = new Reader(message);
  for (let at = 0; reader.next(); at = reader.at) {
    if (reader.is(field, wire.bytes)) {
      const { key, value } = readMapEntry(reader.message());
      const proto = value.bytes.subarray(value.at, value.end);
      const dims = change(key, dimsIn(proto));
      reader.at = at;
      reader.next();
      if (dims !== undefined) {
        reader.skip();
        writer.message(field, new Writer().string(1, key).message(2, reshaped(proto, dims)));
        continue;
      }
    }
    reader.skip();
    writer.raw(message.subarray(at, reader.at));
  }
  return writer.chunks();
}

/** The PredictRequest with a dimension of 1 before those of every input. In pieces, the values as views. */
export function withLeadingDimension(message: Uint8Array): Uint8Array[] {
  const one = dimOf(1);
  return withShapes(message, inputsField, (_name, dims) => [one, ...dims]);
}

/**
 * The PredictResponse without the leading dimension of those outputs in which it is 1. In pieces, the values as views.
 * @param drops whether an output's leading dimension may go
 */
export function withoutLeadingDimension(message: Uint8Array, drops: (name: string) => boolean): Uint8Array[] {
  return withShapes(message, outputsField, (name, dims) => {
    const [first, ...rest] = dims;
    return first !== undefined && sizeOf(first) === 1 && drops(name) ? rest : undefined;
  });
}
