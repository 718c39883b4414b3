/** PredictionService.Predict and GetModelMetadata: TF Serving's checks in its order, then the model. */
import { Code, StatusError } from '../base/status.ts';
import {
  decodeGetModelMetadataRequest,
  decodePredictRequest,
  defaultSignature,
  encodeGetModelMetadataResponse,
  encodePredictResponse,
  type NamedTensors,
  readModelSpec,
  type Signature,
} from '../codec/index.ts';
import { servedSpec } from './model.ts';
import type { Registry } from './registry.ts';
import { encodeTypedPredictResponse } from './typed-reply.ts';

const invalid = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

/** A set as TF Serving prints it: sorted, "{a,b}". */
const setText = (names: Iterable<string>): string => `{${[...names].sort().join(',')}}`;

/** Names and number of the inputs (predict_util.cc's texts). */
function checkInputs(signature: Signature, inputs: NamedTensors): void {
  const wanted = signature.inputs;
  if (inputs.size !== wanted.size) {
    const extra = [...inputs.keys()].filter((name) => !wanted.has(name));
    const missing = [...wanted.keys()].filter((name) => !inputs.has(name));
    throw invalid(
      `input size does not match signature: ${inputs.size}!=${wanted.size} len(${setText(inputs.keys())}) != ` +
        `len(${setText(wanted.keys())}). Sent extra: ${setText(extra)}. Missing but required: ${setText(missing)}.`,
    );
  }
  for (const [name, info] of wanted) {
    if (inputs.has(name)) continue;
    throw invalid(
      `Signature input alias: ${name}(feed name: ${info.tensorName}) not found in request and no default value provided. ` +
        `Inputs expected to be in the request ${setText(inputs.keys())}, or default input alias set: `,
    );
  }
}

/** TensorFlow's own text; it counts the arguments in the order of their names. */
export function checkDtypes(signature: Signature, inputs: NamedTensors): void {
  [...signature.inputs.keys()].sort().forEach((name, position) => {
    const expected = signature.inputs.get(name)?.dtype;
    const given = inputs.get(name)?.dtype;
    if (expected !== given) {
      throw invalid(`Expects arg[${position}] to be ${expected} but ${given} is provided`);
    }
  });
}

function checkFilter(signature: Signature, filter: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of filter) {
    if (!signature.outputs.has(name)) {
      throw invalid(
        `output tensor alias not found in signature: ${name} Outputs expected to be in the set ${setText(signature.outputs.keys())}.`,
      );
    }
    if (seen.has(name)) throw invalid(`duplicate output tensor alias: ${name}`);
    seen.add(name);
  }
}

/**
 * Handles PredictionService.Predict; returns the response in chunks.
 * @param tensorContent outputs as tensor_content in place of typed values
 * @throws StatusError FAILED_PRECONDITION for an unknown signature; INVALID_ARGUMENT for inputs or an output
 * filter that do not fit it
 */
export function predict(registry: Registry, request: Uint8Array, tensorContent: boolean): Uint8Array[] {
  const { name, version, signatures } = registry.resolve(readModelSpec(request, true)?.spec);
  const { spec, inputs, outputFilter } = decodePredictRequest(request);
  const key = spec === undefined || spec.signature === '' ? defaultSignature : spec.signature;
  const signature = signatures.get(key);
  if (signature === undefined) {
    throw new StatusError(Code.FAILED_PRECONDITION, `Serving signature key "${key}" not found.`);
  }
  checkInputs(signature, inputs);
  checkFilter(signature, outputFilter);
  checkDtypes(signature, inputs);
  let outputs = signature.run(inputs);
  if (outputFilter.length > 0) {
    outputs = new Map([...outputs].filter(([output]) => outputFilter.includes(output)));
  }
  const response = { spec: servedSpec(name, version, key), outputs: new Map(outputs) };
  return tensorContent ? encodePredictResponse(response) : encodeTypedPredictResponse(response);
}

/**
 * Handles PredictionService.GetModelMetadata.
 * @throws StatusError INVALID_ARGUMENT without a spec, without fields, or for a field other than
 * "signature_def"
 */
export function getModelMetadata(registry: Registry, request: Uint8Array): Uint8Array {
  const { spec, fields } = decodeGetModelMetadataRequest(request);
  if (spec === undefined) throw invalid('Missing ModelSpec');
  if (fields.length === 0) {
    throw invalid('GetModelMetadataRequest must specify at least one metadata_field');
  }
  for (const field of fields) {
    if (field !== 'signature_def') throw invalid(`Metadata field ${field} is not supported`);
  }
  const { name, version, signatures } = registry.resolve(spec);
  return encodeGetModelMetadataResponse({ model: name, version, signatures });
}
