/** A string model: upper case, length and reversal of UTF-8 texts, any rank; and a join of two inputs. */
import { Code, StatusError } from '../../base/status.ts';
import type { NamedTensors, Tensor } from '../../codec/index.ts';
import { type DemoModel, predictSignature, signatureMap } from '../model.ts';
import { info, int32Tensor, needStrings, shapeText, stringTensor } from '../tensors.ts';

const decoder = new TextDecoder();

function transform(inputs: NamedTensors): NamedTensors {
  const text = needStrings(inputs, 'text');
  const texts = text.values.map((value) => decoder.decode(value));
  return new Map<string, Tensor>([
    [
      'upper',
      stringTensor(
        text.shape,
        texts.map((value) => value.toUpperCase()),
      ),
    ],
    // Code points, not UTF-16 units: "😀" has length 1.
    [
      'length',
      int32Tensor(
        text.shape,
        texts.map((value) => [...value].length),
      ),
    ],
    [
      'reversed',
      stringTensor(
        text.shape,
        texts.map((value) => [...value].reverse().join('')),
      ),
    ],
  ]);
}

function join(inputs: NamedTensors): NamedTensors {
  const left = needStrings(inputs, 'left');
  const right = needStrings(inputs, 'right');
  if (shapeText(left.shape) !== shapeText(right.shape)) {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Input shapes do not match: ${shapeText(left.shape)} vs. ${shapeText(right.shape)}\n\t [[{{node StringJoin}}]]`,
    );
  }
  const joined = left.values.map((value, i) => Buffer.concat([value, right.values[i] as Uint8Array]));
  return new Map([['joined', stringTensor(left.shape, joined)]]);
}

/** Creates the model whose default signature takes DT_STRING `text` of any rank. */
export function text(): DemoModel {
  const string = (name: string) => info('string', undefined, name);
  const signatures = signatureMap(
    predictSignature(
      'serving_default',
      { text: string('serving_default_text:0') },
      {
        upper: string('StringUpper:0'),
        length: info('int32', undefined, 'StringLength:0'),
        reversed: string('StringReverse:0'),
      },
      transform,
    ),
    predictSignature(
      'join',
      { left: string('join_left:0'), right: string('join_right:0') },
      { joined: string('StringJoin:0') },
      join,
    ),
  );
  return { versions: new Map([[1n, signatures]]), labels: new Map() };
}
