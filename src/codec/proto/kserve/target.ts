/** The model and version at the front of a V2 request, found in or replaced without touching the rest. */
import type { FoundSpec, ModelSpec } from '../model-spec.ts';
import { malformed, Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';

/** int64: what a version number can be. */
const maxVersion = 2n ** 63n - 1n;

/** V2 versions are text: a number is a version, any other text a label. */
export function specOfV2(name: string, version: string): ModelSpec {
  if (version === '') return { name, signature: '' };
  if (!/^[0-9]{1,19}$/.test(version) || BigInt(version) > maxVersion)
    return { name, label: version, signature: '' };
  return { name, version: BigInt(version), signature: '' };
}

export function versionTextOf(spec: ModelSpec): string {
  return spec.label ?? (spec.version === undefined ? '' : String(spec.version));
}

/**
 * Finds model_name (field 1) and model_version (field 2) of ModelInferRequest, ModelReadyRequest and their like.
 * Only a version that stands right behind the name is found before the whole message is there: so every sender writes it.
 * @param complete nothing follows these bytes
 * @returns undefined when more bytes are needed, null when the whole message names no model
 * @throws StatusError INVALID_ARGUMENT for what is no protobuf message
 */
export function readV2Spec(bytes: Uint8Array, complete: boolean): FoundSpec | null | undefined {
  const reader = new Reader(bytes);
  let name: string | undefined;
  let version = '';
  let start = 0;
  let end = 0;
  try {
    while (reader.at < bytes.length) {
      const from = reader.at;
      reader.next();
      if (reader.is(1, wire.bytes) && name === undefined) {
        name = reader.string();
        start = from;
      } else if (reader.is(2, wire.bytes) && name !== undefined) version = reader.string();
      else if (name === undefined) {
        reader.skip();
        continue;
      } else break;
      end = reader.at;
    }
  } catch (error) {
    // cut short only because the rest is still to come
    if (complete) throw error;
    return undefined;
  }
  if (name === undefined || name === '') return complete ? null : undefined;
  // a version could follow
  if (end === bytes.length && !complete) return undefined;
  return { spec: specOfV2(name, version), start, end };
}

/** The fields of the model and the version, as readV2Spec() found them. */
export function encodeV2Spec(spec: ModelSpec): Uint8Array {
  const writer = new Writer().string(1, spec.name);
  const version = versionTextOf(spec);
  if (version !== '') writer.string(2, version);
  return writer.finish();
}

/** A whole message with another model and version; every other byte as it was. The parts are views. */
export function replaceV2Spec(message: Uint8Array, spec: ModelSpec): Uint8Array[] {
  const found = readV2Spec(message, true);
  if (found === null || found === undefined) throw malformed('the message names no model');
  return [message.subarray(0, found.start), encodeV2Spec(spec), message.subarray(found.end)].filter(
    (part) => part.length > 0,
  );
}
