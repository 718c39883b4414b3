/**
 * Triton's TraceSetting and LogSettings (grpc_service.proto): their messages, and the same as its HTTP endpoint
 * writes them.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { exactInteger, parseControlJson } from '../../control.ts';
import { type ExactJson, type ExactObject, isList, isObject } from '../../exact-json.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';

export type V2SettingKind = 'trace' | 'logging';

export interface V2Settings {
  /** Empty for those of the server. */
  readonly model: string;
  /** As in JSON; empty in a request that only asks. */
  readonly settings: ExactObject;
}

/** What HTTP has as a list, however many there are. */
const lists: ReadonlySet<string> = new Set(['trace_level']);

function readTraceValue(reader: Reader, name: string): ExactJson {
  const values: string[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) values.push(reader.string());
    else reader.skip();
  }
  if (values.length === 0) return null;
  return values.length > 1 || lists.has(name) ? values : (values[0] as string);
}

function readLogValue(reader: Reader): ExactJson {
  let value: ExactJson = null;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) value = reader.bool();
    else if (reader.is(2, wire.varint)) value = BigInt(reader.uint32());
    else if (reader.is(3, wire.bytes)) value = reader.string();
    else reader.skip();
  }
  return value;
}

/** A request or an answer of either kind. @throws StatusError INVALID_ARGUMENT for what is no such message */
export function decodeSettings(kind: V2SettingKind, bytes: Uint8Array): V2Settings {
  const reader = new Reader(bytes);
  const settings = new Map<string, ExactJson>();
  let model = '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) {
      const entry = reader.message();
      let name = '';
      let value = new Reader(new Uint8Array(0));
      while (entry.next()) {
        if (entry.is(1, wire.bytes)) name = entry.string();
        else if (entry.is(2, wire.bytes)) value = entry.message();
        else entry.skip();
      }
      settings.set(name, kind === 'trace' ? readTraceValue(value, name) : readLogValue(value));
    } else if (kind === 'trace' && reader.is(2, wire.bytes)) model = reader.string();
    else reader.skip();
  }
  return { model, settings: Object.fromEntries(settings) };
}

const refused = (name: string): StatusError =>
  new StatusError(
    Code.INVALID_ARGUMENT,
    `setting "${name.slice(0, 100)}" has a value that is of no type of settings`,
  );

function traceWriter(name: string, value: ExactJson): Writer {
  const writer = new Writer();
  // cleared
  if (value === null) return writer;
  for (const each of isList(value) ? value : [value]) {
    if (isList(each) || isObject(each) || each === null) throw refused(name);
    writer.string(1, String(each));
  }
  return writer;
}

function logWriter(name: string, value: ExactJson): Writer {
  const writer = new Writer();
  if (typeof value === 'boolean') return writer.bool(1, value);
  if (typeof value === 'bigint' && value >= 0n && value < 2n ** 32n) return writer.int64(2, value);
  if (typeof value === 'string') return writer.string(3, value);
  throw refused(name);
}

/** @throws StatusError INVALID_ARGUMENT for a value of another type */
export function encodeSettings(kind: V2SettingKind, { model, settings }: V2Settings): Uint8Array {
  const writer = new Writer();
  for (const [name, value] of Object.entries(settings)) {
    const inner = kind === 'trace' ? traceWriter(name, value) : logWriter(name, value);
    writer.message(1, new Writer().string(1, name).message(2, inner));
  }
  if (model !== '') writer.string(2, model);
  return writer.finish();
}

/** A body of HTTP; an empty one has none. @throws StatusError INVALID_ARGUMENT */
export function settingsIn(body: Uint8Array): ExactObject {
  if (body.length === 0) return {};
  let json: ExactJson | undefined;
  try {
    json = parseControlJson(body, { reviver: exactInteger }) as ExactJson;
  } catch {
    // told below
  }
  if (isObject(json)) return json;
  throw new StatusError(Code.INVALID_ARGUMENT, 'the settings must be a JSON object');
}
