/** The "my_model" of the OVMS client page: input_name to output_name, as an image, a numeric or a string model. */
import type { NamedTensors } from '../../codec/index.ts';
import { decodeImage, meanColour } from '../images/image.ts';
import { type DemoModel, predictSignature, signatureMap } from '../model.ts';
import {
  doubles,
  doubleTensor,
  floatTensor,
  info,
  needNumeric,
  needStringList,
  needStrings,
  stringTensor,
} from '../tensors.ts';

export type MyModelVariant = 'image' | 'numeric' | 'string';

/**
 * The dtypes are those the page's clients send: np.array of floats is DT_DOUBLE. What works on each value alone takes
 * any rank.
 */
const tensors = {
  image: { input: 'string', inputShape: [-1], output: 'float', outputShape: [-1, 3] },
  numeric: { input: 'double', inputShape: undefined, output: 'double', outputShape: undefined },
  string: { input: 'string', inputShape: undefined, output: 'string', outputShape: undefined },
} as const;

const runs: Readonly<Record<MyModelVariant, (inputs: NamedTensors) => NamedTensors>> = {
  /** Encoded JPEG or PNG to its mean red, green and blue, 0 to 1. */
  image(inputs) {
    const encoded = needStringList(inputs, 'input_name');
    const colours = encoded.values.flatMap((bytes) => meanColour(decodeImage(bytes)));
    return new Map([['output_name', floatTensor([...encoded.shape, 3], colours)]]);
  },
  /** Twice the input. */
  numeric(inputs) {
    const x = needNumeric(inputs, 'input_name');
    return new Map([
      [
        'output_name',
        doubleTensor(
          x.shape,
          doubles(x).map((value) => 2 * value),
        ),
      ],
    ]);
  },
  /** The upper-case text. */
  string(inputs) {
    const text = needStrings(inputs, 'input_name');
    const upper = text.values.map((value) => Buffer.from(value).toString('utf8').toUpperCase());
    return new Map([['output_name', stringTensor(text.shape, upper)]]);
  },
};

/** Creates version 1 of the model with the tensors of this variant. */
export function myModel(variant: MyModelVariant): DemoModel {
  const { input, inputShape, output, outputShape } = tensors[variant];
  const signatures = signatureMap(
    predictSignature(
      'serving_default',
      { input_name: info(input, inputShape, 'serving_default_input_name:0') },
      { output_name: info(output, outputShape, 'StatefulPartitionedCall:0') },
      runs[variant],
    ),
  );
  return { versions: new Map([[1n, signatures]]), labels: new Map() };
}
