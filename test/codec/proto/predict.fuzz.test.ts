/** Predict messages against protobufjs: random ones, in every legal encoding, with unknown fields, cut and spoilt. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { StatusError } from '../../../src/base/status.ts';
import {
  decodePredictRequest,
  decodePredictResponse,
  type DType,
  dtypes,
  encodePredictRequest,
  type Tensor,
  widthOf,
} from '../../../src/codec/index.ts';
import { type Random, seeded } from '../../support/random.ts';
import { below, pick } from '../json/documents.ts';

const runs = Number(process.env['CODEC_FUZZ_RUNS'] ?? 12_000) / 3;
const folder = fileURLToPath(new URL('../../../protos/', import.meta.url));
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => `${folder}${target}`;
await root.load('tensorflow_serving/apis/predict.proto', { keepCase: true });
const PredictRequest = root.lookupType('tensorflow.serving.PredictRequest');
const PredictResponse = root.lookupType('tensorflow.serving.PredictResponse');
const TensorProto = root.lookupType('tensorflow.TensorProto');

/** Which field holds the values of a dtype (tensor.proto), and whether they are varints. */
const fields: Readonly<
  Record<string, readonly [name: string, number: number, kind: 'varint' | 'fixed32' | 'fixed64']>
> = {
  float: ['float_val', 5, 'fixed32'],
  double: ['double_val', 6, 'fixed64'],
  int32: ['int_val', 7, 'varint'],
  uint8: ['int_val', 7, 'varint'],
  int8: ['int_val', 7, 'varint'],
  int16: ['int_val', 7, 'varint'],
  uint16: ['int_val', 7, 'varint'],
  int64: ['int64_val', 10, 'varint'],
  bool: ['bool_val', 11, 'varint'],
  half: ['half_val', 13, 'varint'],
  bfloat16: ['half_val', 13, 'varint'],
  uint32: ['uint32_val', 16, 'varint'],
  uint64: ['uint64_val', 17, 'varint'],
};
const numeric = Object.keys(fields) as DType[];

function varint(value: bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}
const tag = (field: number, type: number): number[] => varint(BigInt(field * 8 + type));
const delimited = (field: number, bytes: readonly number[]): number[] => [
  ...tag(field, 2),
  ...varint(BigInt(bytes.length)),
  ...bytes,
];

/** A field that no message here has. */
function unknown(random: Random): number[] {
  const field = pick(random, [99, 1000, 2 ** 20]);
  return pick(random, [
    () => [...tag(field, 0), ...varint(BigInt(below(random, 2 ** 31)))],
    () => [...tag(field, 1), 1, 2, 3, 4, 5, 6, 7, 8],
    () => delimited(field, [1, 2, 3]),
    () => [...tag(field, 5), 1, 2, 3, 4],
    () => [...tag(field, 3), ...delimited(1, [9]), ...tag(field, 4)],
  ])();
}

/** One value as little-endian bytes, and as it stands on the wire. */
function randomValue(random: Random, dtype: DType): { memory: number[]; wire: number[] } {
  const width = widthOf(dtype);
  const memory = Array.from({ length: width }, () => below(random, 256));
  if (dtype === 'bool') memory[0] = below(random, 2);
  const [, , kind] = fields[dtype] ?? ['', 0, 'varint'];
  if (kind !== 'varint') return { memory, wire: memory };
  const padded = Buffer.alloc(8);
  padded.set(memory);
  let value = padded.readBigUInt64LE();
  if (dtype === 'int8' || dtype === 'int16' || dtype === 'int32') value = BigInt.asIntN(width * 8, value);
  return { memory, wire: varint(value) };
}

