/** tensorflow.TensorProto: tensors to and from the wire (tensor.proto). */
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from './half.ts';
import { fields, integers, Writer } from './protobuf.ts';
import { allocate, type DType, dtypes, sizeOf, type Tensor } from './tensor.ts';

const byNumber = new Map(Object.entries(dtypes).map(([name, [number]]) => [number, name as DType]));

/**
 * The dtype of a DataType number.
 * @throws Error for one that JavaScript has no array for (complex, quantized, resource)
 */
export function dtypeOfNumber(number: number): DType {
  const dtype = byNumber.get(number);
  if (dtype === undefined)
    throw new Error(`the reply has a tensor of DataType ${number}, which this client does not know`);
  return dtype;
}

export function encodeTensor({ dtype, shape, data }: Tensor): Writer {
  const dims = new Writer();
  for (const size of shape) dims.message(2, new Writer().integer(1, size));
  const proto = new Writer().integer(1, dtypes[dtype][0]).message(2, dims);
  if (dtype === 'string') for (const bytes of data) proto.bytes(8, bytes);
  else if (data.length > 0) proto.bytes(4, contentOf(dtype, data));
  return proto;
}

/** Little-endian elements, as tensor_content has them; every engine with typed arrays of note is little-endian. */
function contentOf(dtype: DType, data: Exclude<Tensor['data'], Uint8Array[]>): Uint8Array {
  const narrow = dtype === 'float16' ? toHalf : dtype === 'bfloat16' ? toBfloat16 : undefined;
  const packed = narrow === undefined ? data : Uint16Array.from(data as Float32Array, narrow);
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}

/** What a TensorProto holds: raw bytes, or values in one of the typed fields. */
interface Parts {
  dtype: number;
  shape: number[];
  content: Uint8Array | undefined;
  strings: Uint8Array[];
  /** float_val or double_val, as they came. */
  floats: { bytes: Uint8Array; width: 4 | 8 }[];
  integers: bigint[];
}

/** @throws Error when the bytes do not fit the shape */
export function decodeTensor(message: Uint8Array): Tensor {
  const parts = read(message);
  const dtype = dtypeOfNumber(parts.dtype);
  const { shape } = parts;
  const size = sizeOf(shape);
  if (dtype === 'string') return { dtype, shape, data: fill(parts.strings, size) };
  const width = dtypes[dtype][1];
  if (parts.content !== undefined) {
    if (parts.content.length !== size * width)
      throw new Error(
        `a ${dtype} tensor of shape [${shape.join(', ')}] came with ${parts.content.length} bytes instead of ${size * width}`,
      );
    return { dtype, shape, data: fromContent(dtype, parts.content) } as Tensor;
  }
  return { dtype, shape, data: fromValues(dtype, size, parts) } as Tensor;
}

function read(message: Uint8Array): Parts {
  const parts: Parts = { dtype: 0, shape: [], content: undefined, strings: [], floats: [], integers: [] };
  for (const field of fields(message)) {
    switch (field.number) {
      case 1:
        parts.dtype = Number(field.integer);
        break;
      case 2:
        parts.shape = decodeShape(field.bytes) ?? [];
        break;
      case 4:
        if (field.bytes.length > 0) parts.content = field.bytes;
        break;
      case 5:
      case 6:
        parts.floats.push({ bytes: field.bytes, width: field.number === 5 ? 4 : 8 });
        break;
      case 8:
        parts.strings.push(field.bytes);
        break;
      // int_val, int64_val, bool_val, half_val, uint32_val, uint64_val
      case 7:
      case 10:
      case 11:
      case 13:
      case 16:
      case 17:
        parts.integers.push(...integers(field));
        break;
      default:
    }
  }
  return parts;
}

/** The sizes of a TensorShapeProto, -1 for an open one; undefined when even the rank is open. */
export function decodeShape(message: Uint8Array): number[] | undefined {
  const shape: number[] = [];
  for (const { number, bytes, integer } of fields(message)) {
    if (number === 3 && integer !== 0n) return undefined;
    if (number !== 2) continue;
    let size = 0;
    for (const dim of fields(bytes)) if (dim.number === 1) size = Number(BigInt.asIntN(64, dim.integer));
    shape.push(size);
  }
  return shape;
}

/** A copy, because bytes inside a message are not aligned for a typed array. */
function fromContent(dtype: DType, content: Uint8Array): Tensor['data'] {
  const { buffer } = content.slice();
  const views: Partial<Record<DType, () => Tensor['data']>> = {
    float16: () => Float32Array.from(new Uint16Array(buffer), fromHalf),
    bfloat16: () => Float32Array.from(new Uint16Array(buffer), fromBfloat16),
  };
  const view = views[dtype];
  if (view !== undefined) return view();
  const array = allocate(dtype, 0) as Float32Array;
  return new (array.constructor as Float32ArrayConstructor)(buffer);
}

/** Values one by one; fewer than the shape wants means that the last one repeats (tensor.proto). */
function fromValues(dtype: DType, size: number, parts: Parts): Tensor['data'] {
  const data = allocate(dtype, size) as Float32Array | BigInt64Array;
  const values = parts.floats.length > 0 ? floatsOf(parts.floats) : narrowed(dtype, parts.integers);
  if (values.length > size) throw new Error(`a tensor of ${size} elements came with ${values.length} values`);
  for (let i = 0; i < size && values.length > 0; i++)
    data[i] = values[Math.min(i, values.length - 1)] as never;
  return data;
}

function floatsOf(runs: Parts['floats']): number[] {
  return runs.flatMap(({ bytes, width }) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: bytes.length / width }, (_, i) =>
      width === 4 ? view.getFloat32(i * 4, true) : view.getFloat64(i * 8, true),
    );
  });
}

function narrowed(dtype: DType, values: readonly bigint[]): (number | bigint)[] {
  if (dtype === 'int64' || dtype === 'uint64') return [...values];
  const numbers = values.map((value) => Number(BigInt.asIntN(64, value)));
  if (dtype === 'float16') return numbers.map(fromHalf);
  return dtype === 'bfloat16' ? numbers.map(fromBfloat16) : numbers;
}

function fill(strings: Uint8Array[], size: number): Uint8Array[] {
  if (strings.length === size) return strings;
  if (strings.length > size)
    throw new Error(`a tensor of ${size} elements came with ${strings.length} strings`);
  const last = strings.at(-1) ?? new Uint8Array(0);
  return Array.from({ length: size }, (_, i) => strings[i] ?? last);
}
