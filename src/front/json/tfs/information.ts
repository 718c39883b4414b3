/** Status, metadata and configuration as JSON, in the shapes that each server's clients read. */
import { codeName } from '../../../base/status.ts';
import { enumName, type ModelMetadata, type Signature, type TensorInfo } from '../../../codec/index.ts';
import type { VersionState } from '../../../models/index.ts';

/** The list that TF Serving and OpenVINO Model Server agree on; clients read 64-bit numbers as strings. */
export function statusJson(versions: readonly VersionState[], okMessage: string): object {
  return {
    model_version_status: versions.map(({ version, state, errorCode, errorMessage }) => ({
      version: String(version),
      state,
      status: {
        error_code: codeName(errorCode),
        error_message: errorCode === 0 && errorMessage === '' ? okMessage : errorMessage,
      },
    })),
  };
}

interface Keys {
  readonly tensorShape: string;
  readonly unknownRank: string;
  readonly methodName: string;
}

const camel: Keys = { tensorShape: 'tensorShape', unknownRank: 'unknownRank', methodName: 'methodName' };
const snake: Keys = { tensorShape: 'tensor_shape', unknownRank: 'unknown_rank', methodName: 'method_name' };

/** Client-chosen names must not reach a prototype. */
function objectOf<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const object = Object.create(null) as Record<string, T>;
  for (const [key, value] of entries) object[key] = value;
  return object;
}

function tensorJson(info: TensorInfo, keys: Keys): object {
  return {
    dtype:
      info.dtype === undefined
        ? info.dtypeNumber === 0
          ? 'DT_INVALID'
          : info.dtypeNumber
        : enumName(info.dtype),
    [keys.tensorShape]: {
      dim: (info.shape ?? []).map((size) => ({ size: String(size), name: '' })),
      [keys.unknownRank]: info.shape === undefined,
    },
    name: info.tensorName,
  };
}

function signatureJson(signature: Signature, keys: Keys): object {
  const tensors = (infos: ReadonlyMap<string, TensorInfo>): object =>
    objectOf([...infos].map(([name, info]) => [name, tensorJson(info, keys)] as const));
  return {
    inputs: tensors(signature.inputs),
    outputs: tensors(signature.outputs),
    [keys.methodName]: signature.methodName,
    defaults: {},
  };
}

/**
 * JSON of a GetModelMetadataResponse with its SignatureDefMap (tensorflow_serving/apis/get_model_metadata.proto),
 * with OpenVINO Model Server's camelCase keys (`ovms`) or TensorFlow Serving's snake_case ones (`tfs`).
 */
export function metadataJson(metadata: ModelMetadata, style: 'ovms' | 'tfs'): object {
  const keys = style === 'ovms' ? camel : snake;
  const signatures = objectOf(
    [...metadata.signatures].map(([name, signature]) => [name, signatureJson(signature, keys)] as const),
  );
  const version = String(metadata.version);
  if (style === 'ovms') {
    return {
      modelSpec: { name: metadata.model, signatureName: '', version },
      metadata: {
        signature_def: {
          '@type': 'type.googleapis.com/tensorflow.serving.SignatureDefMap',
          signatureDef: signatures,
        },
      },
    };
  }
  return {
    model_spec: { name: metadata.model, signature_name: '', version },
    metadata: { signature_def: { signature_def: signatures } },
  };
}
