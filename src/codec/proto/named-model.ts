/**
 * The model that a request names, whichever API has it, and how it is replaced without touching the rest of the
 * message.
 */
import { Reader, wire } from './reader.ts';

/** Which model, version and signature; a version or label that is undefined is absent on the wire. */
export interface ModelSpec {
  readonly name: string;
  readonly version?: bigint;
  readonly label?: string;
  readonly signature: string;
}

/** Where a message's model_spec stands: [start, end) of the whole field, tag included. */
export interface FoundSpec {
  readonly spec: ModelSpec;
  readonly start: number;
  readonly end: number;
  /** Something else stands between its pieces: what is between start and end is not all of it. */
  readonly scattered: boolean;
}

/**
 * The same message with another value of some top-level fields, where the first of them stood; every other byte as it
 * was, unknown fields too. The parts are views.
 * @param highest fields 1 to this, length-delimited, are what is replaced
 */
export function replaceFields(message: Uint8Array, highest: number, field: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const reader = new Reader(message);
  let from = 0;
  let placed = false;
  for (let at = 0; reader.next(); at = reader.at) {
    const replaced = reader.field <= highest && reader.type === wire.bytes;
    reader.skip();
    if (!replaced) continue;
    if (at > from) parts.push(message.subarray(from, at));
    if (!placed) parts.push(field);
    placed = true;
    from = reader.at;
  }
  if (from < message.length) parts.push(message.subarray(from));
  return placed ? parts : [field, ...parts];
}
