/** Output tensors as the JSON of a REST predict reply, in the form that the request had. */
import { Buffer } from 'node:buffer';
import { Code, StatusError } from '../../call/index.ts';
import { elementsOf, type NamedTensors, type Tensor } from '../tensor.ts';
import { ByteWriter } from './byte-writer.ts';
import { formatFloat32, formatFloat64, halfValue } from './format-float.ts';
import type { PredictFormat } from './predict-decoder.ts';
import { invalid } from './scanner.ts';

/** Writes the i-th value of a tensor. */
type WriteValue = (i: number) => void;

function valueWriter(out: ByteWriter, name: string, tensor: Tensor): WriteValue {
  if (tensor.dtype === 'string') {
    const { values } = tensor;
    // TensorFlow Serving's rule: the output's name says whether strings are binary
    if (name.endsWith('_bytes')) {
      return (i) => {
        out.text(`{"b64":"${Buffer.from(values[i] as Uint8Array).toString('base64')}"}`);
      };
    }
    return (i) => {
      out.string(values[i] as Uint8Array);
    };
  }
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text =
    (read: (i: number) => string): WriteValue =>
    (i) => {
      out.text(read(i));
    };
  switch (tensor.dtype) {
    case 'float':
      return text((i) => formatFloat32(view.getFloat32(i * 4, true)));
    case 'double':
      return text((i) => formatFloat64(view.getFloat64(i * 8, true)));
    case 'half':
      return text((i) => formatFloat32(halfValue(view.getUint16(i * 2, true))));
    case 'bfloat16': {
      const widened = new DataView(new ArrayBuffer(4));
      return text((i) => {
        widened.setUint32(0, view.getUint16(i * 2, true) * 65_536);
        return formatFloat32(widened.getFloat32(0));
      });
    }
    case 'int8':
      return text((i) => String(view.getInt8(i)));
    case 'uint8':
      return text((i) => String(view.getUint8(i)));
    case 'int16':
      return text((i) => String(view.getInt16(i * 2, true)));
    case 'uint16':
      return text((i) => String(view.getUint16(i * 2, true)));
    case 'int32':
      return text((i) => String(view.getInt32(i * 4, true)));
    case 'uint32':
      return text((i) => String(view.getUint32(i * 4, true)));
    case 'int64':
      return text((i) => String(view.getBigInt64(i * 8, true)));
    case 'uint64':
      return text((i) => String(view.getBigUint64(i * 8, true)));
    case 'bool':
      return text((i) => (view.getUint8(i) === 0 ? 'false' : 'true'));
    default: {
      const { dtype } = tensor;
      return () => {
        throw invalid(`Failed to write JSON value for tensor type: ${dtype}`);
      };
    }
  }
}

/** Nested lists of `shape`, from value `first` on. Iterative: a shape may have 254 dimensions. */
function writeNested(out: ByteWriter, shape: readonly number[], first: number, value: WriteValue): void {
  const rank = shape.length;
  if (rank === 0) {
    value(first);
    return;
  }
  const innermost = shape[rank - 1] as number;
  let next = first;
  const writeRun = (): void => {
    for (let i = 0; i < innermost; i++) {
      if (i > 0) out.byte(0x2c);
      value(next++);
    }
  };
  const index = new Array<number>(rank).fill(0);
  let level = 0;
  for (;;) {
    // down to the innermost list, or to an empty one
    while (level < rank - 1 && (shape[level] as number) > 0) {
      out.byte(0x5b);
      index[++level] = 0;
    }
    out.byte(0x5b);
    if (level === rank - 1) writeRun();
    out.byte(0x5d);
    // up to the next list that is not finished
    for (;;) {
      if (level === 0) return;
      level--;
      index[level] = (index[level] as number) + 1;
      if ((index[level] as number) < (shape[level] as number)) {
        out.byte(0x2c);
        index[++level] = 0;
        break;
      }
      out.byte(0x5d);
    }
  }
}

function rowsOf(outputs: NamedTensors): number {
  let rows: number | undefined;
  for (const [name, { shape }] of outputs) {
    const [size] = shape;
    if (size === undefined) throw invalid(`Tensor name: ${name} has no shape information `);
    rows ??= size;
    if (size !== rows)
      throw invalid(`Tensor name: ${name} has inconsistent batch size: ${size} expecting: ${rows}`);
  }
  return rows ?? 0;
}

/**
 * The body of a reply, in slices.
 * @throws StatusError INVALID_ARGUMENT when the outputs do not fit the row form, or cannot be written
 */
export function encodePredictJson(outputs: NamedTensors, format: PredictFormat): Uint8Array[] {
  if (outputs.size === 0) throw invalid('Cannot convert empty tensor map to JSON');
  for (const [name, tensor] of outputs) {
    const count = tensor.dtype === 'string' ? tensor.values.length : undefined;
    if (count !== undefined && count !== elementsOf(tensor.shape))
      throw new StatusError(Code.INTERNAL, `output ${name} does not fill its shape`);
  }
  const out = new ByteWriter();
  const single = outputs.size === 1;
  if (format === 'columnar') {
    out.text('{"outputs":');
    writeColumns(out, outputs, single);
  } else {
    out.text('{"predictions":[');
    writeRows(out, outputs, single);
    out.text(']');
  }
  out.text('}');
  return out.finish();
}

function writeColumns(out: ByteWriter, outputs: NamedTensors, single: boolean): void {
  let first = true;
  for (const [name, tensor] of outputs) {
    if (!single) {
      out.text(first ? '{' : ',');
      out.string(Buffer.from(name));
      out.text(':');
    }
    first = false;
    writeNested(out, tensor.shape, 0, valueWriter(out, name, tensor));
  }
  if (!single) out.text('}');
}

function writeRows(out: ByteWriter, outputs: NamedTensors, single: boolean): void {
  const rows = rowsOf(outputs);
  const columns = [...outputs].map(([name, tensor]) => {
    const shape = tensor.shape.slice(1);
    return { key: Buffer.from(name), shape, size: elementsOf(shape), value: valueWriter(out, name, tensor) };
  });
  for (let row = 0; row < rows; row++) {
    if (row > 0) out.byte(0x2c);
    if (!single) out.byte(0x7b);
    columns.forEach(({ key, shape, size, value }, i) => {
      if (!single) {
        if (i > 0) out.byte(0x2c);
        out.string(key);
        out.byte(0x3a);
      }
      writeNested(out, shape, row * size, value);
    });
    if (!single) out.byte(0x7d);
  }
}
