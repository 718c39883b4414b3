/** Gives the sequence of a request an id: where the request has a place for it, without touching its tensors. */
import { Code, StatusError } from '../../base/status.ts';
import { Reader, wire } from './reader.ts';
import { idInput, infer, predictInputs } from './sequence.ts';
import { Writer } from './writer.ts';

/** A PredictRequest whose sequence has this id, in pieces: of two entries of a map, the last counts. */
export function withPredictSequenceId(message: Uint8Array, id: bigint): Uint8Array[] {
  const value = new Writer().varint64(id).finish();
  // TensorProto: dtype 1 (DT_UINT64 is 23), tensor_shape 2, uint64_val 17
  const shape = new Writer().message(2, new Writer().tag(1, wire.varint).varint(1));
  const tensor = new Writer().int32(1, 23).message(2, shape).bytes(17, value);
  const entry = new Writer().string(1, idInput).message(2, tensor);
  return [message, new Writer().message(predictInputs, entry).finish()];
}

/**
 * The same of a ModelInferRequest: in Triton's parameter, or in the input tensor sequence_id when the sequence is
 * controlled by tensors.
 * @throws StatusError INVALID_ARGUMENT when that tensor cannot hold 64 bits
 */
export function withInferSequenceId(message: Uint8Array, id: bigint, inInputs: boolean): Uint8Array[] {
  if (inInputs) return [inInput(message, id)];
  // int64_param: as tritonclient writes it, and the only number that Triton takes here
  const value = new Writer().int64(2, id);
  const entry = new Writer().string(1, idInput).message(2, value);
  return [message, new Writer().message(infer.parameters, entry).finish()];
}

/** InferInputTensor: name, datatype, shape, contents; and uint64_contents in that. */
const input = { name: 1, datatype: 2, shape: 3, contents: 5 } as const;
const uint64Contents = 5;

function inInput(message: Uint8Array, id: bigint): Uint8Array {
  const place = placeOf(message);
  const isRaw = place.raws > 0;
  const raw = new Uint8Array(8);
  new DataView(raw.buffer).setBigUint64(0, id, true);
  const contents = new Writer().bytes(uint64Contents, new Writer().varint64(id).finish());
  const out = new Writer();
  let inputs = 0;
  let raws = 0;
  for (const { field, start, body, end } of fieldsOf(message)) {
    if (field === infer.inputs && inputs++ === place.index && !isRaw)
      out.message(infer.inputs, withoutContents(body).message(input.contents, contents));
    else if (field === infer.raw && raws++ === place.index) out.bytes(infer.raw, raw);
    else out.raw(message.subarray(start, end));
  }
  if (place.index >= 0) return out.finish();
  // the client left it out: one more input, and its contents where those of the others are
  const shape = new Writer().varint(1).finish();
  const added = new Writer()
    .string(input.name, idInput)
    .string(input.datatype, 'UINT64')
    .bytes(input.shape, shape);
  out.message(infer.inputs, isRaw ? added : added.message(input.contents, contents));
  return (isRaw ? out.bytes(infer.raw, raw) : out).finish();
}

interface Field {
  readonly field: number;
  /** Where the field begins, tag included, and ends. */
  readonly start: number;
  readonly end: number;
  /** Of a length-delimited field; empty for others. */
  readonly body: Uint8Array;
}

function* fieldsOf(message: Uint8Array): Generator<Field> {
  const reader = new Reader(message);
  for (let start = 0; reader.next(); start = reader.at) {
    const { field, type } = reader;
    let body: Uint8Array = new Uint8Array(0);
    if (type === wire.bytes) body = reader.slice();
    else reader.skip();
    yield { field, start, end: reader.at, body };
  }
}

/** Which input sequence_id is (-1: none), and how many raw contents there are. */
function placeOf(message: Uint8Array): { index: number; raws: number } {
  let index = -1;
  let inputs = 0;
  let raws = 0;
  for (const { field, body } of fieldsOf(message)) {
    if (field === infer.raw) raws++;
    if (field !== infer.inputs) continue;
    let name = '';
    let datatype = '';
    const reader = new Reader(body);
    while (reader.next()) {
      if (reader.is(input.name, wire.bytes)) name = reader.string();
      else if (reader.is(input.datatype, wire.bytes)) datatype = reader.string();
      else reader.skip();
    }
    if (name === idInput) {
      if (datatype !== 'UINT64')
        throw new StatusError(
          Code.INVALID_ARGUMENT,
          `the input ${idInput} is of type ${datatype.slice(0, 20)}: an id that the gateway gives needs UINT64`,
        );
      index = inputs;
    }
    inputs++;
  }
  return { index, raws };
}

function withoutContents(body: Uint8Array): Writer {
  const out = new Writer();
  for (const { field, start, end } of fieldsOf(body))
    if (field !== input.contents) out.raw(body.subarray(start, end));
  return out;
}
