/** Which fields of a TensorProto were sent: what a server sees that insists on one of them. Read by protobufjs. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const protos = fileURLToPath(new URL('../../../protos/', import.meta.url));
const root = new protobuf.Root();
root.resolvePath = (_from, target) =>
  target.startsWith('/') || target.startsWith('google/') ? target : `${protos}${target}`;
root.loadSync('tensorflow_serving/apis/predict.proto', { keepCase: true });
const request = root.lookupType('tensorflow.serving.PredictRequest');
const tensor = root.lookupType('tensorflow.TensorProto');

export interface ProtoFields {
  readonly fields: ReadonlySet<string>;
  readonly rank: number;
}

/** @param proto a TensorProto */
export function protoFieldsOf(proto: Uint8Array): ProtoFields {
  const object = tensor.toObject(tensor.decode(proto), { arrays: false }) as Record<string, unknown>;
  const shape = object.tensor_shape as { dim?: unknown[] } | undefined;
  return { fields: new Set(Object.keys(object)), rank: shape?.dim?.length ?? 0 };
}

/** The TensorProtos of a PredictRequest by input. */
protoFieldsOf.inputs = (message: Uint8Array): Map<string, Uint8Array> => {
  const { inputs } = request.decode(message) as unknown as { inputs: Record<string, protobuf.Message> };
  return new Map(Object.entries(inputs).map(([name, proto]) => [name, tensor.encode(proto).finish()]));
};
