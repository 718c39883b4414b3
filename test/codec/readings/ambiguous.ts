/**
 * Random messages as no library writes them: fields in any order and again and again, in other wire types, in pieces,
 * broken.
 */
import { type Random } from '../../support/random.ts';
import { below, pick } from '../json/documents.ts';

type Bytes = readonly number[];
/** A field's value behind its tag, and the wire type. */
type Value = (random: Random) => readonly [type: number, bytes: Bytes];
/** How often a field may come at most, and what it holds. */
type Fields = Readonly<Record<number, Value>>;

function varint(value: bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return out;
}

/** Longer than need be, now and then, and now and then longer than may be. */
function odd(random: Random, bytes: number[]): number[] {
  if (random() > 0.006) return bytes;
  const longer = [...bytes];
  longer[longer.length - 1] = (longer.at(-1) as number) | 0x80;
  const size = pick(random, [1, 2, 4, 5, 6, 9, 10, 11]);
  while (longer.length < size - 1) longer.push(0x80);
  longer.push(random() < 0.8 ? 0 : below(random, 128));
  return longer;
}

const delimited = (random: Random, bytes: Bytes): number[] => [
  ...odd(random, varint(BigInt(bytes.length))),
  ...bytes,
];

const number =
  (...values: bigint[]): Value =>
  (random) => [0, odd(random, varint(pick(random, values)))];
const text =
  (...values: string[]): Value =>
  (random) => [
    2,
    delimited(
      random,
      random() < 0.004
        ? pick(random, [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0x80]])
        : [...Buffer.from(pick(random, values))],
    ),
  ];
const message =
  (fields: Fields): Value =>
  (random) => [2, delimited(random, randomMessage(random, fields))];
const fixed =
  (width: 4 | 8): Value =>
  (random) => {
    const bytes = Buffer.alloc(width);
    const value = below(random, 9) - 4;
    if (width === 4) bytes.writeFloatLE(value);
    else bytes.writeDoubleLE(value);
    return [width === 4 ? 5 : 1, [...bytes]];
  };
/** A repeated number: single, or a packed run of some. */
const repeated =
  (value: Value): Value =>
  (random) => {
    if (random() < 0.4) return value(random);
    const run = Array.from({ length: below(random, 4) }, () => value(random)[1]).flat();
    return [2, delimited(random, random() < 0.01 ? [...run, 0x80] : run)];
  };
const blob =
  (...sizes: number[]): Value =>
  (random) => [
    2,
    delimited(
      random,
      Array.from({ length: pick(random, sizes) }, () => below(random, 256)),
    ),
  ];

/** What no message here has, or has otherwise. */
function noise(random: Random): Bytes {
  const field = pick(random, [1, 2, 3, 4, 5, 99, 1000]);
  const tag = (type: number): number[] => odd(random, varint(BigInt(field * 8 + type)));
  return pick(random, [
    () => [...tag(0), ...varint(7n)],
    () => [...tag(1), 1, 2, 3, 4, 5, 6, 7, 8],
    () => [...tag(5), 1, 2, 3, 4],
    // a group hides what is in it
    () => [...tag(3), 0x0a, 4, 0x0a, 2, 0x6d, 0x6d, ...tag(4)],
    () => [...varint(BigInt(99 * 8 + 2)), ...delimited(random, [1, 2, 3])],
    () => (random() < 0.1 ? [...tag(4)] : []),
    () => (random() < 0.1 ? pick(random, [[0x02, 0], [0x07], [0x0e], [0x80]]) : []),
  ])();
}

function randomMessage(random: Random, fields: Fields): number[] {
  const numbers = Object.keys(fields).map(Number);
  const pieces: Bytes[] = [];
  for (const field of numbers) {
    const times = random() < 0.55 ? 1 : below(random, 4);
    for (let i = 0; i < times; i++) {
      const [type, bytes] = (fields[field] as Value)(random);
      pieces.push([...odd(random, varint(BigInt(field * 8 + type))), ...bytes]);
    }
  }
  if (random() < 0.4) pieces.sort(() => random() - 0.5);
  return pieces.flatMap((piece) => (random() < 0.03 ? [...noise(random), ...piece] : [...piece]));
}

const name = text('cheap', 'dear', 'm', '', 'ü');
const version = number(0n, 1n, 7n, -1n, 2n ** 63n - 1n);
const modelSpec = message({
  1: name,
  2: message({ 1: version }),
  3: text('', 's', 'serving_default'),
  4: text('stable', ''),
});
const dim = message({ 1: number(0n, 1n, 1n, 1n, 2n, 2n), 2: text('d') });
const shape = message({ 2: dim, 3: number(0n, 0n, 1n) });
const small = number(0n, 1n, 5n, 300n, 70_000n, 2n ** 32n + 3n, -1n);
const tensorFields: Fields = {
  1: number(1n, 1n, 1n, 3n, 9n, 10n, 4n, 6n, 7n, 2n, 8n, 17n, 19n, 22n, 23n, 2n ** 32n + 1n),
  2: shape,
  4: blob(0, 0, 0, 4, 8, 16),
  5: repeated(fixed(4)),
  6: repeated(fixed(8)),
  7: repeated(small),
  8: blob(0, 1, 3),
  9: repeated(fixed(4)),
  10: repeated(small),
  11: repeated(number(0n, 1n, 2n ** 40n)),
  13: repeated(small),
  16: repeated(small),
  17: repeated(small),
};
/** Any of these at a time, or a shape would rarely fit. */
const someTensor: Value = (random) => {
  const kept = Object.entries(tensorFields).filter(([field]) => Number(field) < 3 || random() < 0.25);
  return message(Object.fromEntries(kept))(random);
};
const entry = (key: Value, value: Value): Value => message({ 1: key, 2: value });
const examples = blob(0, 3);

