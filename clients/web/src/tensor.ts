/** Tensors as JavaScript has them: a dtype, a shape, and a typed array in row-major order. */

interface Arrays {
  float32: Float32Array;
  float64: Float64Array;
  /** 16-bit floats are widened, since not every engine has an array for them. */
  float16: Float32Array;
  bfloat16: Float32Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  /** 0 or 1. */
  bool: Uint8Array;
  /** Byte strings; {@link texts} reads them as UTF-8. */
  string: Uint8Array[];
}

export type DType = keyof Arrays;

/** A tensor; testing `dtype` tells the type of `data`. */
export type Tensor = {
  [D in DType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: Arrays[D] };
}[DType];

type Scalar = number | bigint | boolean | string;
type TypedArray = Exclude<Tensor['data'], Uint8Array[]> | Uint8ClampedArray;

/** What `predict` takes for an input: a tensor, a typed array (one dimension), or nested arrays of plain values. */
export type TensorLike = Tensor | TypedArray | Scalar | readonly TensorLike[];

/**
 * Of each dtype: tensorflow.DataType (types.proto), bytes of an element (0: no fixed size), and the array it lives
 * in.
 */
export const dtypes: Readonly<Record<DType, readonly [number: number, width: number]>> = {
  float32: [1, 4],
  float64: [2, 8],
  int32: [3, 4],
  uint8: [4, 1],
  int16: [5, 2],
  int8: [6, 1],
  string: [7, 0],
  int64: [9, 8],
  bool: [10, 1],
  bfloat16: [14, 2],
  uint16: [17, 2],
  float16: [19, 2],
  uint32: [22, 4],
  uint64: [23, 8],
};

/** Room for so many elements, zeroed. */
export function allocate<D extends DType>(dtype: D, length: number): Arrays[D] {
  const arrays: { [K in DType]: () => Arrays[K] } = {
    float32: () => new Float32Array(length),
    float64: () => new Float64Array(length),
    float16: () => new Float32Array(length),
    bfloat16: () => new Float32Array(length),
    int8: () => new Int8Array(length),
    int16: () => new Int16Array(length),
    int32: () => new Int32Array(length),
    int64: () => new BigInt64Array(length),
    uint8: () => new Uint8Array(length),
    uint16: () => new Uint16Array(length),
    uint32: () => new Uint32Array(length),
    uint64: () => new BigUint64Array(length),
    bool: () => new Uint8Array(length),
    string: () => Array.from({ length }, () => new Uint8Array(0)),
  };
  return arrays[dtype]();
}

/** The dtype that a typed array is meant as. */
function dtypeOfArray(array: TypedArray): DType {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return 'uint8';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Int16Array) return 'int16';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Uint16Array) return 'uint16';
  if (array instanceof Uint32Array) return 'uint32';
  return 'uint64';
}

const isTyped = (value: unknown): value is TypedArray =>
  ArrayBuffer.isView(value) && !(value instanceof DataView);
const isTensor = (value: unknown): value is Tensor =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value && 'data' in value;

export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, dim) => size * dim, 1);

/**
 * Makes a tensor.
 * @param value a typed array, a plain value, or nested arrays of either; rows must have equal lengths
 * @param options dtype: float32 for plain numbers, int64 for bigints when absent; shape: as the value nests when absent
 * @throws TypeError when the rows differ, a value does not fit the dtype, or the shape does not fit the values
 */
export function tensor(
  value: TensorLike,
  options: { dtype?: DType; shape?: readonly number[] } = {},
): Tensor {
  if (isTensor(value)) return reshaped(value, options.shape);
  const dtype = options.dtype ?? dtypeOf(value);
  // a Uint8Array is one element of a string tensor and a row of any other
  const isLeaf = (item: TensorLike): boolean => dtype === 'string' && item instanceof Uint8Array;
  const shape = shapeOf(value, isLeaf);
  const size = sizeOf(shape);
  if (
    isTyped(value) &&
    !isLeaf(value) &&
    dtypeOfArray(value) === dtype &&
    !(value instanceof Uint8ClampedArray)
  )
    return reshaped({ dtype, shape, data: value } as Tensor, options.shape);
  const data = allocate(dtype, size);
  let at = 0;
  const fill = (item: TensorLike, depth: number): void => {
    if (depth === shape.length) data[at++] = element(dtype, item as Scalar);
    else {
      const row = item as ArrayLike<TensorLike>;
      if (isLeaf(item) || row.length !== shape[depth])
        throw new TypeError(`the rows of a tensor must have equal lengths (${String(shape[depth])} here)`);
      for (let i = 0; i < row.length; i++) fill(row[i] as TensorLike, depth + 1);
    }
  };
  fill(value, 0);
  return reshaped({ dtype, shape, data } as Tensor, options.shape);
}

/** The elements of a string tensor as UTF-8 text. @throws TypeError for any other dtype */
export function texts({ dtype, data }: Tensor): string[] {
  if (dtype !== 'string') throw new TypeError(`a ${dtype} tensor has no text`);
  const decoder = new TextDecoder();
  return data.map((bytes) => decoder.decode(bytes));
}

function reshaped(tensor: Tensor, shape: readonly number[] | undefined): Tensor {
  const wanted = shape ?? tensor.shape;
  if (sizeOf(wanted) !== tensor.data.length)
    throw new TypeError(`${tensor.data.length} values do not fit the shape [${wanted.join(', ')}]`);
  return { ...tensor, shape: wanted };
}

function dtypeOf(value: TensorLike): DType {
  let first: TensorLike | undefined = value;
  while (Array.isArray(first)) first = (first as readonly TensorLike[])[0];
  if (isTyped(first)) return dtypeOfArray(first);
  switch (typeof first) {
    case 'string':
      return 'string';
    case 'bigint':
      return 'int64';
    case 'boolean':
      return 'bool';
    default:
      return 'float32';
  }
}

function shapeOf(value: TensorLike, isLeaf: (item: TensorLike) => boolean): number[] {
  const shape: number[] = [];
  let item: TensorLike | undefined = value;
  while (item !== undefined && !isLeaf(item) && (Array.isArray(item) || isTyped(item))) {
    shape.push(item.length);
    item = item[0] as TensorLike | undefined;
  }
  return shape;
}

const encoder = new TextEncoder();
const kinds: Partial<Record<DType, string>> = { int64: 'bigint', uint64: 'bigint' };

function element(dtype: DType, value: Scalar | Uint8Array): number | bigint | Uint8Array {
  if (dtype === 'string') {
    if (typeof value === 'string') return encoder.encode(value);
    if (value instanceof Uint8Array) return value;
  } else if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    if (kinds[dtype] !== 'bigint') return Number(value);
    if (typeof value !== 'number' || Number.isInteger(value)) return BigInt(value);
  }
  throw new TypeError(
    `${typeof value === 'object' ? 'an object' : `"${value}"`} is no element of a ${dtype} tensor`,
  );
}
