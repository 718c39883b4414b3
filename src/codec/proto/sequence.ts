/**
 * Which sequence a request of a stateful model belongs to, read without decoding its tensors: OpenVINO Model Server's
 * inputs sequence_id and sequence_control_input (in Predict and in ModelInfer), and Triton's request parameters.
 */
import { Code, StatusError } from '../../base/status.ts';
import { readMapEntry } from './map-entry.ts';
import { malformed, Reader, wire } from './reader.ts';
import { decodeTensor } from './tfs/index.ts';

export interface SequenceControl {
  /** Digits, or Triton's text; "0" when the client left it to the server. */
  readonly id: string;
  readonly starts: boolean;
  readonly ends: boolean;
  /** It stands in input tensors and not in parameters. */
  readonly inInputs: boolean;
}

export const idInput = 'sequence_id';
const controlInput = 'sequence_control_input';
/** OVMS's control values. */
const control = { start: 1n, end: 2n } as const;
/** Ids and controls are one number; more is no id. In bytes. */
const maxBytes = 64;

/** PredictRequest.inputs. */
export const predictInputs = 2;
/** ModelInferRequest: parameters, inputs, raw_input_contents. */
export const infer = { parameters: 4, inputs: 5, raw: 7 } as const;

/** Whether it counts depends on who reads it. */
const oddEntry = (): StatusError => malformed('an entry of a map has a field beside its key and value');

function little(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== 4 && bytes.length !== 8) return undefined;
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}

const controlOf = (
  id: bigint | string | undefined,
  value: bigint | undefined,
): SequenceControl | undefined =>
  id === undefined && value === undefined
    ? undefined
    : {
        id: String(id ?? 0n),
        starts: value === control.start,
        ends: value === control.end,
        inInputs: true,
      };

/** Undefined when the request says nothing of a sequence. @throws StatusError INVALID_ARGUMENT when it is malformed */
export function readPredictSequence(message: Uint8Array): SequenceControl | undefined {
  const found = new Map<string, bigint | undefined>();
  const reader = new Reader(message);
  while (reader.next()) {
    if (!reader.is(predictInputs, wire.bytes)) {
      reader.skip();
      continue;
    }
    const { key, value, odd } = readMapEntry(reader.message());
    if (odd) throw oddEntry();
    if (key !== idInput && key !== controlInput) continue;
    const decoded = value.at < value.end ? decodeTensor(value, maxBytes) : undefined;
    found.set(key, decoded !== undefined && 'bytes' in decoded ? little(decoded.bytes) : undefined);
  }
  return controlOf(found.get(idInput), found.get(controlInput));
}

/**
 * The value of an InferParameter: bool 1, int64 2, string 3, double 4, uint64 5. Of these the last counts; a double
 * is no id.
 */
function parameterOf(reader: Reader): bigint | string | boolean | undefined {
  let value: bigint | string | boolean | undefined;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) value = reader.bool();
    else if (reader.is(2, wire.varint) || reader.is(5, wire.varint)) value = reader.uint64();
    else if (reader.is(3, wire.bytes)) value = reader.string();
    else {
      if (reader.is(4, wire.fixed64)) value = undefined;
      reader.skip();
    }
  }
  return value;
}

/**
 * An InferInputTensor's name and, when it is in the message itself, its one number (uint_contents 4, uint64_contents
 * 5).
 */
function inferInput(reader: Reader): { name: string; value: bigint | undefined } {
  let name = '';
  let value: bigint | undefined;
  let count = 0;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(5, wire.bytes)) {
      const contents = reader.message();
      while (contents.next()) {
        if (contents.is(4, wire.bytes) || contents.is(5, wire.bytes)) {
          const run = contents.message();
          for (; run.at < run.end; count++) value = run.uint64();
        } else if (contents.is(4, wire.varint) || contents.is(5, wire.varint)) {
          value = contents.uint64();
          count++;
        } else contents.skip();
      }
    } else reader.skip();
  }
  return { name, value: count === 1 ? value : undefined };
}

/** The same of a ModelInferRequest. */
export function readInferSequence(message: Uint8Array): SequenceControl | undefined {
  const parameters = new Map<string, bigint | string | boolean | undefined>();
  const inputs: { name: string; value: bigint | undefined }[] = [];
  const raw: Uint8Array[] = [];
  const reader = new Reader(message);
  while (reader.next()) {
    if (reader.is(infer.inputs, wire.bytes)) inputs.push(inferInput(reader.message()));
    else if (reader.is(infer.raw, wire.bytes)) raw.push(reader.slice());
    else if (reader.is(infer.parameters, wire.bytes)) {
      const { key, value, odd } = readMapEntry(reader.message());
      if (odd) throw oddEntry();
      parameters.set(key, parameterOf(value));
    } else reader.skip();
  }
  const id = parameters.get('sequence_id');
  const starts = parameters.get('sequence_start') === true;
  const ends = parameters.get('sequence_end') === true;
  if (typeof id === 'bigint' || typeof id === 'string' || starts || ends)
    return { id: String(typeof id === 'boolean' ? 0n : (id ?? 0n)), starts, ends, inInputs: false };
  const inputOf = (wanted: string): bigint | undefined => {
    const index = inputs.findIndex(({ name }) => name === wanted);
    if (inputs.findLastIndex(({ name }) => name === wanted) !== index)
      throw new StatusError(Code.INVALID_ARGUMENT, `the input ${wanted} is there twice`);
    return index < 0 ? undefined : (inputs[index]?.value ?? little(raw[index] ?? new Uint8Array(0)));
  };
  return controlOf(inputOf(idInput), inputOf(controlInput));
}
