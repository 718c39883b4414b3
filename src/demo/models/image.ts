/** An image model: encoded JPEG or PNG to size, mean colour, the nearest colour's name and a small PNG. */
import type { NamedTensors, Tensor } from '../../codec/index.ts';
import { decodeImage, type Image, meanColour, thumbnail } from '../images/image.ts';
import { encodePng } from '../images/png.ts';
import { bytesFeature, type DemoModel, examplesSignature, predictSignature, signatureMap } from '../model.ts';
import { floatTensor, info, int32Tensor, needStringList, stringTensor } from '../tensors.ts';

/** The classes: the corners of the RGB cube, its middle, and orange. */
const colours: readonly (readonly [string, number, number, number])[] = [
  ['black', 0, 0, 0],
  ['red', 1, 0, 0],
  ['green', 0, 1, 0],
  ['blue', 0, 0, 1],
  ['yellow', 1, 1, 0],
  ['magenta', 1, 0, 1],
  ['cyan', 0, 1, 1],
  ['white', 1, 1, 1],
  ['grey', 0.5, 0.5, 0.5],
  ['orange', 1, 0.5, 0],
];

const thumbnailSide = 16;

/** Softmax over the nearness to each colour, best first. */
function classifyColour(image: Image): { label: string; score: number }[] {
  const [r, g, b] = meanColour(image);
  const near = colours.map(([label, cr, cg, cb]) => ({
    label,
    score: Math.exp(-8 * Math.hypot(r - cr, g - cg, b - cb)),
  }));
  const sum = near.reduce((total, { score }) => total + score, 0);
  return near.map(({ label, score }) => ({ label, score: score / sum })).sort((a, b) => b.score - a.score);
}

function describe(inputs: NamedTensors): NamedTensors {
  const encoded = needStringList(inputs, 'image');
  const images = encoded.values.map(decodeImage);
  const { shape } = encoded;
  return new Map<string, Tensor>([
    [
      'size',
      int32Tensor(
        [...shape, 2],
        images.flatMap(({ height, width }) => [height, width]),
      ),
    ],
    ['mean_rgb', floatTensor([...shape, 3], images.flatMap(meanColour))],
    [
      'label',
      stringTensor(
        shape,
        images.map((image) => classifyColour(image)[0]?.label ?? ''),
      ),
    ],
    [
      'thumbnail_bytes',
      stringTensor(
        shape,
        images.map((image) => encodePng(thumbnail(image, thumbnailSide))),
      ),
    ],
  ]);
}

/** Creates the model whose signature takes JPEG or PNG bytes as strings [-1]. */
export function image(): DemoModel {
  const signatures = signatureMap(
    predictSignature(
      'serving_default',
      { image: info('string', [-1], 'serving_default_image:0') },
      {
        size: info('int32', [-1, 2], 'StatefulPartitionedCall:0'),
        mean_rgb: info('float', [-1, 3], 'StatefulPartitionedCall:1'),
        label: info('string', [-1], 'StatefulPartitionedCall:2'),
        thumbnail_bytes: info('string', [-1], 'StatefulPartitionedCall:3'),
      },
      describe,
    ),
    examplesSignature(
      'classify',
      'classify',
      {
        classes: info('string', [-1, colours.length], 'StatefulPartitionedCall_1:0'),
        scores: info('float', [-1, colours.length], 'StatefulPartitionedCall_1:1'),
      },
      (examples): NamedTensors => {
        const ranked = examples.flatMap((example) =>
          classifyColour(decodeImage(bytesFeature(example, 'image'))),
        );
        const shape = [examples.length, colours.length];
        return new Map<string, Tensor>([
          [
            'classes',
            stringTensor(
              shape,
              ranked.map(({ label }) => label),
            ),
          ],
          [
            'scores',
            floatTensor(
              shape,
              ranked.map(({ score }) => score),
            ),
          ],
        ]);
      },
    ),
  );
  return { versions: new Map([[1n, signatures]]), labels: new Map() };
}
