/**
 * PredictResponse with every value in its typed field, as TF Serving answers by default (tensor.proto: which field a
 * dtype uses). The codec writes tensor_content; clients and the gateway must read both, so the demo servers write both.
 */
import {
  type DType,
  dtypes,
  encodeModelSpec,
  type NumericTensor,
  type PredictResponse,
  type Tensor,
} from '../codec/index.ts';

/** Field numbers of tensor.proto, and how values stand in them. */
type Layout = { readonly field: number; readonly write: (tensor: NumericTensor) => Uint8Array };

/** The tensor's own bytes are the packed field: fixed-width little-endian, or one-byte varints. */
const asIs = (tensor: NumericTensor): Uint8Array => tensor.bytes;

type ReadElement = (view: DataView, offset: number) => number | bigint;

function varints(width: number, read: ReadElement): (tensor: NumericTensor) => Uint8Array {
  return ({ bytes }) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const out = new VarintWriter((bytes.length / width) * 2);
    for (let at = 0; at < bytes.length; at += width) out.write(read(view, at));
    return out.done();
  };
}

const int8 = varints(1, (view, at) => view.getInt8(at));
const uint8 = varints(1, (view, at) => view.getUint8(at));
const int16 = varints(2, (view, at) => view.getInt16(at, true));
const uint16 = varints(2, (view, at) => view.getUint16(at, true));
const int32 = varints(4, (view, at) => view.getInt32(at, true));

const layouts: Readonly<Partial<Record<DType, Layout>>> = {
  float: { field: 5, write: asIs },
  double: { field: 6, write: asIs },
  int32: { field: 7, write: int32 },
  uint8: { field: 7, write: uint8 },
  int16: { field: 7, write: int16 },
  int8: { field: 7, write: int8 },
  qint8: { field: 7, write: int8 },
  quint8: { field: 7, write: uint8 },
  qint16: { field: 7, write: int16 },
  quint16: { field: 7, write: uint16 },
  qint32: { field: 7, write: int32 },
  uint16: { field: 7, write: uint16 },
  complex64: { field: 9, write: asIs },
  int64: { field: 10, write: varints(8, (view, at) => view.getBigInt64(at, true)) },
  bool: { field: 11, write: asIs },
  complex128: { field: 12, write: asIs },
  half: { field: 13, write: uint16 },
  bfloat16: { field: 13, write: uint16 },
  uint32: { field: 16, write: varints(4, (view, at) => view.getUint32(at, true)) },
  uint64: { field: 17, write: varints(8, (view, at) => view.getBigUint64(at, true)) },
};

/** Varints of numbers up to 2^53 and of 64-bit bigints; negatives take ten bytes (two's complement). */
class VarintWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(expected: number) {
    this.#bytes = new Uint8Array(Math.max(16, expected));
  }

  write(value: number | bigint): void {
    if (this.#length + 10 > this.#bytes.length) {
      const wider = new Uint8Array(this.#bytes.length * 2 + 10);
      wider.set(this.#bytes);
      this.#bytes = wider;
    }
    if (typeof value === 'number' && value >= 0) this.#small(value);
    else this.#big(BigInt.asUintN(64, BigInt(value)));
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #small(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  #big(value: bigint): void {
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
  }
}

function varint(value: number | bigint): Uint8Array {
  const out = new VarintWriter(10);
  out.write(value);
  return out.done();
}

/** Tag, length and bytes of a length-delimited field. */
function delimited(field: number, chunks: readonly Uint8Array[]): Uint8Array[] {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return [varint((field << 3) | 2), varint(length), ...chunks];
}

function tensorChunks(tensor: Tensor): Uint8Array[] {
  const dims = tensor.shape.flatMap((size) =>
    delimited(2, size === 0 ? [] : [Uint8Array.of(8), varint(size)]),
  );
  const head = [Uint8Array.of(8), varint(dtypes[tensor.dtype].number), ...delimited(2, dims)];
  if (tensor.dtype === 'string') {
    return [...head, ...tensor.values.flatMap((value) => delimited(8, [value]))];
  }
  const layout = layouts[tensor.dtype];
  if (layout === undefined) return head;
  const packed = layout.write(tensor);
  return packed.length === 0 ? head : [...head, ...delimited(layout.field, [packed])];
}

/** The chunks of a tensorflow.serving.PredictResponse (outputs 1, model_spec 2). */
export function encodeTypedPredictResponse(response: PredictResponse): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (const [name, tensor] of response.outputs) {
    const entry = [...delimited(1, [Buffer.from(name, 'utf8')]), ...delimited(2, tensorChunks(tensor))];
    chunks.push(...delimited(1, entry));
  }
  if (response.spec !== undefined) chunks.push(...delimited(2, [encodeModelSpec(response.spec)]));
  return chunks;
}
