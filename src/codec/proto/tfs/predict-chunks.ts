/**
 * PredictRequest and PredictResponse (predict.proto) without a copy of their tensors: for those who only pass them
 * on.
 */
import { dtypeOf, dtypes } from '../../dtype.ts';
import {
  type Chunks,
  chunksLength,
  chunksOf,
  joined,
  type NamedChunks,
  type TensorChunks,
} from '../../tensor-chunks.ts';
import { elementsOf } from '../../tensor.ts';
import type { ModelSpec } from '../named-model.ts';
import { PieceReader } from '../piece-reader.ts';
import { checkEntries, Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { decodeModelSpec, modelSpecWriter } from './model-spec.ts';
import { decodeTensor, readShape, type ShapeProto } from './tensor-decode.ts';
import { shapeWriter } from './tensor-encode.ts';

export interface PredictChunks {
  readonly spec: ModelSpec | undefined;
  readonly tensors: NamedChunks;
  /** Of a request: the outputs that are wanted; empty means all. */
  readonly outputFilter: readonly string[];
}

/** Which fields of the two messages hold what. */
const request = { spec: 1, tensors: 2, filter: 3 };
/** No field has the number 0: a reply has no filter. */
const response = { spec: 2, tensors: 1, filter: 0 };

/**
 * Reads a TensorProto that arrived in several pieces. One with typed values is joined, since they are read one by one.
 * @throws StatusError as decodeTensor()
 */
function readScattered(proto: Chunks, maxBytes: number | undefined): TensorChunks {
  const reader = new PieceReader(proto);
  let number = 0;
  const shapeProto: ShapeProto = { dims: [], unknownRank: false };
  let content: Chunks | undefined;
  const values: Chunks[] = [];
  let typed = false;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) number = reader.uint32();
    else if (reader.is(2, wire.bytes)) readShape(new Reader(joined(reader.pieces())), shapeProto);
    else if (reader.is(4, wire.bytes)) content = reader.pieces();
    else if (reader.is(8, wire.bytes)) values.push(reader.pieces());
    else {
      typed ||= reader.field >= 5 && reader.field <= 17;
      reader.skip();
    }
  }
  const dtype = dtypeOf(number);
  const shape = shapeProto.dims;
  const count = elementsOf(shape);
  if (dtype === 'string' && content === undefined && values.length === count) return { dtype, shape, values };
  const wanted = dtype === undefined ? 0 : count * dtypes[dtype].width;
  if (
    dtype !== undefined &&
    dtype !== 'string' &&
    !typed &&
    content !== undefined &&
    wanted > 0 &&
    chunksLength(content) === wanted
  )
    return { dtype, shape, pieces: content };
  // whatever else it is, the other reader knows it, or what is wrong with it
  return chunksOf(decodeTensor(joined(proto), maxBytes));
}

function readEntry(reader: PieceReader, into: Map<string, TensorChunks>, maxBytes: number | undefined): void {
  const outer = reader.enter();
  let key = '';
  let proto: Uint8Array[] | undefined;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) key = reader.string();
    else if (!reader.is(2, wire.bytes)) reader.skip();
    else if (proto === undefined) proto = reader.pieces();
    // the pieces of a message are the message that they make together
    else for (const piece of reader.pieces()) proto.push(piece);
  }
  reader.leave(outer);
  if (!into.has(key)) checkEntries(into.size, 'tensors');
  into.set(
    key,
    proto === undefined || proto.length <= 1
      ? chunksOf(decodeTensor(proto?.[0] ?? new Uint8Array(0), maxBytes))
      : readScattered(proto, maxBytes),
  );
}

function decode(message: Chunks, fields: typeof request, maxBytes: number | undefined): PredictChunks {
  const reader = new PieceReader(message);
  let spec: ModelSpec | undefined;
  const tensors = new Map<string, TensorChunks>();
  const outputFilter: string[] = [];
  while (reader.next()) {
    if (reader.is(fields.spec, wire.bytes)) spec = decodeModelSpec(new Reader(joined(reader.pieces())), spec);
    else if (reader.is(fields.tensors, wire.bytes)) readEntry(reader, tensors, maxBytes);
    else if (reader.is(fields.filter, wire.bytes)) {
      checkEntries(outputFilter.length, 'names in its output filter');
      outputFilter.push(reader.string());
    } else reader.skip();
  }
  return { spec, tensors, outputFilter };
}

/** @param maxTensorBytes the most that one tensor may take once every value is written out */
export function decodePredictRequestChunks(message: Chunks, maxTensorBytes?: number): PredictChunks {
  return decode(message, request, maxTensorBytes);
}

/**
 * Decodes a PredictResponse whose tensors are views on the message where their encoding permits.
 * @param maxTensorBytes the most that one tensor may take once every value is written out
 * @throws StatusError as decodeTensor(); INVALID_ARGUMENT for malformed protobuf
 */
export function decodePredictResponseChunks(message: Chunks, maxTensorBytes?: number): PredictChunks {
  return decode(message, response, maxTensorBytes);
}

/** How the tensors of a TensorProto are written: tensor_content and string_val, or what a server insists on. */
export type WriteTensor = (tensor: TensorChunks) => Writer;

/** tensor_content for numbers, string_val for strings. */
export const writeTensorChunks: WriteTensor = (tensor) => {
  const writer = new Writer().int32(1, dtypes[tensor.dtype].number).message(2, shapeWriter(tensor.shape));
  if (tensor.dtype === 'string') for (const value of tensor.values) writer.pieces(8, value);
  else if (chunksLength(tensor.pieces) > 0) writer.pieces(4, tensor.pieces);
  return writer;
};

function encode(predict: PredictChunks, fields: typeof request, write: WriteTensor): Writer {
  const writer = new Writer();
  if (predict.spec !== undefined) writer.message(fields.spec, modelSpecWriter(predict.spec));
  for (const [name, tensor] of predict.tensors)
    writer.message(fields.tensors, new Writer().string(1, name).message(2, write(tensor)));
  for (const name of predict.outputFilter) writer.string(fields.filter, name);
  return writer;
}

/**
 * Encodes a PredictRequest as chunks; the bytes of large tensors are not copied.
 * @param write encodes one TensorProto
 */
export function encodePredictRequestChunks(
  predict: PredictChunks,
  write: WriteTensor = writeTensorChunks,
): Uint8Array[] {
  return encode(predict, request, write).chunks();
}

/** Encodes a PredictResponse as chunks; the bytes of large tensors are not copied. */
export function encodePredictResponseChunks(predict: Omit<PredictChunks, 'outputFilter'>): Uint8Array[] {
  return encode({ ...predict, outputFilter: [] }, response, writeTensorChunks).chunks();
}
