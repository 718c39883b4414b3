/** A model that gives back what it got, one signature for each dtype: for tests of the way there and back. */
import { type DType, dtypes } from '../../codec/index.ts';
import { type DemoModel, type DemoSignature, predictSignature, signatureMap } from '../model.ts';
import { info, need } from '../tensors.ts';

/** Every dtype that a client can send as values. */
const echoed = (Object.keys(dtypes) as DType[]).filter(
  (dtype) => dtypes[dtype].width > 0 || dtype === 'string',
);

/** Input x to output x (or another output name), any rank. */
function echoOf(name: string, dtype: DType, output = 'x'): DemoSignature {
  return predictSignature(
    name,
    { x: info(dtype, undefined, `${name}_x:0`) },
    { [output]: info(dtype, undefined, 'Identity:0') },
    (inputs) => new Map([[output, need(inputs, 'x')]]),
  );
}

/**
 * Creates the model: a signature for each dtype that returns its input, and ones for base64 output and for two
 * inputs.
 */
export function echo(): DemoModel {
  const signatures = signatureMap(
    echoOf('serving_default', 'float'),
    ...echoed.map((dtype) => echoOf(dtype, dtype)),
    // An output whose name ends in _bytes: base64 in JSON replies.
    echoOf('bytes', 'string', 'x_bytes'),
    // Two inputs of different dtypes, the example of TF Serving's REST documentation.
    predictSignature(
      'pair',
      { a: info('int64', undefined, 'pair_a:0'), s: info('string', undefined, 'pair_s:0') },
      { a: info('int64', undefined, 'Identity:0'), s: info('string', undefined, 'Identity_1:0') },
      (inputs) => new Map(inputs),
    ),
  );
  return { versions: new Map([[1n, signatures]]), labels: new Map() };
}

/** Only the default signature, of one dtype: for clients of APIs that have no signatures. */
export function identity(dtype: DType): DemoModel {
  return { versions: new Map([[1n, signatureMap(echoOf('serving_default', dtype))]]), labels: new Map() };
}

/** Every dtype that identity() can have. */
export const identityDtypes: readonly DType[] = echoed;
