/**
 * Messages as JSON, as Triton's HTTP endpoint writes them: protobuf's mapping with the fields' own names, defaults
 * written out, 64-bit integers as numbers.
 */
import { Reader, wire } from '../reader.ts';
import { enums, type Field, messages } from './model-config.ts';

/** Scalars by their type: what is written when they are not there, and how they are read. */
interface Scalar {
  readonly absent: string;
  readonly wire: number;
  read(reader: Reader): string;
}

/** JSON has no other numbers; protobuf's mapping writes these as strings. */
const real = (value: number): string => (Number.isFinite(value) ? String(value) : `"${String(value)}"`);

/** The shortest digits that are this float32. */
function real32(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return real(short);
  }
  return real(value);
}

const scalars: Readonly<Record<string, Scalar>> = {
  string: { absent: '""', wire: wire.bytes, read: (reader) => JSON.stringify(reader.string()) },
  bool: { absent: 'false', wire: wire.varint, read: (reader) => String(reader.bool()) },
  int32: { absent: '0', wire: wire.varint, read: (reader) => String(reader.int32()) },
  uint32: { absent: '0', wire: wire.varint, read: (reader) => String(reader.uint32()) },
  int64: { absent: '0', wire: wire.varint, read: (reader) => String(reader.int64()) },
  uint64: { absent: '0', wire: wire.varint, read: (reader) => String(reader.uint64()) },
  float: { absent: '0.0', wire: wire.fixed32, read: (reader) => real32(reader.float()) },
  double: { absent: '0.0', wire: wire.fixed64, read: (reader) => real(reader.double()) },
  // as Triton's HTTP endpoint takes them
  bytes: {
    absent: '{"b64":""}',
    wire: wire.bytes,
    read: (reader) => `{"b64":"${Buffer.from(reader.slice()).toString('base64')}"}`,
  },
};

function enumScalar(names: readonly string[]): Scalar {
  return {
    absent: JSON.stringify(names[0]),
    wire: wire.varint,
    read(reader) {
      const number = reader.int32();
      // one that is newer than this table, as protobuf has it
      return names[number] === undefined ? String(number) : JSON.stringify(names[number]);
    },
  };
}

for (const [name, names] of Object.entries(enums))
  (scalars as Record<string, Scalar>)[name] = enumScalar(names);

/** What has been read of a field: values, or of a map its entries by key. */
type Found = string[] | Map<string, string>;

function readValue(reader: Reader, type: string): string {
  const scalar = scalars[type];
  return scalar === undefined ? objectText([reader.message()], type) : scalar.read(reader);
}

const absentValue = (type: string): string => scalars[type]?.absent ?? objectText([], type);

function readEntry(reader: Reader, type: string, into: Map<string, string>): void {
  let key = '""';
  let value: string | undefined;
  while (reader.next()) {
    if (reader.field === 1 && reader.type === wire.bytes) key = JSON.stringify(reader.string());
    else if (reader.field === 1 && reader.type === wire.varint) key = `"${reader.uint64()}"`;
    else if (reader.field === 2) value = readValue(reader, type);
    else reader.skip();
  }
  into.set(key, value ?? absentValue(type));
}

function readField(reader: Reader, [, , type, holds]: Field, before: Found | undefined): Found | undefined {
  if (holds === 'map') {
    if (reader.type !== wire.bytes) return skipped(reader, before);
    const entries = before instanceof Map ? before : new Map<string, string>();
    readEntry(reader.message(), type, entries);
    return entries;
  }
  const values = Array.isArray(before) ? before : [];
  const scalar = scalars[type];
  if (holds === 'list' && scalar !== undefined && reader.type === wire.bytes && scalar.wire !== wire.bytes) {
    const run = reader.message();
    while (run.at < run.end) values.push(scalar.read(run));
  } else if (reader.type !== (scalar?.wire ?? wire.bytes)) return skipped(reader, before);
  else values.push(readValue(reader, type));
  return values;
}

function skipped(reader: Reader, before: Found | undefined): Found | undefined {
  reader.skip();
  return before;
}

function fieldText([, , type, holds]: Field, found: Found | undefined): string | undefined {
  if (holds === 'map')
    return `{${found instanceof Map ? [...found].map(([key, value]) => `${key}:${value}`).join(',') : ''}}`;
  const values = Array.isArray(found) ? found : [];
  if (holds === 'list') return `[${values.join(',')}]`;
  // of what is there more than once, the last counts
  return values.at(-1) ?? (holds === 'choice' ? undefined : scalars[type]?.absent);
}

/** The messages of the table do not hold each other in a circle, so this ends. @param parts of one message */
function objectText(parts: readonly Reader[], type: string): string {
  const fields = messages[type] ?? [];
  const found = new Map<number, Found>();
  for (const reader of parts) {
    while (reader.next()) {
      const field = fields.find(([, number]) => number === reader.field);
      const read =
        field === undefined ? skipped(reader, undefined) : readField(reader, field, found.get(field[1]));
      if (field !== undefined && read !== undefined) found.set(field[1], read);
    }
  }
  const members: string[] = [];
  for (const field of fields) {
    const text = fieldText(field, found.get(field[1]));
    if (text !== undefined) members.push(`"${field[0]}":${text}`);
  }
  return `{${members.join(',')}}`;
}

/** A ModelConfigResponse as the configuration that it holds. Fields that are newer than the table are left out. */
export function modelConfigJson(message: Uint8Array): string {
  const reader = new Reader(message);
  const parts: Reader[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) parts.push(reader.message());
    else reader.skip();
  }
  return objectText(parts, 'ModelConfig');
}

/** A ModelStatisticsResponse. */
export function modelStatisticsJson(message: Uint8Array): string {
  return objectText([new Reader(message)], 'ModelStatisticsResponse');
}

/** A message of any type of the table. */
export function messageJson(message: Uint8Array, type: string): string {
  return objectText([new Reader(message)], type);
}
