/** The model and version at the front of a V2 request, found in or replaced without touching the rest. */
import { type FoundSpec, type ModelSpec, replaceFields } from '../named-model.ts';
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';

/** Of every V2 request that names a model. */
const nameField = 1;
const versionField = 2;

/** int64: what a version number can be. */
const maxVersion = 2n ** 63n - 1n;

/** V2 versions are text: a number, as numbers are written ("7", not "007"), is a version, any other text a label. */
export function specOfV2(name: string, version: string): ModelSpec {
  if (version === '') return { name, signature: '' };
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(version) || BigInt(version) > maxVersion)
    return { name, label: version, signature: '' };
  return { name, version: BigInt(version), signature: '' };
}

/** The V2 model_version of a spec: its label, else its version number in decimal, else "". */
export function versionTextOf(spec: ModelSpec): string {
  return spec.label ?? (spec.version === undefined ? '' : String(spec.version));
}

/**
 * Finds model_name (field 1) and model_version (field 2) of ModelInferRequest, ModelReadyRequest and their like. In a
 * whole message the last of each counts, wherever it stands, as protobuf has it; before the message is whole, what
 * follows the name at once does: whoever goes on with it must see to it that no other comes (TargetWatch).
 * @param complete nothing follows these bytes
 * @returns undefined when more bytes are needed, null when the whole message names no model
 * @throws StatusError INVALID_ARGUMENT for what is no protobuf message
 */
export function readV2Spec(bytes: Uint8Array, complete: boolean): FoundSpec | null | undefined {
  const reader = new Reader(bytes);
  let name = '';
  let version = '';
  let start = -1;
  let end = 0;
  let scattered = false;
  try {
    while (reader.at < bytes.length) {
      const from = reader.at;
      reader.next();
      if (reader.field > versionField || reader.type !== wire.bytes) {
        if (!complete && name !== '') break;
        reader.skip();
        continue;
      }
      if (reader.field === nameField) name = reader.string();
      else version = reader.string();
      if (start < 0) start = from;
      else scattered ||= from !== end;
      end = reader.at;
    }
  } catch (error) {
    // cut short only because the rest is still to come
    if (complete) throw error;
    return undefined;
  }
  if (name === '') return complete ? null : undefined;
  // a version could follow; what stands in two places is sent on in one, for which all of the message is wanted
  if (!complete && (end === bytes.length || scattered)) return undefined;
  return { spec: specOfV2(name, version), start, end, scattered };
}

/** The fields of the model and the version, as readV2Spec() found them. */
export function encodeV2Spec(spec: ModelSpec): Uint8Array {
  const writer = new Writer().string(nameField, spec.name);
  const version = versionTextOf(spec);
  if (version !== '') writer.string(versionField, version);
  return writer.finish();
}

/** A whole message with another model and version; every other byte as it was. The parts are views. */
export function replaceV2Spec(message: Uint8Array, spec: ModelSpec): Uint8Array[] {
  return replaceFields(message, versionField, encodeV2Spec(spec));
}
