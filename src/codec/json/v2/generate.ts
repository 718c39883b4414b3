/**
 * The bodies of Triton's generate extension: a flat object whose members are inputs and parameters by the model's
 * metadata, and the outputs likewise.
 */
import { Buffer } from 'node:buffer';
import { elementsOf } from '../../tensor.ts';
import type { V2InferRequest, V2InferResponse, V2Parameter, V2TensorMetadata } from '../../v2.ts';
import { anotherOne, enter, type Reading, readRoot, readWhole, skip } from '../body.ts';
import { invalid } from '../limits.ts';
import { byte, Text } from '../text.ts';
import { decodeV2InferJson } from './infer-decoder.ts';
import { dataOf } from './infer-encoder.ts';
import { parameterText } from './parameters-text.ts';
import type { TensorOptions } from './tensors.ts';
import { Once, readObject, readParameter } from './values.ts';

/** Holds members that follow the same rules as those beside it. */
const nested = 'parameters';

/**
 * The shape of so many values that stand in a flat list: fixed dimensions take theirs, the innermost that is not
 * fixed takes the rest (as Triton has it).
 * @throws StatusError INVALID_ARGUMENT, in Triton's words
 */
function shapeFor({ name, shape }: V2TensorMetadata, count: number): number[] {
  const fixed = shape.filter((size) => size >= 0).reduce((product, size) => product * size, 1);
  const rest = fixed === 0 ? (count === 0 ? 1 : Number.NaN) : count / fixed;
  const innermost = shape.findLastIndex((size) => size < 0);
  if (!Number.isInteger(rest) || (innermost === -1 && rest !== 1))
    throw invalid(`The schema can not convert input '${name}' to tensor with proper shape`);
  return shape.map((size, i) => (size >= 0 ? size : i === innermost ? rest : 1));
}

/** Passes over a value, or a list of such, and counts them. */
function* countValues(text: Text, name: string): Reading<number> {
  function* one(): Reading<void> {
    const type = text.type();
    if (type === 'String' || type === 'Number' || type === 'True' || type === 'False') yield* skip(text);
    else throw invalid(`input '${name}' must be a value or a flat list of values`);
  }
  if (text.type() !== 'Array') {
    yield* one();
    return 1;
  }
  let count = 0;
  if (!(yield* enter(text, byte.closeList))) return count;
  do {
    count++;
    text.peek();
    yield* one();
  } while (yield* anotherOne(text, byte.closeList));
  return count;
}

/**
 * Reads a request as the infer request that Triton makes of it.
 * @param inputs of the model
 * @throws StatusError INVALID_ARGUMENT, RESOURCE_EXHAUSTED beyond a limit
 */
export function decodeGenerateJson(
  body: Uint8Array,
  inputs: readonly V2TensorMetadata[],
  options: TensorOptions,
): Pick<V2InferRequest, 'id' | 'parameters' | 'inputs'> {
  const byName = new Map(inputs.map((input) => [input.name, input]));
  const text = new Text(options.limits.maxDepth, body);
  const once = new Once();
  const parameters = new Map<string, V2Parameter>();
  const tensors: Uint8Array[] = [];
  function* member(name: string): Reading<void> {
    once.see(name);
    const input = byName.get(name);
    if (input === undefined) {
      const value = yield* readParameter(text, name);
      if (value === undefined)
        throw invalid(
          `parameter '${name.slice(0, 100)}' has invalid type. It should be either 'int', 'bool', or 'string'.`,
        );
      parameters.set(name, value);
      return;
    }
    const isList = text.type() === 'Array';
    const from = text.at;
    const count = yield* countValues(text, name);
    const data = text.bytes.subarray(from, text.at);
    const head = `{"name":${JSON.stringify(name)},"datatype":${JSON.stringify(input.datatype)},"shape":[${shapeFor(input, count).join(',')}],"data":`;
    const comma = tensors.length === 0 ? '' : ',';
    tensors.push(Buffer.from(`${comma}${head}${isList ? '' : '['}`), data, Buffer.from(isList ? '}' : ']}'));
  }
  readWhole(
    readRoot(text, function* (name) {
      if (name !== nested) {
        yield* member(name);
        return;
      }
      if (byName.has(nested))
        throw invalid(`Keyword '${nested}' for nested schema also given as input tensor name`);
      yield* readObject(text, nested, member);
    }),
  );
  const id = parameters.get('id') ?? '';
  if (typeof id !== 'string') throw invalid('"id" must be a string');
  return {
    id,
    parameters,
    // the one reader of tensors, with its limits and its errors
    inputs: decodeV2InferJson(
      Buffer.concat([Buffer.from('{"inputs":['), ...tensors, Buffer.from(']}')]),
      undefined,
      options,
    ).inputs,
  };
}

/**
 * An answer as Triton writes it: the members in the order of their names, a tensor of one value without a list. NaN
 * and infinities, which it cannot write, are null.
 */
export function encodeGenerateJson(reply: V2InferResponse): Buffer {
  const { id, model, version, parameters, outputs } = reply;
  const members = new Map<string, () => Buffer>();
  const add = (name: string, write: () => Buffer): void => {
    if (!members.has(name)) members.set(name, write);
  };
  const addText = (name: string, value: string): void => {
    add(name, () => Buffer.from(JSON.stringify(value)));
  };
  if (id !== '') addText('id', id);
  addText('model_name', model);
  addText('model_version', version);
  for (const [name, value] of parameters) add(name, () => Buffer.from(parameterText(value)));
  for (const [name, tensor] of outputs) {
    const one = elementsOf(tensor.shape) === 1;
    add(name, () => Buffer.concat([...(one ? dataOf(tensor, 'null', []) : dataOf(tensor, 'null'))]));
  }
  const pieces: Buffer[] = [];
  for (const name of [...members.keys()].sort()) {
    pieces.push(Buffer.from(`${pieces.length === 0 ? '{' : ','}${JSON.stringify(name)}:`));
    pieces.push((members.get(name) as () => Buffer)());
  }
  pieces.push(Buffer.from('}'));
  return Buffer.concat(pieces);
}
