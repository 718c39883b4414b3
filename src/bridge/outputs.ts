/** The outputs that a client wants, of those that a server gave: some servers give all of them whatever is asked. */
import { Code, StatusError } from '../base/status.ts';
import type { NamedChunks, TensorChunks, V2RequestedOutput } from '../codec/index.ts';

/** @throws StatusError INVALID_ARGUMENT in TensorFlow Serving's words for an output that there is not */
export function wantedOutputs(outputs: NamedChunks, wanted: readonly string[]): NamedChunks {
  if (wanted.length === 0) return outputs;
  const kept = new Map<string, TensorChunks>();
  for (const name of wanted) {
    const tensor = outputs.get(name);
    if (tensor === undefined) {
      throw new StatusError(
        Code.INVALID_ARGUMENT,
        `output tensor alias not found in signature: ${name.slice(0, 200)} Outputs expected to be in the set {${[...outputs.keys()].sort().join(',')}}.`,
      );
    }
    kept.set(name, tensor);
  }
  return kept;
}

/**
 * The names of wanted outputs, for servers that give tensors as they are.
 * @throws StatusError UNIMPLEMENTED for one that is to be another tensor (Triton's classification extension)
 */
export function plainOutputs(outputs: readonly V2RequestedOutput[]): string[] {
  return outputs.map(({ name, parameters }) => {
    if (!parameters.has('classification')) return name;
    throw new StatusError(
      Code.UNIMPLEMENTED,
      `output ${name.slice(0, 200)} is wanted as a classification, which the model's server does not have`,
    );
  });
}
