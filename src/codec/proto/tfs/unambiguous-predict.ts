/** Which PredictRequests say each thing once, in fields that are known here: no two readers take them differently. */
import { Reader, wire } from '../reader.ts';

/** A message's fields by their numbers: what is not listed may not be there. */
type Fields = Readonly<Record<number, Field>>;
interface Field {
  readonly types: readonly number[];
  /** May come again and again. */
  readonly many?: boolean;
  readonly fields?: Fields;
}

const { varint, bytes, fixed32, fixed64 } = wire;
const once = (...types: number[]): Field => ({ types });
const message = (fields: Fields): Field => ({ types: [bytes], fields });
/** A repeated field of numbers: packed, single, or both. */
const numbers = (type: number): Field => ({ types: [bytes, type], many: true });

const dim = message({ 1: once(varint), 2: once(bytes) });
const shape = message({ 2: { ...dim, many: true } });
const tensor = message({
  1: once(varint),
  2: shape,
  3: once(varint),
  4: once(bytes),
  5: numbers(fixed32),
  6: numbers(fixed64),
  7: numbers(varint),
  8: { types: [bytes], many: true },
  9: numbers(fixed32),
  10: numbers(varint),
  11: numbers(varint),
  12: numbers(fixed64),
  13: numbers(varint),
  16: numbers(varint),
  17: numbers(varint),
});
const modelSpec = message({
  1: once(bytes),
  2: message({ 1: once(varint) }),
  3: once(bytes),
  4: once(bytes),
});
const entry = message({ 1: once(bytes), 2: tensor });
const predict: Fields = { 1: modelSpec, 2: { ...entry, many: true }, 3: { types: [bytes], many: true } };

/** Of fields that exclude each other only one may be there: a version and a label; tensor_content and typed values. */
function excludes(fields: Fields, seen: number): boolean {
  if (fields === modelSpec.fields) return (seen & 0b10100) === 0b10100;
  return fields === tensor.fields && (seen & 0b10000) !== 0 && seen >>> 5 !== 0;
}

function isOnce(reader: Reader, fields: Fields): boolean {
  /** A bit for each field number. */
  let seen = 0;
  let names: Set<string> | undefined;
  while (reader.next()) {
    const { field, type } = reader;
    const known = fields[field];
    if (known === undefined || !known.types.includes(type)) return false;
    if (known.many !== true && (seen & (1 << field)) !== 0) return false;
    seen |= 1 << field;
    if (known.fields === undefined || type !== bytes) reader.skip();
    else {
      const inner = reader.message();
      const { at } = inner;
      if (!isOnce(inner, known.fields)) return false;
      if (known.fields === entry.fields) {
        const name = keyOf(new Reader(inner.bytes, at, inner.end));
        names ??= new Set();
        if (names.has(name)) return false;
        names.add(name);
      }
    }
  }
  return !excludes(fields, seen);
}

function keyOf(reader: Reader): string {
  while (reader.next()) {
    if (reader.field === 1) return reader.string();
    reader.skip();
  }
  return '';
}

/**
 * True when a message has only PredictRequest's model_spec, inputs and output_filter, and no part of it says a thing
 * twice.
 */
export function isUnambiguousPredict(bytes: Uint8Array): boolean {
  try {
    return isOnce(new Reader(bytes), predict);
  } catch {
    return false;
  }
}
