/** Input values as JSON: a sample that fits a signature, and tensors of what somebody typed. */
import type { TensorInfo } from '../../../../clients/web/src/messages.ts';
import { type DType, type Tensor, tensor, type TensorLike } from '../../../../clients/web/src/tensor.ts';

/** Samples with more values than this are no help to type into. */
const maxSampleValues = 100;

/** "float32 [-1, 64]" */
export function infoText({ dtype, shape }: TensorInfo): string {
  return `${dtype} ${shape === undefined ? '[any shape]' : `[${shape.map((size) => (size < 0 ? 'any' : size)).join(', ')}]`}`;
}

/** A small input of the right shape; open sizes become 1, or 3 for a plain row of numbers. */
export function sampleOf(info: TensorInfo): string {
  const { dtype, shape = [-1] } = info;
  const sizes = shape.map((size) => (size >= 0 ? size : shape.length === 1 && dtype !== 'string' ? 3 : 1));
  if (sizes.reduce((all, size) => all * size, 1) > maxSampleValues)
    return nest(sizes, () => (dtype === 'string' ? '""' : '0'));
  let next = 1;
  return nest(sizes, () => {
    if (dtype === 'string') return '"text"';
    return dtype === 'bool' ? 'true' : String(next++);
  });
}

function nest(sizes: readonly number[], value: () => string): string {
  const [size, ...rest] = sizes;
  return size === undefined
    ? value()
    : `[${Array.from({ length: size }, () => nest(rest, value)).join(', ')}]`;
}

/** Integers that a double cannot hold are kept: each number is read from its own digits. */
function parse(text: string, dtype: DType): TensorLike {
  const wide = dtype === 'int64' || dtype === 'uint64';
  const source = wide ? text.replace(/(?<![\w."-])-?\d{16,}(?![\w."])/g, '"$&"') : text;
  return JSON.parse(source, (_key, value: unknown) =>
    wide && typeof value === 'string' && /^-?\d+$/.test(value) ? BigInt(value) : value,
  ) as TensorLike;
}

/** @throws Error that says what is wrong with the text */
export function tensorOf(text: string, { dtype }: TensorInfo): Tensor {
  if (dtype === 'other') throw new Error('this page cannot send tensors of this dtype');
  try {
    return tensor(parse(text, dtype), { dtype });
  } catch (error) {
    throw new Error(`not a ${dtype} tensor: ${(error as Error).message}`, { cause: error });
  }
}

/** The tensor as nested JSON; byte strings that are no UTF-8 text become { "b64": ... }, as REST has them. */
export function jsonOf({ dtype, shape, data }: Tensor): string {
  let at = 0;
  return nest(shape, () => {
    const value = data[at++];
    if (value instanceof Uint8Array) return stringJson(value);
    if (dtype === 'bool') return value === 0 ? 'false' : 'true';
    return dtype === 'float32' ? String(Number((value as number).toPrecision(7))) : String(value);
  });
}

function stringJson(bytes: Uint8Array): string {
  try {
    return JSON.stringify(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    let binary = '';
    for (let i = 0; i < bytes.length; i += 8192)
      binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return `{"b64": "${btoa(binary)}"}`;
  }
}
