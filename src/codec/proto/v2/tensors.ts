/**
 * The tensors of ModelInfer: raw_input_contents and raw_output_contents as views, the typed `contents` of others as
 * raw bytes.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { type DType, widthOf } from '../../dtype.ts';
import { joined, type Chunks, chunksLength, type TensorChunks } from '../../tensor-chunks.ts';
import { elementsOf } from '../../tensor.ts';
import { dtypeOfV2, noParameters, v2Of, type V2Parameters } from '../../v2.ts';
import { PieceReader } from '../piece-reader.ts';
import { Reader, wire } from '../reader.ts';
import { addValues, TypedValues } from '../typed-values.ts';
import { Writer } from '../writer.ts';
import { readParameter } from './parameters.ts';

/** What a tensor message says, before its bytes are known. */
export interface TensorHead {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: V2Parameters;
  /** InferTensorContents; absent when the bytes are raw. */
  readonly contents: Chunks | undefined;
}

/** Triton's and TensorFlow's shapes are shorter by far. */
const maxRank = 254;

const invalid = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

/** Reads an InferInputTensor or InferOutputTensor, which the reader has just found. */
export function readTensorHead(reader: PieceReader): TensorHead {
  const outer = reader.enter();
  let name = '';
  let datatype = '';
  const shape: number[] = [];
  let parameters = noParameters;
  let contents: Uint8Array[] | undefined;
  const addSize = (): void => {
    if (shape.length >= maxRank) throw invalid(`tensor ${name} has more than ${maxRank} dimensions`);
    shape.push(Number(reader.int64()));
  };
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) datatype = reader.string();
    else if (reader.is(3, wire.varint)) addSize();
    else if (reader.is(3, wire.bytes)) {
      const list = reader.enter();
      while (reader.left > 0) addSize();
      reader.leave(list);
    } else if (reader.is(4, wire.bytes)) parameters = readParameter(reader, parameters);
    else if (!reader.is(5, wire.bytes)) reader.skip();
    else if (contents === undefined) contents = reader.pieces();
    // the pieces of a message are the message that they make together
    else for (const piece of reader.pieces()) contents.push(piece);
  }
  reader.leave(outer);
  return { name, datatype, shape, parameters, contents };
}

/** Which field of InferTensorContents holds the values of a dtype. */
const contentsField: Readonly<Partial<Record<DType, number>>> = {
  bool: 1,
  int8: 2,
  int16: 2,
  int32: 2,
  int64: 3,
  uint8: 4,
  uint16: 4,
  uint32: 4,
  uint64: 5,
  float: 6,
  double: 7,
  string: 8,
};

interface Sized {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly count: number;
}

/** @throws StatusError INVALID_ARGUMENT for an unknown datatype, a negative size or a tensor beyond the limit */
function sizedOf(head: TensorHead, maxBytes: number): Sized {
  const { name, datatype, shape } = head;
  const dtype = dtypeOfV2(datatype);
  if (dtype === undefined)
    throw invalid(`tensor ${name} has the datatype "${datatype.slice(0, 40)}", which V2 does not have`);
  for (const size of shape) if (size < 0) throw invalid(`tensor ${name} has the negative dimension ${size}`);
  const count = elementsOf(shape);
  const bytes = count * Math.max(1, widthOf(dtype));
  if (!(bytes <= maxBytes)) {
    throw new StatusError(
      Code.RESOURCE_EXHAUSTED,
      `tensor ${name} of shape [${shape.slice(0, 8).join(',')}] takes ${bytes} bytes, the limit is ${maxBytes} bytes`,
    );
  }
  const unsafe = shape.find((size) => !Number.isSafeInteger(size));
  if (unsafe !== undefined) throw invalid(`tensor ${name} has the dimension ${unsafe}, which is beyond 2^53`);
  return { name, dtype, shape, count };
}

function wrongCount({ name, shape, count }: Sized, found: string): StatusError {
  return invalid(`tensor ${name} of shape [${shape.join(',')}] takes ${count} values, got ${found}`);
}

