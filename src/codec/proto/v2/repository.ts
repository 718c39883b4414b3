/**
 * Triton's RepositoryModelLoadRequest and RepositoryModelUnloadRequest (grpc_service.proto), and the same as bodies
 * of its HTTP endpoint.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { parseControlJson } from '../../control.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';

/** bool_param, int64_param, string_param, bytes_param. */
export type V2RepositoryParameter = boolean | bigint | string | Uint8Array;

/** Load or unload this model. */
export interface V2RepositoryChange {
  readonly repository: string;
  readonly model: string;
  /** "config", "file:1/model.onnx", "unload_dependents". */
  readonly parameters: ReadonlyMap<string, V2RepositoryParameter>;
}

/** Contents of a file: bytes in protobuf, base64 in JSON. */
const isFile = (name: string): boolean => name.startsWith('file:');

function readParameter(reader: Reader): V2RepositoryParameter {
  let value: V2RepositoryParameter = '';
  while (reader.next()) {
    if (reader.is(1, wire.varint)) value = reader.bool();
    else if (reader.is(2, wire.varint)) value = reader.int64();
    else if (reader.is(3, wire.bytes)) value = reader.string();
    else if (reader.is(4, wire.bytes)) value = reader.slice();
    else reader.skip();
  }
  return value;
}

function readEntry(reader: Reader, into: Map<string, V2RepositoryParameter>): void {
  let name = '';
  let value: V2RepositoryParameter = '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) value = readParameter(reader.message());
    else reader.skip();
  }
  into.set(name, value);
}

/** Contents of files are views. @throws StatusError INVALID_ARGUMENT for what is no such message */
export function decodeRepositoryChange(bytes: Uint8Array): V2RepositoryChange {
  const reader = new Reader(bytes);
  let repository = '';
  let model = '';
  const parameters = new Map<string, V2RepositoryParameter>();
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) repository = reader.string();
    else if (reader.is(2, wire.bytes)) model = reader.string();
    else if (reader.is(3, wire.bytes)) readEntry(reader.message(), parameters);
    else reader.skip();
  }
  return { repository, model, parameters };
}

function parameterWriter(value: V2RepositoryParameter): Writer {
  const writer = new Writer();
  if (typeof value === 'boolean') return writer.bool(1, value);
  if (typeof value === 'bigint') return writer.int64(2, value);
  return typeof value === 'string' ? writer.string(3, value) : writer.bytes(4, value);
}

/** In pieces, since the contents of files are large. */
export function encodeRepositoryChange({ repository, model, parameters }: V2RepositoryChange): Uint8Array[] {
  const writer = new Writer();
  if (repository !== '') writer.string(1, repository);
  writer.string(2, model);
  for (const [name, value] of parameters)
    writer.message(3, new Writer().string(1, name).message(2, parameterWriter(value)));
  return writer.chunks();
}

const refused = (what: string): StatusError =>
  new StatusError(Code.INVALID_ARGUMENT, `the request to load or unload a model: ${what}`);

function parameterIn(name: string, value: unknown): V2RepositoryParameter {
  if (isFile(name)) {
    if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value))
      return Buffer.from(value, 'base64');
    throw refused(`"${name.slice(0, 100)}" must be the file's bytes in base64`);
  }
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw refused(`parameter "${name.slice(0, 100)}" must be a text, an integer, or true or false`);
}

/** The parameters in a body of HTTP; an empty one has none. @throws StatusError INVALID_ARGUMENT */
export function repositoryParametersIn(body: Uint8Array): ReadonlyMap<string, V2RepositoryParameter> {
  const parameters = new Map<string, V2RepositoryParameter>();
  if (body.length === 0) return parameters;
  let json: unknown;
  try {
    json = parseControlJson(body, { bytes: body.length });
  } catch {
    throw refused('it is no valid JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw refused('it is no JSON object');
  const { parameters: given } = json as { parameters?: unknown };
  if (given === undefined || given === null) return parameters;
  if (typeof given !== 'object' || Array.isArray(given)) throw refused('"parameters" must be an object');
  for (const [name, value] of Object.entries(given)) parameters.set(name, parameterIn(name, value));
  return parameters;
}

function jsonValueOf(name: string, value: V2RepositoryParameter): string | boolean | number {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
    return bytes.toString(isFile(name) ? 'base64' : 'utf8');
  }
  return typeof value === 'bigint' ? Number(value) : value;
}

/** The body that asks a server over HTTP. */
export function repositoryParametersJson(parameters: V2RepositoryChange['parameters']): string {
  if (parameters.size === 0) return '{}';
  const members = [...parameters].map(([name, value]) => [name, jsonValueOf(name, value)] as const);
  return JSON.stringify({ parameters: Object.fromEntries(members) });
}