/** A tensor of numbers, and a TensorProto that means it, field by field in any order. */
function randomTensor(random: Random): { tensor: Tensor; wire: number[] } {
  const dtype = random() < 0.15 ? 'string' : pick(random, numeric);
  const shape = Array.from({ length: below(random, 4) }, () => below(random, 4));
  const count = shape.reduce((product, size) => product * size, 1);
  const dims = shape
    .map((size) => delimited(2, size === 0 && random() < 0.5 ? [] : [...tag(1, 0), ...varint(BigInt(size))]))
    .flat();
  const pieces: number[][] = [[...tag(1, 0), ...varint(BigInt(dtypes[dtype].number))], delimited(2, dims)];
  if (dtype === 'string') {
    const values = Array.from({ length: count }, () =>
      Array.from({ length: below(random, 5) }, () => below(random, 256)),
    );
    const written = random() < 0.2 && count > 1 ? values.map(() => values[0] as number[]) : values;
    const kept = written === values ? written : written.slice(0, 1);
    for (const value of kept) pieces.push(delimited(8, value));
    return {
      tensor: { dtype, shape, values: written.map((value) => Buffer.from(value)) },
      wire: scattered(random, pieces, false),
    };
  }
  let values = Array.from({ length: count }, () => randomValue(random, dtype));
  const [, field, kind] = fields[dtype] ?? ['', 0, 'varint'];
  const way = random();
  if (way < 0.3) {
    pieces.push(
      delimited(
        4,
        values.flatMap(({ memory }) => memory),
      ),
    );
    // what stands in the typed field beside tensor_content does not count
    if (random() < 0.3 && count > 0) pieces.push(delimited(field, randomValue(random, dtype).wire));
    if (count === 0) pieces.splice(2);
  } else {
    let stored = values;
    if (way < 0.5 && count > 1) {
      stored = values.slice(0, 1 + below(random, count - 1));
      const last = stored.at(-1);
      values = values.map((value, i) => (i < stored.length ? value : (last ?? value)));
    }
    for (let at = 0; at < stored.length;) {
      const size = random() < 0.4 ? stored.length - at : 1 + below(random, 3);
      const run = stored.slice(at, at + size);
      at += size;
      // packed, or one field for each
      if (random() < 0.5)
        pieces.push(
          delimited(
            field,
            run.flatMap(({ wire }) => wire),
          ),
        );
      else
        for (const { wire } of run)
          pieces.push([...tag(field, kind === 'varint' ? 0 : kind === 'fixed32' ? 5 : 1), ...wire]);
    }
  }
  const bytes = Buffer.from(values.flatMap(({ memory }) => memory));
  return { tensor: { dtype, shape, bytes }, wire: scattered(random, pieces, way < 0.3) };
}

/** Pieces in their order (what repeats must keep it), the first two anywhere, unknown fields between them. */
function scattered(random: Random, pieces: readonly number[][], free: boolean): number[] {
  const list = free ? [...pieces].sort(() => random() - 0.5) : [...pieces];
  if (!free && random() < 0.5) list.push(...list.splice(0, 2));
  return list.flatMap((piece) => (random() < 0.1 ? [...unknown(random), ...piece] : piece));
}

const text = (value: string): number[] => [...Buffer.from(value)];
const names = ['x', '', 'é', '__proto__', 'constructor', 'a'.repeat(300)];

interface Message {
  readonly wire: Buffer;
  readonly tensors: Map<string, Tensor>;
}

/** @param fieldOf numbers of the map and of model_spec, which request and response have the other way round */
function randomMessage(random: Random, fieldOf: { tensors: number; spec: number }): Message {
  const tensors = new Map<string, Tensor>();
  const pieces: number[][] = [];
  for (let i = below(random, 4); i > 0; i--) {
    const name = pick(random, names);
    const { tensor, wire } = randomTensor(random);
    tensors.set(name, tensor);
    const key = delimited(1, text(name));
    const value = delimited(2, wire);
    pieces.push(
      delimited(
        fieldOf.tensors,
        random() < 0.8 ? [...key, ...value] : [...value, ...unknown(random), ...key],
      ),
    );
  }
  if (random() < 0.8) {
    // in two pieces, which merge
    pieces.push(delimited(fieldOf.spec, delimited(1, text('m'))));
    pieces.push(
      delimited(fieldOf.spec, [...delimited(3, text('s')), ...delimited(2, [...tag(1, 0), ...varint(7n)])]),
    );
  }
  // entries of one name keep their order: the last one counts
  const wire = pieces.flatMap((piece) => (random() < 0.1 ? [...unknown(random), ...piece] : piece));
  return { wire: Buffer.from(wire), tensors };
}

const plain = (tensor: Tensor): unknown =>
  tensor.dtype === 'string'
    ? [tensor.dtype, [...tensor.shape], tensor.values.map((value) => Buffer.from(value).toString('hex'))]
    : [tensor.dtype, [...tensor.shape], Buffer.from(tensor.bytes).toString('hex')];

