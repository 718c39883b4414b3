/** The messages of TensorFlow Serving's API that inference needs: predict, model status, model metadata. */
import { anyOf } from './errors.ts';
import { entryOf, fields, textOf, Writer } from './protobuf.ts';
import { decodeShape, decodeTensor, dtypeOfNumber, encodeTensor } from './tensor-proto.ts';
import type { DType, Tensor } from './tensor.ts';

/** Which model a call asks for. */
export interface ModelSpec {
  readonly name: string;
  /** A version by number; the newest that is available when there is neither this nor a label. */
  readonly version?: bigint | number;
  /** A version by its label: "stable". */
  readonly label?: string;
  /** "serving_default" when absent. */
  readonly signature?: string;
}

export type VersionStateName = 'UNKNOWN' | 'START' | 'LOADING' | 'AVAILABLE' | 'UNLOADING' | 'END';

export interface VersionStatus {
  readonly version: bigint;
  readonly state: VersionStateName;
  /** Why loading failed; empty otherwise. */
  readonly error: string;
}

/** What a signature says of one of its tensors. */
export interface TensorInfo {
  /** "other" for a type that JavaScript has no array for. */
  readonly dtype: DType | 'other';
  /** -1 for a size that is open; undefined when even the rank is. */
  readonly shape: readonly number[] | undefined;
}

export interface Signature {
  /** "tensorflow/serving/predict" and its like. */
  readonly method: string;
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly outputs: Readonly<Record<string, TensorInfo>>;
}

export interface ModelMetadata {
  readonly version: bigint;
  readonly signatures: Readonly<Record<string, Signature>>;
}

export type Outputs = Readonly<Record<string, Tensor>>;

function encodeSpec({ name, version, label, signature }: ModelSpec): Writer {
  const spec = new Writer().text(1, name);
  if (label !== undefined) spec.text(4, label);
  else if (version !== undefined) spec.message(2, new Writer().integer(1, version));
  return signature === undefined ? spec : spec.text(3, signature);
}

function decodeVersion(spec: Uint8Array): bigint {
  for (const { number, bytes } of fields(spec))
    if (number === 2) for (const inner of fields(bytes)) if (inner.number === 1) return inner.integer;
  return 0n;
}

export function encodePredict(
  spec: ModelSpec,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: readonly string[],
): Writer {
  const request = new Writer().message(1, encodeSpec(spec));
  for (const [name, tensor] of Object.entries(inputs))
    request.message(2, new Writer().text(1, name).message(2, encodeTensor(tensor)));
  for (const name of outputs) request.text(3, name);
  return request;
}

export function decodePredict(message: Uint8Array): { outputs: Outputs; version: bigint } {
  const outputs: Record<string, Tensor> = {};
  let version = 0n;
  for (const { number, bytes } of fields(message)) {
    if (number === 1) {
      const [name, tensor] = entryOf(bytes);
      outputs[name] = decodeTensor(tensor);
    } else if (number === 2) version = decodeVersion(bytes);
  }
  return { outputs, version };
}

export const encodeStatus = (spec: ModelSpec): Writer => new Writer().message(1, encodeSpec(spec));

const states: Readonly<Record<number, VersionStateName>> = {
  10: 'START',
  20: 'LOADING',
  30: 'AVAILABLE',
  40: 'UNLOADING',
  50: 'END',
};

export function decodeStatus(message: Uint8Array): VersionStatus[] {
  const versions: VersionStatus[] = [];
  for (const { number, bytes } of fields(message)) {
    if (number !== 1) continue;
    let version = 0n;
    let state = 0;
    let error = '';
    for (const field of fields(bytes)) {
      if (field.number === 1) version = field.integer;
      else if (field.number === 2) state = Number(field.integer);
      else if (field.number === 3)
        for (const part of fields(field.bytes)) if (part.number === 2) error = textOf(part.bytes);
    }
    versions.push({ version, state: states[state] ?? 'UNKNOWN', error });
  }
  return versions;
}

export const encodeMetadata = (spec: ModelSpec): Writer => encodeStatus(spec).text(2, 'signature_def');

export function decodeMetadata(message: Uint8Array): ModelMetadata {
  const signatures: Record<string, Signature> = {};
  let version = 0n;
  for (const { number, bytes } of fields(message)) {
    if (number === 1) version = decodeVersion(bytes);
    if (number !== 2) continue;
    const [name, any] = entryOf(bytes);
    if (name !== 'signature_def') continue;
    for (const field of fields(anyOf(any).value)) {
      if (field.number !== 1) continue;
      const [key, signature] = entryOf(field.bytes);
      signatures[key] = decodeSignature(signature);
    }
  }
  return { version, signatures };
}

function decodeSignature(message: Uint8Array): Signature {
  const inputs: Record<string, TensorInfo> = {};
  const outputs: Record<string, TensorInfo> = {};
  let method = '';
  for (const { number, bytes } of fields(message)) {
    if (number === 3) method = textOf(bytes);
    if (number !== 1 && number !== 2) continue;
    const [name, info] = entryOf(bytes);
    (number === 1 ? inputs : outputs)[name] = decodeInfo(info);
  }
  return { method, inputs, outputs };
}

function decodeInfo(message: Uint8Array): TensorInfo {
  let dtype: TensorInfo['dtype'] = 'other';
  let shape: readonly number[] | undefined = [];
  for (const { number, integer, bytes } of fields(message)) {
    if (number === 2) {
      try {
        dtype = dtypeOfNumber(Number(integer));
      } catch {
        // a signature may have such a tensor all the same; only a call with it cannot be made
      }
    } else if (number === 3) shape = decodeShape(bytes);
  }
  return { dtype, shape };
}
