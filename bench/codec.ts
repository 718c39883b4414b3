/**
 * npm run bench: how fast JSON becomes tensors and tensors become JSON, beside what JavaScript offers for it. MB are of
 * JSON text; each figure is the median of several rounds, and the rounds of all rows take turns, so that whatever else
 * the machine does hits all alike.
 */
import { Bench } from 'tinybench';
import {
  type DType,
  dtypes,
  encodePredictJson,
  predictBody,
  type SignatureSource,
  type Tensor,
} from '../src/codec/index.ts';

const limits = {
  maxBodyBytes: 2 ** 28,
  maxDepth: 64,
  maxRank: 32,
  maxElements: 2 ** 26,
  maxStringBytes: 2 ** 26,
  maxExampleValues: 2 ** 20,
};
const options = { strictDtypes: true, extraDtypes: true };
/** What a socket gives at once. */
const chunkBytes = 65_536;
/** An image of 224 x 224 pixels. */
const shape = [1, 224, 224, 3];
const count = 224 * 224 * 3;

const sourceOf = (dtype: DType): SignatureSource => ({
  names: ['serving_default'],
  get: () => ({
    name: 'serving_default',
    methodName: 'tensorflow/serving/predict',
    inputs: new Map([
      ['x', { dtype, dtypeNumber: dtypes[dtype].number, shape: undefined, tensorName: 'x:0' }],
    ]),
    outputs: new Map(),
  }),
});

/** Pixels in rows of rows, as clients print them. */
function body(value: (i: number) => string): Buffer {
  let i = 0;
  const pixel = (): string => `[${value(i++)}, ${value(i++)}, ${value(i++)}]`;
  const row = (): string => `[${Array.from({ length: 224 }, pixel).join(', ')}]`;
  return Buffer.from(`{"instances": [[${Array.from({ length: 224 }, row).join(', ')}]]}`);
}

function decode(text: Buffer, source: SignatureSource): ReturnType<ReturnType<typeof predictBody>['finish']> {
  const reader = predictBody(source, limits, options);
  for (let at = 0; at < text.length; at += chunkBytes) reader.push(text.subarray(at, at + chunkBytes));
  return reader.finish();
}

function encode(tensor: Tensor): number {
  const pieces = encodePredictJson(new Map([['y', tensor]]), 'row', options);
  for (let bytes = 0; ;) {
    const { value, done } = pieces.next();
    bytes += value.length;
    if (done === true) return bytes;
  }
}

let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};
const float = (): number => Math.fround(random());

const rows: readonly (readonly [
  name: string,
  dtype: DType,
  value: () => string,
  array: (values: number[]) => ArrayBufferView,
])[] = [
  ['uint8, 1 to 3 digits', 'uint8', () => String(Math.floor(random() * 256)), (v) => Uint8Array.from(v)],
  ['int32, 10 digits', 'int32', () => String(Math.floor(random() * 2 ** 31)), (v) => Int32Array.from(v)],
  ['int64, 16 digits', 'int64', () => String(Math.floor(random() * 2 ** 53)), (v) => Float64Array.from(v)],
  ['float, 2 digits', 'float', () => random().toFixed(2), (v) => Float32Array.from(v)],
  ['float, 6 digits', 'float', () => random().toFixed(6), (v) => Float32Array.from(v)],
  ['float, %.8e', 'float', () => float().toExponential(8), (v) => Float32Array.from(v)],
  ['float, 17 digits', 'float', () => String(float()), (v) => Float32Array.from(v)],
  ['double, 17 digits', 'double', () => String(random()), (v) => Float64Array.from(v)],
  [
    'float, softmax',
    'float',
    () => String(Math.fround(Math.exp(-20 * random()))),
    (v) => Float32Array.from(v),
  ],
  ['half, 6 digits', 'half', () => random().toFixed(6), (v) => Float32Array.from(v)],
  ['bfloat16, 6 digits', 'bfloat16', () => random().toFixed(6), (v) => Float32Array.from(v)],
];

/** Bytes of text by task, since a rate needs them. */
const sizes = new Map<string, number>();
const bench = new Bench({ time: 700, warmupTime: 300 });
function add(name: string, bytes: number, run: () => unknown): void {
  sizes.set(name, bytes);
  bench.add(name, run);
}

for (const [name, dtype, value, array] of rows) {
  const text = body(value);
  const source = sourceOf(dtype);
  add(`decode|${name}|ours`, text.length, () => decode(text, source));
  add(`decode|${name}|theirs`, text.length, () =>
    array((JSON.parse(text.toString()) as { instances: number[] }).instances.flat(4)),
  );
  const { parts } = decode(text, source).inputs.get('x') ?? { parts: [] };
  const tensor = { dtype, shape, bytes: Buffer.concat(parts) } as Tensor;
  const nested = (JSON.parse(text.toString()) as { instances: unknown }).instances;
  add(`encode|${name}|ours`, encode(tensor), () => encode(tensor));
  const theirs = Buffer.from(JSON.stringify({ predictions: nested }));
  add(`encode|${name}|theirs`, theirs.length, () => Buffer.from(JSON.stringify({ predictions: nested })));
}
const picture = Buffer.alloc(count, 'tensor').toString('base64');
const strings = Buffer.from(JSON.stringify({ instances: [{ b64: picture }] }));
add('decode|base64|ours', strings.length, () => decode(strings, sourceOf('string')));
add('decode|base64|theirs', strings.length, () =>
  (JSON.parse(strings.toString()) as { instances: { b64: string }[] }).instances.map(({ b64 }) =>
    Buffer.from(b64, 'base64'),
  ),
);

await bench.run();
const rates = new Map<string, number>();
for (const task of bench.tasks) {
  if (task.result.state !== 'completed') throw new Error(`${task.name}: ${task.result.state}`);
  rates.set(task.name, (sizes.get(task.name) ?? 0) / 1e6 / (task.result.latency.p50 / 1e3));
}
console.log('MB/s of JSON text                       decode   JSON.parse + flat   encode   JSON.stringify');
for (const name of [...rows.map(([each]) => each), 'base64']) {
  const cell = (task: string, width: number): string => {
    const rate = rates.get(task);
    return (rate === undefined ? '' : rate.toFixed(0)).padStart(width);
  };
  console.log(
    name.padEnd(36) +
      cell(`decode|${name}|ours`, 10) +
      cell(`decode|${name}|theirs`, 20) +
      cell(`encode|${name}|ours`, 9) +
      cell(`encode|${name}|theirs`, 17),
  );
}
