/** TensorProto (tensor.proto) to Tensor: every legal encoding of a value becomes the same canonical bytes. */
import { Code, StatusError } from '../../../base/status.ts';
import { type DType, dtypeOf, enumName, widthOf } from '../../dtype.ts';
import { defaultMaxTensorBytes, type Tensor } from '../../tensor.ts';
import { malformed, Reader, wire } from '../reader.ts';
import { addValues, TypedValues } from '../typed-values.ts';

/** TensorFlow's own bound (TensorShape::MaxDimensions). */
const maxRank = 254;
/** What a place in a list of byte strings takes: a shape may ask for any number of copies of the last value. */
const stringBytes = 16;

/** tensor.proto: which field holds the values of a dtype. */
const valueField: Readonly<Partial<Record<DType, number>>> = {
  float: 5,
  double: 6,
  int32: 7,
  uint8: 7,
  int16: 7,
  int8: 7,
  uint16: 7,
  qint8: 7,
  quint8: 7,
  qint32: 7,
  qint16: 7,
  quint16: 7,
  string: 8,
  complex64: 9,
  int64: 10,
  bool: 11,
  complex128: 12,
  half: 13,
  bfloat16: 13,
  uint32: 16,
  uint64: 17,
};

function decodeDim(reader: Reader): bigint {
  let size = 0n;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) size = reader.int64();
    else reader.skip();
  }
  return size;
}

/** TensorShapeProto as far as it has come: a field of it that comes in pieces adds to what was there. */
export interface ShapeProto {
  readonly dims: number[];
  unknownRank: boolean;
}

/** Reads a piece of a TensorShapeProto. Dimensions are not checked. */
export function readShape(reader: Reader, into: ShapeProto): void {
  const { dims } = into;
  while (reader.next()) {
    if (reader.is(2, wire.bytes)) {
      if (dims.length >= maxRank) throw malformed(`a shape has more than ${maxRank} dimensions`);
      dims.push(Number(decodeDim(reader.message())));
    } else if (reader.is(3, wire.varint)) into.unknownRank = reader.bool();
    else reader.skip();
  }
}

function elements(shape: readonly number[], width: number, maxBytes: number): number {
  let count = 1;
  for (const size of shape) {
    if (size < 0) throw malformed(`a tensor has the negative dimension ${size}`);
    count *= size;
  }
  const bytes = count * (width === 0 ? stringBytes : width);
  if (!(bytes <= maxBytes)) {
    throw new StatusError(
      Code.RESOURCE_EXHAUSTED,
      `a tensor of shape [${shape.slice(0, 8).join(',')}] takes ${bytes} bytes, the limit is ${maxBytes} bytes`,
    );
  }
  // beside a 0 it takes no memory, but it would be another one
  const unsafe = shape.find((size) => !Number.isSafeInteger(size));
  if (unsafe !== undefined) throw malformed(`a tensor has the dimension ${unsafe}, which is beyond 2^53`);
  return count;
}

function stringsOfContent(content: Uint8Array, count: number): Uint8Array[] {
  const reader = new Reader(content);
  const lengths: number[] = [];
  for (let i = 0; i < count; i++) lengths.push(reader.uint32());
  let at = reader.at;
  const values = lengths.map((length) => {
    if (content.length - at < length) throw malformed('tensor_content is shorter than its strings');
    return content.subarray(at, (at += length));
  });
  if (at !== content.length) throw malformed('tensor_content is longer than its strings');
  return values;
}

const empty = new Uint8Array(0);

/**
 * Reads a TensorProto. Bytes of the result may be a view on the message.
 * @param maxBytes the most that the tensor may take once every value is written out
 * @throws StatusError INVALID_ARGUMENT when TensorFlow could not parse it either, RESOURCE_EXHAUSTED beyond the limit
 */
export function decodeTensor(message: Uint8Array | Reader, maxBytes = defaultMaxTensorBytes): Tensor {
  const reader = message instanceof Reader ? message : new Reader(message);
  const start = reader.at;
  let number = 0;
  // a tensor has the dimensions that are listed: TensorFlow does not look at unknown_rank here
  const shapeProto: ShapeProto = { dims: [], unknownRank: false };
  let content: Uint8Array = empty;
  let strings: Uint8Array[] = [];
  let typed = false;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) number = reader.int32();
    else if (reader.is(2, wire.bytes)) readShape(reader.message(), shapeProto);
    else if (reader.is(4, wire.bytes)) content = reader.slice();
    else if (reader.is(8, wire.bytes)) strings.push(reader.slice());
    else {
      typed ||= reader.field >= 5 && reader.field <= 17;
      reader.skip();
    }
  }
  const dtype = dtypeOf(number);
  const field = dtype === undefined ? undefined : valueField[dtype];
  if (dtype === undefined || field === undefined) {
    const name = dtype === undefined ? String(number) : enumName(dtype);
    throw new StatusError(Code.INVALID_ARGUMENT, `tensors of dtype ${name} cannot be read`);
  }
  const shape = shapeProto.dims;
  const width = widthOf(dtype);
  const count = elements(shape, width, maxBytes);
  if (dtype === 'string') {
    if (content.length > 0) return { dtype, shape, values: stringsOfContent(content, count) };
    if (strings.length > count) strings = strings.slice(0, count);
    const last = strings.at(-1) ?? empty;
    while (strings.length < count) strings.push(last);
    return { dtype, shape, values: strings };
  }
  if (content.length > 0) {
    if (content.length !== count * width) {
      throw malformed(
        `tensor_content has ${content.length} bytes, ${enumName(dtype)} of shape [${shape.join(',')}] takes ${count * width}`,
      );
    }
    return { dtype, shape, bytes: content };
  }
  const values = new TypedValues(dtype, count * width);
  // they may stand before the dtype and the shape that say what they are
  if (typed) addValues(new Reader(reader.bytes, start, reader.end), field, values);
  return { dtype, shape, bytes: values.repeated() };
}