const parameter = message({
  1: number(0n, 1n),
  2: number(0n, 42n, -1n, 2n ** 62n),
  3: text('', 'abc'),
  4: fixed(8),
  5: number(0n, 43n, 2n ** 64n - 1n),
});
const parameters = entry(text('sequence_id', 'sequence_start', 'sequence_end', 'x'), (random) =>
  // most have one choice
  random() < 0.6
    ? message({ [pick(random, [1, 2, 3, 4, 5])]: pick(random, [number(1n), text('t'), fixed(8)]) })(random)
    : parameter(random),
);
const contents = message({
  1: repeated(number(0n, 1n)),
  2: repeated(small),
  3: repeated(small),
  4: repeated(number(0n, 7n)),
  5: repeated(number(0n, 9n, 2n ** 64n - 1n)),
  6: repeated(fixed(4)),
  7: repeated(fixed(8)),
  8: blob(0, 1, 3),
});
const someContents: Value = (random) => {
  const field = pick(random, [1, 3, 4, 5, 6, 8]);
  const values: Fields = {
    1: repeated(number(0n, 1n)),
    2: repeated(small),
    3: repeated(small),
    4: repeated(number(0n, 7n)),
    5: repeated(number(0n, 9n, 2n ** 64n - 1n)),
    6: repeated(fixed(4)),
    7: repeated(fixed(8)),
    8: blob(0, 1, 3),
  };
  return random() < 0.2 ? contents(random) : message({ [field]: values[field] as Value })(random);
};
const inferInput = message({
  1: text('x', 'y', 'sequence_id', 'sequence_control_input'),
  2: text('FP32', 'INT64', 'UINT64', 'UINT32', 'BYTES', 'BOOL', 'UINT8'),
  3: repeated(number(0n, 1n, 1n, 2n, -1n)),
  4: parameters,
  5: someContents,
});

/** Datatypes, and which contents hold one value of them. */
const oneValue: readonly (readonly [string, number, Value])[] = [
  ['FP32', 6, fixed(4)],
  ['INT64', 3, small],
  ['UINT64', 5, number(0n, 9n, 2n ** 64n - 1n)],
  ['UINT32', 4, number(0n, 7n)],
  ['BYTES', 8, blob(0, 1, 3)],
  ['BOOL', 1, number(0n, 1n)],
];
/** One that adds up, as long as nothing comes twice. */
const fittingInput: Value = (random) => {
  const [datatype, field, value] = pick(random, oneValue);
  return message({
    1: text('x', 'y', 'z', 'sequence_id', 'sequence_control_input'),
    2: text(datatype),
    3: number(1n),
    4: parameters,
    5: message({ [field]: value }),
  })(random);
};

/** Messages by what they are; names are those of the published packages. */
export const kinds = {
  PredictRequest: {
    1: modelSpec,
    2: entry(text('x', 'x', 'y', 'sequence_id', ''), someTensor),
    3: text('y', 'z'),
  },
  ClassificationRequest: { 1: modelSpec, 2: examples },
  RegressionRequest: { 1: modelSpec, 2: examples },
  GetModelMetadataRequest: { 1: modelSpec, 2: text('signature_def') },
  GetModelStatusRequest: { 1: modelSpec },
  MultiInferenceRequest: {
    1: message({ 1: modelSpec, 2: text('tensorflow/serving/classify') }),
    2: examples,
  },
  ModelInferRequest: {
    1: text('cheap', 'dear', 'm', 'm', 'ü', ''),
    2: text('', '1', '7', 'v1.2', '007', '18446744073709551616'),
    3: text('id', ''),
    4: parameters,
    5: (random) => (random() < 0.7 ? fittingInput : inferInput)(random),
    6: message({ 1: text('y', 'z'), 2: parameters }),
    // of another wire type it is nothing
    7: (random) => (random() < 0.15 ? blob(0, 4, 8)(random) : [0, [1]]),
  },
  ModelReadyRequest: { 1: name, 2: text('', '1', 'v1.2') },
} as const satisfies Readonly<Record<string, Fields>>;
export type Kind = keyof typeof kinds;

/** A message of a kind; one of twenty is cut, and one of twenty spoilt. */
export function ambiguous(random: Random, kind: Kind): Buffer {
  const bytes = Buffer.from(randomMessage(random, kinds[kind]));
  const fate = random();
  if (fate < 0.05) return bytes.subarray(0, below(random, bytes.length + 1));
  if (fate < 0.1 && bytes.length > 0) bytes[below(random, bytes.length)] = below(random, 256);
  return bytes;
}
