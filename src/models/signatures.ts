/** The signatures of one model as the JSON decoder asks for them. */
import { Code, StatusError } from '../base/status.ts';
import { defaultSignature, type ModelMetadata, type SignatureSource } from '../codec/index.ts';

/**
 * Looks up the signatures of this metadata; "" means the default one. get() throws StatusError INVALID_ARGUMENT
 * for a name that is not there.
 */
export function signatureSource(metadata: ModelMetadata): SignatureSource {
  return {
    names: [...metadata.signatures.keys()],
    get(name) {
      const wanted = name === '' ? defaultSignature : name;
      const signature = metadata.signatures.get(wanted);
      if (signature === undefined) {
        throw new StatusError(
          Code.INVALID_ARGUMENT,
          `Serving signature name: "${wanted}" not found in signature def`,
        );
      }
      return signature;
    },
  };
}
