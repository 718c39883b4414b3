/**
 * ModelSpec (model.proto), and how it is found in or replaced at the front of a request that is otherwise left alone.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { malformed, Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { type FoundSpec, type ModelSpec, replaceFields } from '../named-model.ts';
import { RecentSpecs } from './recent-specs.ts';

const recent = new RecentSpecs();

const modelSpecField = 1;
/** MultiInferenceRequest.tasks, whose own field 1 is a model_spec. */
const tasksField = 1;

function readVersion(reader: Reader, before: bigint | undefined): bigint {
  let version = before ?? 0n;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) version = reader.int64();
    else reader.skip();
  }
  return version;
}

/** Reads a ModelSpec into what an earlier piece of the same field said: protobuf merges repeats of a message field. */
export function decodeModelSpec(reader: Reader, before?: ModelSpec): ModelSpec {
  const { bytes, at: from, end: to } = reader;
  if (before === undefined) {
    const known = recent.find(bytes, from, to);
    if (known !== undefined) {
      reader.at = to;
      return known;
    }
  }
  const spec = readSpec(reader, before);
  if (before === undefined) recent.keep(bytes, from, to, spec);
  return spec;
}

function readSpec(reader: Reader, before: ModelSpec | undefined): ModelSpec {
  let name = before?.name ?? '';
  let version = before?.version;
  let label = before?.label;
  let signature = before?.signature ?? '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) {
      version = readVersion(reader.message(), version);
      label = undefined;
    } else if (reader.is(3, wire.bytes)) signature = reader.string();
    else if (reader.is(4, wire.bytes)) {
      label = reader.string();
      version = undefined;
    } else reader.skip();
  }
  return newSpec(name, signature, version, label);
}

/**
 * Of version and label only one is there. Without `...`: V8 puts what is spread into a literal there one by one, the
 * slow way.
 * hot: 0020
 */
export function newSpec(
  name: string,
  signature: string,
  version: bigint | undefined,
  label: string | undefined,
): ModelSpec {
  if (version !== undefined) return { name, signature, version };
  return label === undefined ? { name, signature } : { name, signature, label };
}

/** How many bytes the varint at `at` takes, or 0 when it is not complete. */
function varintSize(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 10 && at + i < bytes.length; i++) if ((bytes[at + i] as number) < 0x80) return i + 1;
  if (bytes.length - at >= 10) throw malformed('a varint is longer than 10 bytes');
  return 0;
}

/**
 * Finds model_spec, field 1 of every TFS request message, in the first bytes of a message. In a whole message its
 * pieces are merged wherever they stand, as protobuf has it; before the message is whole, those that follow the first
 * at once are: whoever goes on with it must see to it that no other comes (TargetWatch).
 * @param complete nothing follows these bytes
 * @returns undefined when more bytes are needed, null when the whole message has none
 * @throws StatusError INVALID_ARGUMENT for what is no protobuf message
 */
export function readModelSpec(bytes: Uint8Array, complete: boolean): FoundSpec | null | undefined {
  const reader = new Reader(bytes);
  let spec: ModelSpec | undefined;
  let start = 0;
  let end = 0;
  let scattered = false;
  let cut = false;
  while (reader.at < bytes.length) {
    const from = reader.at;
    cut = varintSize(bytes, from) === 0;
    if (cut) break;
    reader.next();
    const isSpec = reader.is(modelSpecField, wire.bytes);
    if (!isSpec && !complete && spec !== undefined) break;
    if (reader.type !== wire.bytes) {
      try {
        reader.skip();
      } catch (error) {
        // cut short only because the rest is still to come
        if (complete) throw error;
        break;
      }
      continue;
    }
    cut = varintSize(bytes, reader.at) === 0;
    if (cut) break;
    const size = reader.length();
    cut = bytes.length - reader.at < size;
    if (cut) break;
    const to = reader.at + size;
    if (isSpec) {
      if (spec === undefined) start = from;
      else scattered ||= from !== end;
      spec = decodeModelSpec(new Reader(bytes, reader.at, to), spec);
      end = to;
    }
    reader.at = to;
  }
  if (cut && complete) throw malformed('a field is cut short');
  if (spec !== undefined) return { spec, start, end, scattered };
  return complete ? null : undefined;
}

let newest: ModelSpec | undefined;
let newestBytes: Uint8Array = new Uint8Array(0);

/** The bytes of the embedded message, not to be changed: one spec follows the other, and is often the same. */
export function encodeModelSpec(spec: ModelSpec): Uint8Array {
  if (
    newest?.name !== spec.name ||
    newest.version !== spec.version ||
    newest.label !== spec.label ||
    newest.signature !== spec.signature
  ) {
    newest = spec;
    newestBytes = modelSpecWriter(spec).finish();
  }
  return newestBytes;
}

/** Writes a ModelSpec (model.proto) without empty fields; of version and version_label the version wins. */
export function modelSpecWriter(spec: ModelSpec): Writer {
  const writer = new Writer();
  if (spec.name !== '') writer.string(1, spec.name);
  if (spec.version !== undefined) {
    const version = new Writer();
    if (spec.version !== 0n) version.int64(1, spec.version);
    writer.message(2, version);
  } else if (spec.label !== undefined) writer.string(4, spec.label);
  if (spec.signature !== '') writer.string(3, spec.signature);
  return writer;
}

/** The same message with another model_spec. */
export function replaceModelSpec(message: Uint8Array, spec: ModelSpec): Uint8Array[] {
  const field = new Writer().message(modelSpecField, modelSpecWriter(spec)).finish();
  return replaceFields(message, modelSpecField, field);
}

/**
 * The spec of the first task of a whole MultiInferenceRequest, which serves for all of them; null without tasks.
 * @throws StatusError INVALID_ARGUMENT when they do not agree, as TensorFlow Serving has it: they would be run for
 *   the first
 */
export function readTaskSpec(message: Uint8Array): ModelSpec | null {
  const reader = new Reader(message);
  let first: ModelSpec | null | undefined;
  while (reader.next()) {
    if (!reader.is(tasksField, wire.bytes)) {
      reader.skip();
      continue;
    }
    const spec = readModelSpec(reader.slice(), true)?.spec ?? null;
    if (first === undefined) first = spec;
    else if (spec?.name !== first?.name)
      throw new StatusError(
        Code.INVALID_ARGUMENT,
        'All ModelSpecs in a MultiInferenceRequest must access the same model name.',
      );
  }
  return first ?? null;
}

/** The same MultiInferenceRequest with another model and version in every task; each keeps its signature. */
export function replaceTaskSpecs(message: Uint8Array, spec: ModelSpec): Uint8Array[] {
  const writer = new Writer();
  const reader = new Reader(message);
  for (let at = 0; reader.next(); at = reader.at) {
    if (!reader.is(tasksField, wire.bytes)) {
      reader.skip();
      writer.raw(message.subarray(at, reader.at));
      continue;
    }
    const task = reader.slice();
    const signature = readModelSpec(task, true)?.spec.signature ?? '';
    const parts = replaceModelSpec(task, { ...spec, signature });
    writer.tag(tasksField, wire.bytes).varint(parts.reduce((sum, part) => sum + part.length, 0));
    for (const part of parts) writer.raw(part);
  }
  return writer.chunks();
}
