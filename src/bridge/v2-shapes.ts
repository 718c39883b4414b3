/** Between V2's tensors and metadata, and what the rest of the gateway calls them. */
import type { Target } from '../call/index.ts';
import {
  defaultSignature,
  dtypeOfV2,
  dtypes,
  type NamedChunks,
  type Signature,
  type TensorChunks,
  type TensorInfo,
  type V2InferRequest,
  type V2ModelMetadata,
  v2Of,
  type V2TensorMetadata,
} from '../codec/index.ts';
import { onlyVersion, type VersionNames } from '../models/index.ts';
import type { Inference, ModelDescription } from './inference.ts';

/** TensorFlow's clients send a single string without a dimension; V2 servers want a list of one. */
function withDimension(tensors: NamedChunks): NamedChunks {
  let changed: Map<string, TensorChunks> | undefined;
  for (const [name, tensor] of tensors) {
    if (tensor.dtype !== 'string' || tensor.shape.length > 0) continue;
    changed ??= new Map(tensors);
    changed.set(name, { ...tensor, shape: [1] });
  }
  return changed ?? tensors;
}

/** The question to a V2 server. */
export function inferRequestOf(inference: Inference, names: VersionNames): V2InferRequest {
  return {
    model: inference.target.model,
    version: inference.version ?? names.textOf(inference.target),
    id: inference.id,
    parameters: inference.parameters,
    // a client of V2's own says what it means, and some servers take no dimensions at all
    inputs: inference.version === undefined ? withDimension(inference.inputs) : inference.inputs,
    inputParameters: inference.inputParameters,
    outputs: inference.outputs,
  };
}

function infosOf(tensors: readonly V2TensorMetadata[]): Map<string, TensorInfo> {
  return new Map(
    tensors.map(({ name, datatype, shape }) => {
      const dtype = dtypeOfV2(datatype);
      const dtypeNumber = dtype === undefined ? 0 : dtypes[dtype].number;
      return [name, { dtype, dtypeNumber, shape, tensorName: name }];
    }),
  );
}

const predictMethodName = 'tensorflow/serving/predict';

/** A V2 model as a SignatureDef of the default name. */
export function descriptionOf(
  { version }: Target,
  metadata: V2ModelMetadata,
  names: VersionNames,
): ModelDescription {
  const versions = names.learn(metadata.name, metadata.versions);
  const signature: Signature = {
    name: defaultSignature,
    methodName: predictMethodName,
    inputs: infosOf(metadata.inputs),
    outputs: infosOf(metadata.outputs),
  };
  const newest = versions.reduce((best, each) => (each > best ? each : best), versions[0] ?? onlyVersion);
  return {
    version: version ?? newest,
    versions,
    platform: metadata.platform,
    signatures: new Map([[defaultSignature, signature]]),
  };
}

/** The tensors of a signature in V2's words; "INVALID" for a dtype that V2 lacks, a single -1 for an unknown rank. */
export function tensorsOf(infos: ReadonlyMap<string, TensorInfo>): V2TensorMetadata[] {
  return [...infos].map(([name, { dtype, shape }]) => ({
    name,
    datatype: (dtype === undefined ? undefined : v2Of(dtype)) ?? 'INVALID',
    shape: shape ?? [-1],
  }));
}
