/**
 * The digit classifier: 8x8 grey images of handwritten digits; version 1 is a softmax regression, version 2 a
 * perceptron.
 */
import { readFileSync } from 'node:fs';
import { Code, StatusError } from '../../base/status.ts';
import type { NamedTensors, NumericTensor } from '../../codec/index.ts';
import {
  type DemoModel,
  examplesSignature,
  floatFeature,
  predictSignature,
  signatureMap,
  type Signatures,
} from '../model.ts';
import {
  floats,
  floatTensor,
  info,
  int64Tensor,
  needNumeric,
  rowsOf,
  shapeText,
  stringTensor,
} from '../tensors.ts';

const pixels = 64;
const classes = 10;

/** What scripts/train-digits.py writes: base64 of little-endian float32, weights row-major [inputs, outputs]. */
interface WeightsFile {
  readonly pixelMax: number;
  readonly versions: Readonly<
    Record<string, { label: string; testAccuracy: number; layers: readonly StoredLayer[] }>
  >;
}
interface StoredLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: string;
  readonly bias: string;
}
interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

const unpack = (text: string): Float32Array =>
  new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);

/** One dense layer over one row. */
function dense(layer: Layer, row: ArrayLike<number>): Float64Array {
  const sums = Float64Array.from(layer.bias);
  for (let i = 0; i < layer.inputs; i++) {
    const value = row[i] as number;
    if (value === 0) continue; // most pixels and many hidden units are 0
    const from = i * layer.outputs;
    for (let o = 0; o < layer.outputs; o++) {
      sums[o] = (sums[o] as number) + value * (layer.weights[from + o] as number);
    }
  }
  return sums;
}

/** Rows of raw pixels (0 to 16) to probabilities, [rows, 10]. */
function classify(layers: readonly Layer[], pixelMax: number, values: ArrayLike<number>): Float32Array {
  const rows = values.length / pixels;
  const probabilities = new Float32Array(rows * classes);
  for (let r = 0; r < rows; r++) {
    let row = new Float64Array(pixels);
    for (let i = 0; i < pixels; i++) row[i] = (values[r * pixels + i] as number) / pixelMax;
    layers.forEach((layer, depth) => {
      row = dense(layer, row) as Float64Array<ArrayBuffer>;
      if (depth < layers.length - 1) row = row.map((value) => Math.max(0, value));
    });
    const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const exponentials = row.map((value) => Math.exp(value - top));
    const sum = exponentials.reduce((a, b) => a + b, 0);
    exponentials.forEach((value, c) => (probabilities[r * classes + c] = value / sum));
  }
  return probabilities;
}

/** The highest-ranked class of each row. */
function best(probabilities: Float32Array): number[] {
  return rowsIn(probabilities).map((row) => row.indexOf(Math.max(...row)));
}

function rowsIn(probabilities: Float32Array): Float32Array[] {
  return Array.from({ length: probabilities.length / classes }, (_, r) =>
    probabilities.subarray(r * classes, (r + 1) * classes),
  );
}

/** [n,64] and [n,8,8], and anything else whose values make whole images, as the graph's Reshape lets pass. */
function pixelRows(tensor: NumericTensor): Float32Array {
  if (tensor.shape.length === 2 && tensor.shape[1] !== pixels) {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `Matrix size-incompatible: In[0]: ${shapeText(tensor.shape)}, In[1]: [${pixels},${classes}]\n\t [[{{node MatMul}}]]`,
    );
  }
  rowsOf(tensor, pixels, 'Reshape');
  return floats(tensor);
}

function signaturesOf(layers: readonly Layer[], pixelMax: number): Signatures {
  const run = (values: ArrayLike<number>): Float32Array => classify(layers, pixelMax, values);
  return signatureMap(
    predictSignature(
      'serving_default',
      { pixels: info('float', [-1, pixels], 'serving_default_pixels:0') },
      {
        probabilities: info('float', [-1, classes], 'StatefulPartitionedCall:0'),
        class: info('int64', [-1], 'StatefulPartitionedCall:1'),
      },
      (inputs): NamedTensors => {
        const probabilities = run(pixelRows(needNumeric(inputs, 'pixels')));
        const digits = best(probabilities);
        return new Map([
          ['probabilities', floatTensor([digits.length, classes], probabilities)],
          ['class', int64Tensor([digits.length], digits)],
        ]);
      },
    ),
    examplesSignature(
      'classify',
      'classify',
      {
        classes: info('string', [-1, classes], 'StatefulPartitionedCall_1:0'),
        scores: info('float', [-1, classes], 'StatefulPartitionedCall_1:1'),
      },
      (examples): NamedTensors => {
        const rows = rowsIn(run(examples.flatMap((example) => floatFeature(example, 'pixels', pixels))));
        // Best first.
        const ranked = rows.map((row) =>
          [...row.keys()].sort((a, b) => (row[b] as number) - (row[a] as number)),
        );
        const shape = [examples.length, classes];
        return new Map<string, ReturnType<typeof stringTensor> | NumericTensor>([
          ['classes', stringTensor(shape, ranked.flat().map(String))],
          [
            'scores',
            floatTensor(
              shape,
              ranked.flatMap((order, r) => order.map((c) => rows[r]?.[c] as number)),
            ),
          ],
        ]);
      },
    ),
  );
}

/** Creates the digit classifier from `weights/digits.json`, with the versions and labels of that file. */
export function digits(): DemoModel {
  const file = JSON.parse(
    readFileSync(new URL('../weights/digits.json', import.meta.url), 'utf8'),
  ) as WeightsFile;
  const versions = new Map<bigint, Signatures>();
  const labels = new Map<string, bigint>();
  for (const [number, { label, layers }] of Object.entries(file.versions)) {
    const unpacked = layers.map((layer) => ({
      ...layer,
      weights: unpack(layer.weights),
      bias: unpack(layer.bias),
    }));
    versions.set(BigInt(number), signaturesOf(unpacked, file.pixelMax));
    labels.set(label, BigInt(number));
  }
  return { versions, labels };
}