describe('predict messages', () => {
  it('in any encoding mean what they were made of, and protobufjs reads the same names and model', () => {
    const random = seeded(11);
    for (let i = 0; i < runs; i++) {
      const request = i % 2 === 0;
      const { wire, tensors } = randomMessage(
        random,
        request ? { tensors: 2, spec: 1 } : { tensors: 1, spec: 2 },
      );
      const ours = request ? decodePredictRequest(wire) : decodePredictResponse(wire);
      const found = 'inputs' in ours ? ours.inputs : ours.outputs;
      assert.deepEqual(
        new Map([...found].map(([name, tensor]) => [name, plain(tensor)])),
        new Map([...tensors].map(([name, tensor]) => [name, plain(tensor)])),
        wire.toString('hex'),
      );
      const theirs = (request ? PredictRequest : PredictResponse).decode(wire) as unknown as {
        model_spec?: { name: string; signature_name: string; version?: { value: { toString(): string } } };
      };
      assert.equal(ours.spec?.name, theirs.model_spec?.name);
      assert.equal(ours.spec?.signature, theirs.model_spec?.signature_name);
      assert.equal(ours.spec?.version?.toString(), theirs.model_spec?.version?.value.toString());
    }
  });

  it('that we write are read by protobufjs, value for value', () => {
    const random = seeded(12);
    for (let i = 0; i < runs; i++) {
      const { tensor } = randomTensor(random);
      const message = Buffer.concat(
        encodePredictRequest({
          spec: { name: 'm', version: 3n, signature: 's' },
          inputs: new Map([['x', tensor]]),
          outputFilter: ['y', 'z'],
        }),
      );
      const decoded = PredictRequest.toObject(PredictRequest.decode(message), {
        longs: String,
        bytes: Buffer,
      }) as {
        model_spec: unknown;
        output_filter: string[];
        inputs: Record<
          string,
          {
            dtype: number;
            tensor_shape: { dim?: { size?: string }[] };
            tensor_content?: Buffer;
            string_val?: Buffer[];
            half_val?: number[];
            int_val?: number[];
          }
        >;
      };
      assert.deepEqual(decoded.model_spec, { name: 'm', version: { value: '3' }, signature_name: 's' });
      assert.deepEqual(decoded.output_filter, ['y', 'z']);
      const proto = decoded.inputs['x'];
      assert.ok(proto !== undefined);
      assert.equal(proto.dtype, dtypes[tensor.dtype].number);
      assert.deepEqual(
        (proto.tensor_shape.dim ?? []).map(({ size }) => Number(size ?? 0)),
        tensor.shape,
      );
      if (tensor.dtype === 'string') {
        assert.deepEqual(
          (proto.string_val ?? []).map((value) => value.toString('hex')),
          tensor.values.map((value) => Buffer.from(value).toString('hex')),
        );
        continue;
      }
      const short =
        tensor.dtype === 'half' ? proto.half_val : tensor.dtype === 'uint16' ? proto.int_val : undefined;
      const bytes =
        short === undefined
          ? (proto.tensor_content ?? Buffer.alloc(0))
          : Buffer.from(Uint16Array.from(short).buffer);
      assert.equal(bytes.toString('hex'), Buffer.from(tensor.bytes).toString('hex'));
    }
  });

  it('cut anywhere are refused when protobufjs refuses them, and not otherwise', () => {
    const random = seeded(13);
    for (let i = 0; i < runs; i++) {
      const { wire } = randomMessage(random, { tensors: 2, spec: 1 });
      const cut = wire.subarray(0, below(random, wire.length + 1));
      const refused = [decodePredictRequest, (bytes: Buffer) => PredictRequest.decode(bytes)].map((read) => {
        try {
          read(cut);
          return false;
        } catch {
          return true;
        }
      });
      assert.equal(refused[0], refused[1], cut.toString('hex'));
    }
  });

  it('spoilt are read or refused, and nothing else happens', () => {
    const random = seeded(14);
    let refused = 0;
    for (let i = 0; i < runs; i++) {
      const { wire } = randomMessage(random, { tensors: 2, spec: 1 });
      for (let n = 1 + below(random, 3); n > 0 && wire.length > 0; n--)
        wire[below(random, wire.length)] = below(random, 256);
      try {
        decodePredictRequest(wire, 2 ** 20);
      } catch (reason) {
        assert.ok(reason instanceof StatusError, `${wire.toString('hex')}: ${String(reason)}`);
        refused++;
      }
    }
    assert.ok(refused > runs / 10);
  });

  it('shapes that overflow, negative sizes and too many dimensions are refused', () => {
    const proto = (dim: object[], more: object = {}): Uint8Array =>
      PredictRequest.encode(
        PredictRequest.fromObject({ inputs: { x: { dtype: 1, tensor_shape: { dim }, ...more } } }),
      ).finish();
    for (const [message, pattern] of [
      [proto([{ size: 2 ** 31 }, { size: 2 ** 31 }], { float_val: [0] }), /takes .* bytes, the limit is/],
      [proto([{ size: -1 }]), /negative dimension/],
      [proto(Array.from({ length: 10_000 }, () => ({ size: 1 }))), /more than 254 dimensions/],
      [proto([{ size: 3 }], { tensor_content: Buffer.alloc(8) }), /tensor_content has 8 bytes/],
    ] as const)
      assert.throws(() => decodePredictRequest(message), pattern);
    assert.ok(TensorProto.fields['float_val']?.packed);
  });
});
