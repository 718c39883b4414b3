/**
 * The messages of Triton's configuration and statistics from JSON as its HTTP endpoint writes it: what
 * message-json.ts does, the other way.
 */
import { OutOfBounds } from '../../control.ts';
import { type ExactJson, type ExactObject, isList, isObject } from '../../exact-json.ts';
import { wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { enums, type Field, messages } from './model-config.ts';

const wrong = (name: string, type: string): OutOfBounds =>
  new OutOfBounds(`member "${name.slice(0, 100)}" is no ${type}`);

/** JSON has 64-bit integers as numbers, protobuf's own mapping as texts. */
function integerOf(value: ExactJson, name: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string' && /^-?[0-9]{1,20}$/.test(value)) return BigInt(value);
  throw wrong(name, 'integer');
}

function realOf(value: ExactJson, name: string): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  throw wrong(name, 'number');
}

function numberOfEnum(value: ExactJson, name: string, names: readonly string[]): bigint {
  const at = typeof value === 'string' ? names.indexOf(value) : -1;
  return at === -1 ? integerOf(value, name) : BigInt(at);
}

/** Maps whose keys are integers. */
const integerKeys: ReadonlySet<string> = new Set(['priority_queue_policy']);

function writeValue(writer: Writer, number: number, [name, , type]: Field, value: ExactJson): void {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw wrong(name, 'text');
      writer.string(number, value);
      return;
    case 'bool':
      if (typeof value !== 'boolean') throw wrong(name, 'boolean');
      writer.bool(number, value);
      return;
    case 'bytes': {
      const text = isObject(value) ? value.b64 : undefined;
      if (typeof text !== 'string') throw wrong(name, 'base64');
      writer.bytes(number, Buffer.from(text, 'base64'));
      return;
    }
    case 'float':
      writer.float(number, realOf(value, name));
      return;
    case 'double':
      writer.double(number, realOf(value, name));
      return;
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      writer.int64(number, integerOf(value, name));
      return;
    default: {
      const names = enums[type];
      if (names !== undefined) {
        writer.int64(number, numberOfEnum(value, name, names));
        return;
      }
      if (!isObject(value)) throw wrong(name, 'object');
      writer.message(number, objectWriter(value, type));
    }
  }
}

const isScalarDefault = (value: ExactJson): boolean =>
  value === '' || value === false || value === 0n || value === 0;

function writeField(writer: Writer, field: Field, value: ExactJson): void {
  const [name, number, , holds] = field;
  if (holds === 'map') {
    if (!isObject(value)) throw wrong(name, 'object');
    for (const [key, each] of Object.entries(value)) {
      const entry = new Writer();
      if (integerKeys.has(name)) entry.tag(1, wire.varint).varint64(integerOf(key, name));
      else entry.string(1, key);
      writeValue(entry, 2, field, each);
      writer.message(number, entry);
    }
  } else if (holds === 'list') {
    if (!isList(value)) throw wrong(name, 'list');
    for (const each of value) writeValue(writer, number, field, each);
  } else if (holds === 'choice' || !isScalarDefault(value)) writeValue(writer, number, field, value);
}

/** Members that the table lacks are left out. */
function objectWriter(object: ExactObject, type: string): Writer {
  const writer = new Writer();
  for (const field of messages[type] ?? []) {
    const value = Object.hasOwn(object, field[0]) ? object[field[0]] : undefined;
    // null is "not set"
    if (value !== undefined && value !== null) writeField(writer, field, value);
  }
  return writer;
}

/** A ModelConfigResponse that holds the configuration. @throws OutOfBounds for a member of another type */
export function encodeModelConfigResponse(config: ExactObject): Uint8Array {
  return new Writer().message(1, objectWriter(config, 'ModelConfig')).finish();
}

/** A ModelStatisticsResponse. @throws OutOfBounds for a member of another type */
export function encodeModelStatisticsResponse(statistics: ExactObject): Uint8Array {
  return objectWriter(statistics, 'ModelStatisticsResponse').finish();
}

/** A message of any type of the table. @throws OutOfBounds for a member of another type */
export function jsonMessage(object: ExactObject, type: string): Uint8Array {
  return objectWriter(object, type).finish();
}
