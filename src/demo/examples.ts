/** Classify and Regress: Examples in, TF Serving's checks on signature and results, scores out. */
import { Code, StatusError } from '../base/status.ts';
import {
  type ClassScore,
  decodeExamplesRequest,
  defaultSignature,
  encodeClassificationResponse,
  encodeRegressionResponse,
  type Example,
  type ModelSpec,
  type NamedTensors,
  readModelSpec,
} from '../codec/index.ts';
import { type DemoSignature, servedSpec } from './model.ts';
import type { Registry, Servable } from './registry.ts';
import { floats, shapeText } from './tensors.ts';

const invalid = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

/** Context and example together: protobuf merges their feature maps, the example's wins. */
export function withContext(examples: readonly Example[], context: Example | undefined): readonly Example[] {
  if (examples.length === 0) throw invalid('Input is empty.');
  if (context === undefined) return examples;
  return examples.map((example) => new Map([...context, ...example]));
}

function signatureOf(servable: Servable, name: string): DemoSignature {
  const signature = servable.signatures.get(name);
  if (signature === undefined) throw invalid(`No signature was found with the name: ${name}`);
  if (signature.inputs.size !== 1) throw invalid('Expected one input Tensor.');
  return signature;
}

function runOn(signature: DemoSignature, examples: readonly Example[]): NamedTensors {
  if (signature.runExamples !== undefined) return signature.runExamples(examples);
  const [info] = signature.inputs.values();
  throw invalid(`Expects arg[0] to be ${info?.dtype} but string is provided`);
}

/** The [rows, columns] of scores or classes. */
function twoDimensions(shape: readonly number[]): [number, number] {
  const [rows, columns] = shape;
  if (shape.length !== 2 || rows === undefined || columns === undefined) {
    throw invalid(`Expected Tensor shape: [batch_size num_classes] but got ${shapeText(shape)}`);
  }
  return [rows, columns];
}

/**
 * Runs a classify signature on Examples: for each, its classes with label and score.
 * @throws StatusError INVALID_ARGUMENT when the signature's inputs or outputs are none of a classifier
 */
export function classifyExamples(
  servable: Servable,
  name: string,
  examples: readonly Example[],
): ClassScore[][] {
  const signature = signatureOf(servable, name);
  const count = signature.outputs.size;
  if (count !== 1 && count !== 2) throw invalid(`Expected one or two output Tensors, found ${count}`);
  if (!signature.inputs.has('inputs')) {
    throw invalid(`No classification inputs found in SignatureDef: ${name}`);
  }
  if (!signature.outputs.has('classes') && !signature.outputs.has('scores')) {
    throw invalid(
      `Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ${name}`,
    );
  }
  const outputs = runOn(signature, examples);
  const classes = outputs.get('classes');
  const scores = outputs.get('scores');
  const labels = classes?.dtype === 'string' ? classes.values : undefined;
  const values = scores === undefined || scores.dtype === 'string' ? undefined : floats(scores);
  const [rows, columns] = twoDimensions((classes ?? scores)?.shape ?? []);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_unused, column) => {
      const at = row * columns + column;
      return { label: Buffer.from(labels?.[at] ?? []).toString('utf8'), score: values?.[at] ?? 0 };
    }),
  );
}

/**
 * Runs a regress signature on Examples: one value for each.
 * @throws StatusError INVALID_ARGUMENT when the signature's inputs or outputs are none of a regressor
 */
export function regressExamples(servable: Servable, name: string, examples: readonly Example[]): number[] {
  const signature = signatureOf(servable, name);
  if (signature.outputs.size !== 1) throw invalid('Expected one output Tensor.');
  if (!signature.inputs.has('inputs')) throw invalid(`No regression inputs found in SignatureDef: ${name}`);
  if (!signature.outputs.has('outputs')) {
    throw invalid(`No regression outputs found in SignatureDef: ${name}`);
  }
  const output = runOn(signature, examples).get('outputs');
  if (output === undefined || output.dtype === 'string') throw invalid('Expected one output Tensor.');
  return [...floats(output)];
}

interface Prepared {
  readonly servable: Servable;
  readonly signature: string;
  readonly spec: ModelSpec;
  readonly examples: readonly Example[];
}

function prepare(registry: Registry, request: Uint8Array): Prepared {
  const spec = readModelSpec(request, true)?.spec;
  const servable = registry.resolve(spec);
  const { examples, context } = decodeExamplesRequest(request);
  const signature = spec === undefined || spec.signature === '' ? defaultSignature : spec.signature;
  return {
    servable,
    signature,
    spec: servedSpec(servable.name, servable.version, signature),
    examples: withContext(examples, context),
  };
}

/**
 * Handles PredictionService.Classify: ClassificationRequest to ClassificationResponse.
 * @throws StatusError as TensorFlow Serving, for the model, the signature or the Examples
 */
export function classify(registry: Registry, request: Uint8Array): Uint8Array {
  const { servable, signature, spec, examples } = prepare(registry, request);
  return encodeClassificationResponse({ spec, results: classifyExamples(servable, signature, examples) });
}

/**
 * Handles PredictionService.Regress: RegressionRequest to RegressionResponse.
 * @throws StatusError as TensorFlow Serving, for the model, the signature or the Examples
 */
export function regress(registry: Registry, request: Uint8Array): Uint8Array {
  const { servable, signature, spec, examples } = prepare(registry, request);
  return encodeRegressionResponse({ spec, values: regressExamples(servable, signature, examples) });
}
