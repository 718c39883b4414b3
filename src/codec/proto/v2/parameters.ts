/** map<string, InferParameter> of the V2 messages. */
import { noParameters, type V2Parameter, type V2Parameters } from '../../v2.ts';
import type { PieceReader } from '../piece-reader.ts';
import { checkEntries, wire } from '../reader.ts';
import { Writer } from '../writer.ts';

const maxInt64 = 2n ** 63n - 1n;
/**
 * Triton's, of 64 bits without a sign: over gRPC it takes it as int64_param alone, whose bits it takes for the
 * number's (tried with 2.51), and refuses uint64_param.
 */
const sequenceId = 'sequence_id';

/** Reads a piece of an InferParameter into what came before it: of its choices the last counts. */
function readValue(reader: PieceReader, before: V2Parameter | undefined): V2Parameter | undefined {
  const outer = reader.enter();
  let value = before;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) value = reader.bool();
    else if (reader.is(2, wire.varint)) value = reader.int64();
    else if (reader.is(3, wire.bytes)) value = reader.string();
    else if (reader.is(4, wire.fixed64)) value = reader.double();
    else if (reader.is(5, wire.varint)) value = reader.uint64();
    else reader.skip();
  }
  reader.leave(outer);
  return value;
}

/** Reads one entry, which the reader has just found, into what came before it. */
export function readParameter(reader: PieceReader, before: V2Parameters): V2Parameters {
  const outer = reader.enter();
  const after = readEntry(reader, before);
  reader.leave(outer);
  return after;
}

/** Reads an entry that is all that is left to read. */
export function readEntry(reader: PieceReader, before: V2Parameters): V2Parameters {
  let key = '';
  let value: V2Parameter | undefined;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) key = reader.string();
    else if (reader.is(2, wire.bytes)) value = readValue(reader, value);
    else reader.skip();
  }
  if (value === undefined && !before.has(key)) return before;
  const into =
    before === noParameters ? new Map<string, V2Parameter>() : (before as Map<string, V2Parameter>);
  // an InferParameter that says nothing is as good as none, also in the place of one that came before
  if (value === undefined) into.delete(key);
  else {
    if (!into.has(key)) checkEntries(into.size, 'parameters');
    const isNegative = key === sequenceId && typeof value === 'bigint' && value < 0n;
    into.set(key, isNegative ? BigInt.asUintN(64, value as bigint) : value);
  }
  return into;
}

function valueWriter(key: string, value: V2Parameter): Writer {
  const writer = new Writer();
  switch (typeof value) {
    case 'boolean':
      return writer.bool(1, value);
    case 'bigint':
      return value > maxInt64 && key !== sequenceId ? writer.int64(5, value) : writer.int64(2, value);
    case 'string':
      return writer.string(3, value);
    default:
      return writer.double(4, value);
  }
}

/**
 * Writes the entries of a map<string, InferParameter> under this field number; a bigint above int64 becomes
 * uint64_param, except `sequence_id`, which stays an int64_param with the same 64 bits.
 */
export function writeParameters(writer: Writer, field: number, parameters: V2Parameters): void {
  for (const [key, value] of parameters)
    writer.message(field, new Writer().string(1, key).message(2, valueWriter(key, value)));
}
