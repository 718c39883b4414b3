/** Random V2 models, and random requests to them that their server takes. */
import type { Chance } from '../../fuzz/chance.ts';
import { type Datatype, hasContents, jsonOf, randomValue, type Value } from './values.ts';

export interface RandomTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** A server that does not look has requests of any rank. */
  readonly rank: number;
}
export interface RandomModel {
  readonly name: string;
  readonly tensors: readonly RandomTensor[];
}

/** bool, int64 (bigint), double (number), string. */
export type Parameter = boolean | bigint | number | string;
export type Parameters = Readonly<Record<string, Parameter>>;

export interface RandomInput extends RandomTensor {
  readonly shape: readonly number[];
  readonly values: readonly Value[];
  readonly parameters: Parameters;
  /** The text of `data`; undefined for bytes behind the JSON. */
  readonly json: string | undefined;
}

export interface RandomOutput {
  readonly name: string;
  readonly parameters: Parameters;
  /** The parameter binary_data; undefined for a request that does not say it. */
  readonly binary: boolean | undefined;
}

export interface RandomRequest {
  readonly model: string;
  readonly version: string;
  readonly id: string | undefined;
  readonly parameters: Parameters;
  readonly inputs: readonly RandomInput[];
  /** None: all. */
  readonly outputs: readonly RandomOutput[] | undefined;
  readonly binaryOutput: boolean | undefined;
  /** Over gRPC: whether values are in raw_input_contents. */
  readonly raw: boolean;
  /** Of the order of members in its JSON, and of the space between them. */
  readonly style: number;
}

/** What a server can be asked. */
export interface Abilities {
  readonly datatypes: readonly Datatype[];
  readonly ranks: readonly number[];
  readonly binary: boolean;
  readonly classification: boolean;
  /** Datatypes that its JSON cannot have. */
  readonly notInJson: readonly Datatype[];
  /** Kinds of parameters that it takes, by where they stand. */
  readonly doubles: boolean;
  readonly tensorParameters: boolean;
  /** Ids beyond printable ASCII. */
  readonly anyIds: boolean;
}

const oddNames = ['x', 'in put', 'é', '"q"', 'a/b', "it's", 'data', '😀', 'parameters'];
const plainIds = ['', 'one', '0', '"q" \\ /', 'null', 'x'.repeat(200)];
const ids = [...plainIds, 'é "q" \\', '\u0001\n', '😀'.repeat(40), ' '];
const parameterNames = ['one', 'é', '"', 'ratio', 'kind of', 'data', 'x'.repeat(70)];
const texts = ['', 'text', '5', 'true', 'é\n"', '\u0000', '😀'];
const integers = [0n, 1n, -1n, 5n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), 1000n];
const doubles = [0.5, 5, -0.1, 1e300, 5e-324, 2 ** 53, -3];

export function randomModels(
  chance: Chance,
  count: number,
  { datatypes: has, ranks }: Abilities,
): RandomModel[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `model_${i}`,
    tensors: Array.from({ length: 3 + chance.below(6) }, (_each, at) => ({
      // all of them somewhere
      name: oddNames[(i + at) % oddNames.length] ?? 'x',
      datatype: chance.percent(70) ? (has[(i * 8 + at) % has.length] as Datatype) : chance.pick(has),
      rank: chance.pick(ranks),
    })),
  }));
}

function randomParameters(chance: Chance, takesDoubles: boolean): Record<string, Parameter> {
  const parameters: Record<string, Parameter> = {};
  if (chance.percent(50)) return parameters;
  for (let left = 1 + chance.below(3); left > 0; left--)
    parameters[chance.pick(parameterNames)] = chance.weighted<() => Parameter>([
      [2, () => chance.percent(50)],
      [3, () => chance.pick(integers)],
      [takesDoubles ? 2 : 0, () => chance.pick(doubles)],
      [3, () => chance.pick(texts)],
    ])();
  return parameters;
}

/** A nested list of values, or a flat one. */
function listOf(texts_: readonly string[], shape: readonly number[]): string {
  const [first = 1, ...rest] = shape;
  if (shape.length <= 1) return `[${texts_.join(',')}]`;
  const inner = rest.reduce((product, size) => product * size, 1);
  return `[${Array.from({ length: first }, (_, i) => listOf(texts_.slice(i * inner, (i + 1) * inner), rest)).join(',')}]`;
}

function randomInput(chance: Chance, tensor: RandomTensor, able: Abilities): RandomInput {
  const { datatype } = tensor;
  const isEmpty = chance.percent(8);
  const shape = Array.from({ length: tensor.rank }, () => 1 + chance.below(4));
  if (isEmpty && tensor.rank > 0) shape[chance.below(tensor.rank)] = 0;
  const binary = able.binary && (able.notInJson.includes(datatype) || chance.percent(50));
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, () => randomValue(chance, datatype, !binary));
  const written = values.map((value) => jsonOf(chance, datatype, value));
  const json = binary ? undefined : listOf(written, chance.percent(50) && count > 0 ? shape : [count]);
  const parameters = able.tensorParameters ? randomParameters(chance, able.doubles) : {};
  return { ...tensor, shape, values, parameters, json };
}

function randomOutputs(chance: Chance, inputs: readonly RandomInput[], able: Abilities): RandomOutput[] {
  const wanted = inputs.filter(() => chance.percent(70)).map(({ name }) => name);
  if (wanted.length === 0 || chance.percent(70)) wanted.push('asked');
  if (chance.percent(30)) wanted.reverse();
  return wanted.map((name) => {
    const parameters: Record<string, Parameter> = able.tensorParameters
      ? randomParameters(chance, able.doubles)
      : {};
    const input = inputs.find((each) => each.name === name);
    // the order of what is not a number is nobody's promise, and Triton's FP64 from JSON is not exact
    const ordered =
      input !== undefined &&
      input.values.length > 0 &&
      (/^U?INT/.test(input.datatype) || (input.datatype === 'FP32' && input.json !== undefined));
    if (able.classification && ordered && chance.percent(20))
      parameters.classification = BigInt(1 + chance.below(input.values.length));
    const needsBinary = input !== undefined && able.notInJson.includes(input.datatype) && able.binary;
    const binary = able.binary && chance.percent(50) ? chance.percent(60) : undefined;
    return { name, parameters, binary: needsBinary && !chance.percent(5) ? true : binary };
  });
}

export function randomRequest(
  chance: Chance,
  models: readonly RandomModel[],
  able: Abilities,
): RandomRequest {
  const model = chance.pick(models);
  const some = model.tensors.filter(() => chance.percent(40));
  const tensors = some.length === 0 ? [chance.pick(model.tensors)] : some;
  if (chance.percent(30)) tensors.reverse();
  const inputs = tensors.map((tensor) => randomInput(chance, tensor, able));
  const outputs = chance.percent(60) ? randomOutputs(chance, inputs, able) : undefined;
  const needsBinary =
    able.binary && outputs === undefined && inputs.some(({ datatype }) => able.notInJson.includes(datatype));
  return {
    model: model.name,
    version: chance.percent(30) ? '1' : '',
    id: chance.percent(50) ? chance.pick(able.anyIds ? ids : plainIds) : undefined,
    parameters: randomParameters(chance, able.doubles),
    inputs,
    outputs,
    // what its JSON cannot have it refuses to answer, most of the time needlessly
    binaryOutput:
      needsBinary || (able.binary && chance.percent(40)) ? needsBinary || chance.percent(70) : undefined,
    style: chance.below(2 ** 31),
    raw: chance.percent(60) || !inputs.every(({ datatype }) => hasContents(datatype)),
  };
}
