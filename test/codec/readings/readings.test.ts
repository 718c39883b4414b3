/**
 * What the gateway says a message means is what its receiver reads: random ambiguous messages, read here, by
 * google.protobuf (upb) and by TensorFlow's own C++. READINGS_RUNS makes more of them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Code, StatusError } from '../../../src/base/status.ts';
import { messagePrefix, type Target } from '../../../src/call/index.ts';
import {
  decodeModelInferRequest,
  decodePredictRequest,
  decodePredictRequestChunks,
  dtypes,
  isUnambiguousPredict,
  joined,
  type ModelSpec,
  readInferSequence,
  readModelSpec,
  readPredictSequence,
  type SequenceControl,
  type Tensor,
  tensorOf,
  v2Of,
  type V2Parameters,
} from '../../../src/codec/index.ts';
import { TargetReader } from '../../../src/front/grpc/target-reader.ts';
import { methodOf } from '../../../src/models/index.ts';
import { missing, python } from '../../support/index.ts';
import { type Random, seeded } from '../../support/random.ts';
import { below } from '../json/documents.ts';
import { ambiguous, type Kind } from './ambiguous.ts';

const runs = Number(process.env['READINGS_RUNS'] ?? 2500);
/** As many go through one process. */
const batch = 5000;
const script = fileURLToPath(new URL('readings.py', import.meta.url));

/** name, version, label, signature */
type Spec = [string, string | null, string | null, string];
type TensorSaid = [dtype: number, shape: number[], bytes: string | string[]] | null;
type ParametersSaid = Record<string, [choice: string, value: string]>;
interface Said {
  readonly odd?: true;
  readonly spec?: Spec;
  readonly tasks?: Spec[];
  readonly inputs?: Record<string, TensorSaid> & [string, string, number[], ParametersSaid, string | null][];
  readonly filter?: string[];
  readonly model?: [string, string];
  readonly id?: string;
  readonly parameters?: ParametersSaid;
  readonly outputs?: [string, ParametersSaid][];
  readonly raw?: string[];
}

const paths: Readonly<Record<Kind, string>> = {
  PredictRequest: '/tensorflow.serving.PredictionService/Predict',
  ClassificationRequest: '/tensorflow.serving.PredictionService/Classify',
  RegressionRequest: '/tensorflow.serving.PredictionService/Regress',
  GetModelMetadataRequest: '/tensorflow.serving.PredictionService/GetModelMetadata',
  GetModelStatusRequest: '/tensorflow.serving.ModelService/GetModelStatus',
  MultiInferenceRequest: '/tensorflow.serving.PredictionService/MultiInference',
  ModelInferRequest: '/inference.GRPCInferenceService/ModelInfer',
  ModelReadyRequest: '/inference.GRPCInferenceService/ModelReady',
};

const memory = { hold: (): void => undefined };
const limits = { maxMessageBytes: 2 ** 20, maxInflateRatio: 100 };

/** What is read, or why it is not. */
function attempt<T>(read: () => T): T | StatusError {
  try {
    return read();
  } catch (reason) {
    assert.ok(reason instanceof StatusError, String(reason));
    assert.notEqual(reason.code, Code.OK);
    return reason;
  }
}

/** The spec that a call begins with, and what a backend gets, when the message comes in these chunks. */
function opened(
  kind: Kind,
  chunks: readonly Uint8Array[],
  rewrite: (spec: ModelSpec) => ModelSpec | undefined,
): { spec: ModelSpec; sent: Uint8Array } {
  const resolve = (spec: ModelSpec): Target => {
    const { name: model, ...said } = rewrite(spec) ?? spec;
    return { model, ...said };
  };
  const opening = new TargetReader(
    { method: methodOf(paths[kind]), encoding: 'identity', memory },
    limits,
    resolve,
  );
  for (const [i, chunk] of chunks.entries()) {
    const found = opening.push(chunk, i === chunks.length - 1);
    if (found === undefined) continue;
    assert.ok(!(found instanceof Promise));
    const rest = chunks.slice(i + 1);
    for (const each of rest) found.watch?.feed(each);
    return { spec: found.spec, sent: Buffer.concat([...found.chunks, ...rest]).subarray(5) };
  }
  throw new StatusError(Code.INTERNAL, 'nothing came of it');
}

