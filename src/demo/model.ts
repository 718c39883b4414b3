/** What a model of the demo server is: versions, each with signatures that can be run. */
import { Code, StatusError } from '../base/status.ts';
import {
  decodeExample,
  type Example,
  type ModelSpec,
  type NamedTensors,
  type Signature,
  type TensorInfo,
} from '../codec/index.ts';
import { info, needStrings } from './tensors.ts';

/** The method names that SignatureDefs carry (saved_model/signature_constants.py). */
export const methodNames = {
  predict: 'tensorflow/serving/predict',
  classify: 'tensorflow/serving/classify',
  regress: 'tensorflow/serving/regress',
} as const;

/**
 * A signature and the computation behind it. Inputs have the signature's names and dtypes; shapes are the model's to
 * check.
 */
export interface DemoSignature extends Signature {
  run(inputs: NamedTensors): NamedTensors;
  /** Set for signatures that take serialized tf.Examples in "inputs": the same run on decoded ones. */
  runExamples?(examples: readonly Example[]): NamedTensors;
}

export type Signatures = ReadonlyMap<string, DemoSignature>;

/** A model as it is made; the registry gives each version its state. */
export interface DemoModel {
  readonly versions: ReadonlyMap<bigint, Signatures>;
  readonly labels: ReadonlyMap<string, bigint>;
}

type Infos = Readonly<Record<string, TensorInfo>>;

const asMap = (infos: Infos): ReadonlyMap<string, TensorInfo> => new Map(Object.entries(infos));

/** Creates a signature with TensorFlow Serving's predict method name; `run` gets the checked inputs. */
export function predictSignature(
  name: string,
  inputs: Infos,
  outputs: Infos,
  run: (inputs: NamedTensors) => NamedTensors,
): DemoSignature {
  return { name, methodName: methodNames.predict, inputs: asMap(inputs), outputs: asMap(outputs), run };
}

/** A classify or regress signature: one string input "inputs" of serialized Examples. */
export function examplesSignature(
  name: string,
  verb: 'classify' | 'regress',
  outputs: Infos,
  runExamples: (examples: readonly Example[]) => NamedTensors,
): DemoSignature {
  return {
    name,
    methodName: methodNames[verb],
    inputs: asMap({ inputs: info('string', undefined, 'tf_example:0') }),
    outputs: asMap(outputs),
    run: (inputs) => runExamples(needStrings(inputs, 'inputs').values.map(parseExample)),
    runExamples,
  };
}

/** Maps the signatures by their names. */
export function signatureMap(...signatures: DemoSignature[]): Signatures {
  return new Map(signatures.map((signature) => [signature.name, signature]));
}

/** One serialized tf.Example. */
function parseExample(bytes: Uint8Array): Example {
  try {
    return decodeExample(bytes);
  } catch {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      'Could not parse example input, value is not a tf.Example\n\t [[{{node ParseExample/ParseExampleV2}}]]',
    );
  }
}

/** The numbers of a float feature of fixed length, as tf.io.FixedLenFeature reads it; TensorFlow's texts. */
export function floatFeature(
  example: Example,
  name: string,
  length: number,
  fallback?: number,
): readonly number[] {
  const feature = example.get(name);
  if (feature === undefined || feature.kind === 'none') {
    if (fallback !== undefined) return new Array<number>(length).fill(fallback);
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Feature: ${name} (data type: float) is required but could not be found.` +
        '\n\t [[{{node ParseExample/ParseExampleV2}}]]',
    );
  }
  if (feature.kind !== 'float')
    throw featureType(name, feature.kind === 'int64' ? 'int64' : 'string', 'float');
  if (feature.values.length !== length) {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Key: ${name}.  Number of float values != expected.  Values size: ${feature.values.length} but output shape: [${length}]` +
        '\n\t [[{{node ParseExample/ParseExampleV2}}]]',
    );
  }
  return feature.values;
}

/** The one byte string of a bytes feature. */
export function bytesFeature(example: Example, name: string): Uint8Array {
  const feature = example.get(name);
  if (feature === undefined || feature.kind === 'none') {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Feature: ${name} (data type: string) is required but could not be found.` +
        '\n\t [[{{node ParseExample/ParseExampleV2}}]]',
    );
  }
  if (feature.kind !== 'bytes') throw featureType(name, feature.kind, 'string');
  const value = feature.values[0];
  if (value === undefined || feature.values.length !== 1) {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Key: ${name}.  Number of bytes values != expected.  Values size: ${feature.values.length} but output shape: []` +
        '\n\t [[{{node ParseExample/ParseExampleV2}}]]',
    );
  }
  return value;
}

function featureType(name: string, got: string, expected: string): StatusError {
  return new StatusError(
    Code.INVALID_ARGUMENT,
    `Key: ${name}.  Data types don't match. Data type: ${got} but expected type: ${expected}` +
      '\n\t [[{{node ParseExample/ParseExampleV2}}]]',
  );
}

/** A spec as replies carry it: the name asked for and the version that ran, never a label. */
export function servedSpec(name: string, version: bigint, signature: string): ModelSpec {
  return { name, version, signature };
}