function fromContents(sized: Sized, datatype: string, contents: Chunks): TensorChunks {
  const { dtype, shape, count, name } = sized;
  const field = contentsField[dtype];
  if (field === undefined) throw invalid(`tensor ${name}: ${datatype} has no typed contents, send it raw`);
  const reader = new Reader(joined(contents));
  if (dtype !== 'string') {
    const numbers = new TypedValues(dtype, count * widthOf(dtype));
    addValues(reader, field, numbers);
    const bytes = numbers.exact();
    if (bytes === undefined) throw wrongCount(sized, 'fewer or more');
    return { dtype, shape, pieces: [bytes] };
  }
  const values: Chunks[] = [];
  while (reader.next()) {
    if (reader.field !== field) reader.skip();
    else {
      if (values.length === count) throw wrongCount(sized, 'more');
      values.push([reader.slice()]);
    }
  }
  if (values.length !== count) throw wrongCount(sized, String(values.length));
  return { dtype, shape, values };
}

/** BYTES: each value is a length of four bytes, little endian, and the bytes. */
export function splitStrings(name: string, raw: Chunks, count: number): Chunks[] {
  const reader = new PieceReader(raw);
  const values: Chunks[] = [];
  while (reader.left > 0) {
    if (values.length === count)
      throw invalid(`tensor ${name} holds more than the ${count} strings of its shape`);
    if (reader.left < 4) throw invalid(`tensor ${name}: a string's length is cut short`);
    const size = reader.fixed32();
    if (size > reader.left)
      throw invalid(`tensor ${name}: a string of ${size} bytes is cut short after ${reader.left} bytes`);
    values.push(reader.take(size));
  }
  if (values.length !== count)
    throw invalid(`tensor ${name} takes ${count} strings by its shape, got ${values.length}`);
  return values;
}

/**
 * The tensor that a head and raw bytes make together.
 * @throws StatusError INVALID_ARGUMENT when they do not fit each other
 */
export function rawTensor(head: TensorHead, raw: Chunks, maxBytes: number): TensorChunks {
  const sized = sizedOf(head, maxBytes);
  const { dtype, shape, count, name } = sized;
  if (dtype === 'string') return { dtype, shape, values: splitStrings(name, raw, count) };
  const size = chunksLength(raw);
  const wanted = count * widthOf(dtype);
  if (size !== wanted) {
    throw invalid(
      `tensor ${name} has ${size} raw bytes, ${head.datatype} of shape [${shape.join(',')}] takes ${wanted}`,
    );
  }
  return { dtype, shape, pieces: raw };
}

/** Puts heads and raw contents together. @param raw as many as there are heads, or none */
export function assemble(
  heads: readonly TensorHead[],
  raw: readonly Chunks[],
  maxBytes: number,
): Map<string, TensorChunks> {
  const tensors = new Map<string, TensorChunks>();
  if (raw.length > 0 && raw.length !== heads.length)
    throw invalid(`there are ${heads.length} tensors and ${raw.length} raw contents`);
  heads.forEach((head, i) => {
    if (tensors.has(head.name)) throw invalid(`tensor ${head.name} is there twice`);
    const own = raw[i];
    if (own !== undefined && head.contents !== undefined && chunksLength(head.contents) > 0)
      throw invalid(`tensor ${head.name} has typed and raw contents, only one is allowed`);
    tensors.set(
      head.name,
      own === undefined
        ? fromContents(sizedOf(head, maxBytes), head.datatype, head.contents ?? [new Uint8Array(0)])
        : rawTensor(head, own, maxBytes),
    );
  });
  return tensors;
}

/** A tensor's raw bytes, and how many. */
export function rawOf(tensor: TensorChunks): Chunks {
  if (tensor.dtype !== 'string') return tensor.pieces;
  const writer = new Writer();
  for (const value of tensor.values) {
    writer.fixed32(chunksLength(value));
    for (const piece of value) writer.raw(piece);
  }
  return writer.chunks();
}

/** @throws StatusError INVALID_ARGUMENT for a dtype that V2 lacks */
export function datatypeOf(name: string, dtype: DType): string {
  const datatype = v2Of(dtype);
  if (datatype === undefined) throw invalid(`tensor ${name} is ${dtype}, which the V2 protocol cannot carry`);
  return datatype;
}

/** name, datatype and shape of a tensor message. */
export function tensorHeadWriter(name: string, tensor: TensorChunks): Writer {
  const writer = new Writer().string(1, name).string(2, datatypeOf(name, tensor.dtype));
  if (tensor.shape.length > 0) {
    const sizes = new Writer();
    for (const size of tensor.shape) sizes.varint(size);
    writer.message(3, sizes);
  }
  return writer;
}