function cutUp(random: Random, bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + below(random, random() < 0.5 ? 12 : 60);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const specOf = ({ name, version, label, signature }: ModelSpec): Spec => [
  name,
  version === undefined ? null : String(version),
  label ?? null,
  signature,
];

/** What a message of V2 says of its model, as a spec. */
function specOfModel([name, version]: [string, string]): Spec {
  // a number as numbers are written: others are texts
  const isNumber = /^(?:0|[1-9][0-9]{0,18})$/.test(version) && BigInt(version) < 2n ** 63n;
  return [name, isNumber ? String(BigInt(version)) : null, isNumber || version === '' ? null : version, ''];
}

const saidSpec = (said: Said): Spec => said.spec ?? said.tasks?.[0] ?? specOfModel(said.model ?? ['', '']);

const plainTensor = (tensor: Tensor): TensorSaid => [
  dtypes[tensor.dtype].number,
  [...tensor.shape],
  tensor.dtype === 'string'
    ? tensor.values.map((value) => Buffer.from(value).toString('hex'))
    : Buffer.from(tensor.bytes).toString('hex'),
];

function plainParameters(parameters: V2Parameters): ParametersSaid {
  const said: ParametersSaid = {};
  for (const name of [...parameters.keys()].sort()) {
    const value = parameters.get(name);
    if (typeof value === 'boolean') said[name] = ['bool_param', value ? 'True' : 'False'];
    else if (typeof value === 'bigint') said[name] = ['integer', String(value)];
    else if (typeof value === 'string') said[name] = ['string_param', value];
    else said[name] = ['double_param', String(value)];
  }
  return said;
}

/** One word for both integers, and numbers written alike. */
function alike(said: ParametersSaid): ParametersSaid {
  return Object.fromEntries(
    Object.entries(said).map(([name, [choice, value]]) => {
      if (choice === 'int64_param' || choice === 'uint64_param') return [name, ['integer', value]];
      return [name, choice === 'double_param' ? [choice, String(Number(value))] : [choice, value]];
    }),
  );
}

const little = (hex: string): bigint | undefined =>
  hex.length === 8 || hex.length === 16
    ? BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`)
    : undefined;

const control = (id: bigint | undefined, value: bigint | undefined): SequenceControl | undefined =>
  id === undefined && value === undefined
    ? undefined
    : { id: String(id ?? 0n), starts: value === 1n, ends: value === 2n, inInputs: true };

/** Which sequence Predict's inputs name; null when TensorFlow refuses one of them. */
function predictSequence(inputs: Record<string, TensorSaid>): SequenceControl | null | undefined {
  const valueOf = (name: string): bigint | undefined => {
    const bytes = inputs[name]?.[2];
    return typeof bytes === 'string' ? little(bytes) : undefined;
  };
  for (const name of ['sequence_id', 'sequence_control_input']) if (inputs[name] === null) return null;
  return control(valueOf('sequence_id'), valueOf('sequence_control_input'));
}

/** The same of ModelInfer's parameters; null when they are in input tensors. */
function inferSequence({ parameters = {} }: Said): SequenceControl | null {
  const flag = (name: string): boolean => parameters[name]?.join() === 'bool_param,True';
  const [choice, value = ''] = parameters['sequence_id'] ?? [];
  const hasId = choice === 'int64_param' || choice === 'uint64_param' || choice === 'string_param';
  const [starts, ends] = [flag('sequence_start'), flag('sequence_end')];
  if (!hasId && !starts && !ends) return null;
  const id = !hasId ? '0' : choice === 'string_param' ? value : String(BigInt.asUintN(64, BigInt(value)));
  return { id, starts, ends, inInputs: false };
}

interface Case {
  readonly kind: Kind;
  readonly bytes: Buffer;
  /** The model named anew: what a backend gets then. */
  readonly renamed: Uint8Array | undefined;
}

const another = (spec: ModelSpec): ModelSpec => ({ name: 'another', version: 9n, signature: spec.signature });
const frame = (bytes: Uint8Array): Buffer => Buffer.concat([messagePrefix(bytes.length), bytes]);

interface Tally {
  /** Messages that are read there. */
  read: number;
  /** Tensors that were compared. */
  tensors: number;
  /** Texts of what is refused here and read there. */
  readonly refusals: Map<string, number>;
}
type Check = (each: Case, said: Said, random: Random, tally: Tally) => void;
const counted = ({ refusals }: Tally, { message }: StatusError): void => {
  const text = message
    .replace(/[0-9]+/g, 'N')
    .replace(/\[.*?\]/g, '[..]')
    .slice(0, 70);
  refusals.set(text, (refusals.get(text) ?? 0) + 1);
};

function checkTarget({ kind, bytes }: Case, said: Said, random: Random, tally: Tally): void {
  const wanted = saidSpec(said);
  const whole = frame(bytes);
  for (const chunks of [[whole], cutUp(random, whole)]) {
    const found = attempt(() => opened(kind, chunks, () => undefined));
    if (found instanceof StatusError) {
      counted(tally, found);
      // nobody is asked for, or tasks do not agree
      const names = said.tasks?.map(([name]) => name) ?? [wanted[0]];
      if (names.every((name) => name === names[0]) && wanted[0] !== '' && chunks.length === 1)
        assert.match(found.message, /longer than 32 bits|^Missing ModelSpec/, bytes.toString('hex'));
      continue;
    }
    assert.deepEqual(specOf(found.spec), wanted, `${kind} in ${chunks.length}: ${bytes.toString('hex')}`);
  }
}

function checkPredict({ bytes }: Case, said: Said, random: Random, tally: Tally): void {
  const hex = bytes.toString('hex');
  const theirs = said.inputs as Record<string, TensorSaid>;
  const readings = [
    attempt(() => decodePredictRequest(bytes)),
    attempt(() => {
      const { spec, tensors, outputFilter } = decodePredictRequestChunks(cutUp(random, bytes));
      return {
        spec,
        inputs: new Map([...tensors].map(([name, tensor]) => [name, tensorOf(tensor)])),
        outputFilter,
      };
    }),
  ];
  for (const ours of readings) {
    if (ours instanceof StatusError) {
      if (!Object.values(theirs).includes(null)) counted(tally, ours);
      continue;
    }
    for (const [name, tensor] of ours.inputs) {
      const expected = theirs[name];
      // TensorFlow refuses it
      if (expected === null) continue;
      tally.tensors++;
      assert.deepEqual(plainTensor(tensor), expected, `${name}: ${hex}`);
    }
    assert.deepEqual([...ours.inputs.keys()].sort(), Object.keys(theirs).sort(), hex);
    assert.deepEqual(ours.outputFilter, said.filter, hex);
    assert.deepEqual(ours.spec === undefined ? ['', null, null, ''] : specOf(ours.spec), said.spec, hex);
  }
  const sequence = attempt(() => readPredictSequence(bytes));
  const wanted = predictSequence(theirs);
  if (wanted !== null && !(sequence instanceof StatusError)) assert.deepEqual(sequence, wanted, hex);
}

function checkInfer({ bytes }: Case, said: Said, random: Random, tally: Tally): void {
  const hex = bytes.toString('hex');
  const theirs = said.inputs as [string, string, number[], ParametersSaid, string | null][];
  const ours = attempt(() => decodeModelInferRequest(cutUp(random, bytes)));
  const wanted = inferSequence(said);
  const sequence = attempt(() => readInferSequence(bytes));
  if (wanted !== null && !(sequence instanceof StatusError)) assert.deepEqual(sequence, wanted, hex);
  if (ours instanceof StatusError) {
    counted(tally, ours);
    return;
  }
  assert.deepEqual([ours.model, ours.version], said.model, hex);
  assert.equal(ours.id, said.id, hex);
  assert.deepEqual(plainParameters(ours.parameters), alike(said.parameters ?? {}), hex);
  assert.deepEqual(
    ours.outputs.map(({ name, parameters }) => [name, plainParameters(parameters)]),
    said.outputs?.map(([name, parameters]) => [name, alike(parameters)]),
    hex,
  );
  assert.equal(ours.inputs.size, theirs.length, hex);
  theirs.forEach(([name, datatype, shape, parameters, contents], i) => {
    const tensor = ours.inputs.get(name);
    assert.ok(tensor !== undefined, hex);
    assert.equal(v2Of(tensor.dtype), datatype, hex);
    assert.deepEqual(tensor.shape, shape, hex);
    assert.deepEqual(plainParameters(ours.inputParameters.get(name) ?? new Map()), alike(parameters), hex);
    const raw = said.raw?.[i] ?? contents;
    const bytesOf = (): string => {
      if (tensor.dtype !== 'string') return Buffer.from(joined(tensor.pieces)).toString('hex');
      return tensor.values
        .map((value) => {
          const length = Buffer.alloc(4);
          length.writeUInt32LE(joined(value).length);
          return Buffer.concat([length, joined(value)]).toString('hex');
        })
        .join('');
    };
    tally.tensors++;
    assert.equal(bytesOf(), raw, `${name}: ${hex}`);
  });
}

/** Everything but what names the model. */
function withoutTarget({ spec: _, tasks: __, model: ___, ...rest }: Said): object {
  return rest;
}

async function ask(venv: 'tfs' | 'triton', lines: readonly string[]): Promise<(Said | null)[]> {
  const args = venv === 'triton' ? ['tritonclient'] : [];
  const input = `${lines.join('\n')}\n`;
  const { code, stdout, stderr } = await python(venv, script, args, { input, timeoutMs: 900_000 });
  assert.equal(code, 0, stderr.slice(-2000));
  const said = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Said | null);
  assert.equal(said.length, lines.length);
  return said;
}

/** Makes messages, has them read, and compares; gives how many were read there, and what was refused here alone. */
async function compare(
  venv: 'tfs' | 'triton',
  kinds: readonly Kind[],
  seed: number,
  check: Check,
): Promise<Tally> {
  const random = seeded(seed);
  const tally: Tally = { read: 0, tensors: 0, refusals: new Map() };
  for (let done = 0; done < runs; done += batch) {
    const cases = Array.from({ length: Math.min(batch, runs - done) }, (_, i): Case => {
      const kind = kinds[i % kinds.length] as Kind;
      const bytes = ambiguous(random, kind);
      const renamed = attempt(() => opened(kind, cutUp(random, frame(bytes)), another).sent);
      return { kind, bytes, renamed: renamed instanceof StatusError ? undefined : renamed };
    });
    const said = await ask(
      venv,
      cases.flatMap(({ kind, bytes, renamed }) => [
        `${kind} ${bytes.toString('hex')}`,
        `${kind} ${Buffer.from(renamed ?? []).toString('hex')}`,
      ]),
    );
    cases.forEach((each, i) => {
      const original = said[2 * i];
      const sent = said[2 * i + 1];
      if (original === null || original === undefined || original.odd === true) return;
      tally.read++;
      check(each, original, random, tally);
      if (each.renamed === undefined) return;
      const hex = each.bytes.toString('hex');
      assert.ok(sent !== null && sent !== undefined, `what is sent cannot be read: ${hex}`);
      if (sent.odd === true) return;
      assert.deepEqual(withoutTarget(sent), withoutTarget(original), hex);
      const signature = saidSpec(original)[3];
      for (const spec of sent.tasks ?? [saidSpec(sent)])
        assert.deepEqual(
          spec.slice(0, 3),
          ['another', '9', null],
          `${each.kind} ${hex} ${Buffer.from(each.renamed).toString('hex')}`,
        );
      assert.equal(saidSpec(sent)[3], signature, hex);
    });
  }
  return tally;
}

function tell(what: string, { read, tensors, refusals }: Tally): void {
  const most = [...refusals].sort(([, a], [, b]) => b - a);
  console.log(`${what}: ${read} of ${runs} messages are read there, and ${tensors} tensors compared`);
  if (process.env['READINGS_RUNS'] !== undefined)
    for (const [text, count] of most) console.log(`  refused here: ${count} ${text}`);
  assert.ok(read > runs / 3 && tensors > runs / 20, `${read} messages, ${tensors} tensors of ${runs}`);
}

describe('messages that say a thing twice', () => {
  it(
    'of TensorFlow Serving name the model and hold the tensors that protobuf and TensorFlow read',
    { skip: missing('tfs') },
    async () => {
      const kinds = [
        'PredictRequest',
        'ClassificationRequest',
        'PredictRequest',
        'RegressionRequest',
        'PredictRequest',
        'GetModelMetadataRequest',
        'PredictRequest',
        'GetModelStatusRequest',
        'PredictRequest',
        'MultiInferenceRequest',
      ] as const;
      const check: Check = (each, said, random, tally) => {
        checkTarget(each, said, random, tally);
        if (each.kind === 'PredictRequest') checkPredict(each, said, random, tally);
      };
      tell('TensorFlow Serving', await compare('tfs', kinds, 1, check));
    },
  );

  it(
    'of V2 name the model and hold the tensors that protobuf reads',
    { skip: missing('triton') },
    async () => {
      const check: Check = (each, said, random, tally) => {
        checkTarget(each, said, random, tally);
        if (each.kind === 'ModelInferRequest') checkInfer(each, said, random, tally);
      };
      const kinds = ['ModelInferRequest', 'ModelInferRequest', 'ModelReadyRequest'] as const;
      tell('V2', await compare('triton', kinds, 3, check));
    },
  );

  it('are none of those that the cache takes', () => {
    const random = seeded(4);
    let plain = 0;
    for (let i = 0; i < runs; i++) {
      const bytes = ambiguous(random, 'PredictRequest');
      if (!isUnambiguousPredict(bytes)) continue;
      plain++;
      const again = Buffer.concat([bytes, bytes]);
      const spec = attempt(() => readModelSpec(bytes, true));
      if (spec !== null && !(spec instanceof StatusError))
        assert.equal(isUnambiguousPredict(again), false, bytes.toString('hex'));
    }
    assert.ok(plain > 0 && plain < runs / 2, String(plain));
  });
});
