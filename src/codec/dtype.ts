/** The element types of tensors: TensorFlow's numbers and names, KServe V2's names, and widths in bytes. */

interface Row {
  /** tensorflow.DataType number (types.proto). */
  readonly number: number;
  /** Bytes per element; 0 for those without a fixed width. */
  readonly width: number;
  /** KServe V2 name; undefined where V2 has none. */
  readonly v2?: string;
}

/** Every DataType by its lower-case name, as TensorFlow prints it in messages. */
export const dtypes = {
  float: { number: 1, width: 4, v2: 'FP32' },
  double: { number: 2, width: 8, v2: 'FP64' },
  int32: { number: 3, width: 4, v2: 'INT32' },
  uint8: { number: 4, width: 1, v2: 'UINT8' },
  int16: { number: 5, width: 2, v2: 'INT16' },
  int8: { number: 6, width: 1, v2: 'INT8' },
  string: { number: 7, width: 0, v2: 'BYTES' },
  complex64: { number: 8, width: 8 },
  int64: { number: 9, width: 8, v2: 'INT64' },
  bool: { number: 10, width: 1, v2: 'BOOL' },
  qint8: { number: 11, width: 1 },
  quint8: { number: 12, width: 1 },
  qint32: { number: 13, width: 4 },
  bfloat16: { number: 14, width: 2, v2: 'BF16' },
  qint16: { number: 15, width: 2 },
  quint16: { number: 16, width: 2 },
  uint16: { number: 17, width: 2, v2: 'UINT16' },
  complex128: { number: 18, width: 16 },
  half: { number: 19, width: 2, v2: 'FP16' },
  resource: { number: 20, width: 0 },
  variant: { number: 21, width: 0 },
  uint32: { number: 22, width: 4, v2: 'UINT32' },
  uint64: { number: 23, width: 8, v2: 'UINT64' },
} as const satisfies Readonly<Record<string, Row>>;

export type DType = keyof typeof dtypes;

const byNumber = new Map<number, DType>(
  (Object.entries(dtypes) as [DType, Row][]).map(([name, row]) => [row.number, name]),
);

/** The dtype of a DataType number, or undefined for one that tensors here cannot have. */
export function dtypeOf(number: number): DType | undefined {
  return byNumber.get(number);
}

/** Bytes per element of a dtype; 0 for string, resource and variant, which have no fixed width. */
export function widthOf(dtype: DType): number {
  return dtypes[dtype].width;
}

/** "DT_FLOAT" for float. */
export function enumName(dtype: DType): string {
  return `DT_${dtype.toUpperCase()}`;
}
