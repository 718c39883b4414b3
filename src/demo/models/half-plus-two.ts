/** TF Serving's own test model (saved_model_half_plus_two.py): y = x/2 + 2, with classify and regress signatures. */
import type { Example, NamedTensors } from '../../codec/index.ts';
import {
  type DemoModel,
  type DemoSignature,
  examplesSignature,
  floatFeature,
  methodNames,
  predictSignature,
  signatureMap,
} from '../model.ts';
import { floats, floatTensor, info, needNumeric } from '../tensors.ts';

/** The version number of TF Serving's test data directory. */
const version = 123n;
const half = 0.5;

/** a*x + b in float32 steps, as the graph computes it. */
const line = (x: number, b: number): number => Math.fround(Math.fround(half * x) + b);

const column = (name: string) => info('float', [-1, 1], name);

/** One of the graph's lines over a feature of each Example; "x2" has a default, "x" has not. */
function overExamples(output: string, feature: 'x' | 'x2', b: number) {
  return (examples: readonly Example[]): NamedTensors =>
    new Map([
      [
        output,
        floatTensor(
          [examples.length, 1],
          examples.map((example) => {
            const [x = 0] = floatFeature(example, feature, 1, feature === 'x2' ? 0 : undefined);
            return line(x, b);
          }),
        ),
      ],
    ]);
}

function overTensor(input: string, output: string, b: number) {
  return (inputs: NamedTensors): NamedTensors => {
    const x = needNumeric(inputs, input);
    return new Map([
      [
        output,
        floatTensor(
          x.shape,
          floats(x).map((value) => line(value, b)),
        ),
      ],
    ]);
  };
}

/** Creates the model with its predict, classify and regress signatures. */
export function halfPlusTwo(): DemoModel {
  const regressTensor: DemoSignature = {
    ...predictSignature(
      'regress_x2_to_y3',
      { inputs: column('x2:0') },
      { outputs: column('y3:0') },
      overTensor('inputs', 'outputs', 3),
    ),
    methodName: methodNames.regress,
  };
  const signatures = signatureMap(
    predictSignature('serving_default', { x: column('x:0') }, { y: column('y:0') }, overTensor('x', 'y', 2)),
    examplesSignature(
      'classify_x_to_y',
      'classify',
      { scores: column('y:0') },
      overExamples('scores', 'x', 2),
    ),
    examplesSignature(
      'regress_x_to_y',
      'regress',
      { outputs: column('y:0') },
      overExamples('outputs', 'x', 2),
    ),
    examplesSignature(
      'regress_x_to_y2',
      'regress',
      { outputs: column('y2:0') },
      overExamples('outputs', 'x', 3),
    ),
    regressTensor,
  );
  return { versions: new Map([[version, signatures]]), labels: new Map() };
}
