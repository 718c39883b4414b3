/**
 * One entry of a map<string, message>: of two keys the last counts, and a value in pieces is what they make together.
 */
import { Reader, wire } from './reader.ts';

export interface MapEntry {
  readonly key: string;
  /** Over the value; empty when there is none. */
  readonly value: Reader;
  /** It has a field that it should not have: upb forgets such an entry, other readers the field. */
  readonly odd: boolean;
}

const nothing = new Uint8Array(0);

/** @throws StatusError INVALID_ARGUMENT when it is malformed */
export function readMapEntry(reader: Reader): MapEntry {
  let key = '';
  let value: Reader | undefined;
  /** All pieces of a value that has several: joined once, or many small ones would cost quadratic time. */
  let pieces: Uint8Array[] | undefined;
  let odd = false;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) key = reader.string();
    else if (!reader.is(2, wire.bytes)) {
      odd = true;
      reader.skip();
    } else if (value === undefined) value = reader.message();
    else (pieces ??= [value.bytes.subarray(value.at, value.end)]).push(reader.slice());
  }
  // protobuf: what encodings of two messages make one behind the other is the encoding of the two merged
  if (pieces !== undefined) value = new Reader(Buffer.concat(pieces));
  return { key, value: value ?? new Reader(nothing), odd };
}
