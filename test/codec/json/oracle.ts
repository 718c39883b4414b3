/**
 * What a predict body means, worked out slowly and plainly: the whole text becomes a tree that keeps the text of its
 * numbers, and each rule of TensorFlow Serving's is one look at that tree. Numbers are rounded by comparing exact
 * fractions. Nothing here is shared with the decoder.
 */
import { Buffer } from 'node:buffer';
import { floatBytes, littleEndian, ranges } from '../number/oracle.ts';
import { type Node, parse, print, Refusal } from './oracle-json.ts';

export { syntaxError } from './oracle-json.ts';

export interface OracleInput {
  readonly dtype: string;
}

/** Tensors as bytes in hex (strings: a list of them), or the message of the error. */
export type Verdict =
  | { readonly tensors: Record<string, { dtype: string; shape: number[]; data: string | string[] }> }
  | { readonly error: string };

function isBase64(node: Node): boolean {
  if (node.kind !== 'Object' || node.members.length !== 1) return false;
  const [name, value] = node.members[0] ?? ['', undefined];
  return name === 'b64' && value?.kind === 'String';
}

function base64(text: string): Buffer {
  const stripped = text.replace(/[\t\n\v\f\r ]/g, '');
  const match = /^([A-Za-z0-9+/_-]*)([=.]*)$/.exec(stripped);
  const rest = (match?.[1] ?? '').length % 4;
  const padding = (match?.[2] ?? '').length;
  if (match === null || rest === 1 || (padding > 0 && (rest === 0 || padding !== 4 - rest)))
    throw new Refusal('Unable to base64 decode');
  return Buffer.from(match[1] ?? '', 'base64');
}

/** One value of a tensor, as hex. */
function scalar(node: Node, dtype: string): string {
  const mismatch = (): never => {
    throw new Refusal(`JSON Value: ${print(node)} Type: ${node.kind} is not of expected type: ${dtype}`);
  };
  if (dtype === 'string') {
    if (node.kind === 'String') return node.bytes.toString('hex');
    if (node.kind !== 'Object') return mismatch();
    if (!isBase64(node))
      throw new Refusal(`JSON Value: ${print(node)} not formatted correctly for base64 data`);
    const text = node.members[0]?.[1];
    if (text?.kind !== 'String') throw new Error('no string');
    return base64(text.bytes.toString('latin1')).toString('hex');
  }
  if (dtype === 'bool') {
    if (node.kind === 'True') return '01';
    return node.kind === 'False' ? '00' : mismatch();
  }
  const range = ranges[dtype];
  const isFloat = dtype === 'float' || dtype === 'double' || dtype === 'half' || dtype === 'bfloat16';
  if (range === undefined && !isFloat)
    throw new Refusal(`Conversion of JSON Value: ${print(node)} to type: ${dtype}`, 'UNIMPLEMENTED');
  if (node.kind !== 'Number') return mismatch();
  if (range === undefined) return floatBytes(node.raw, dtype);
  if (!/^-?[0-9]+$/.test(node.raw)) return mismatch();
  const value = BigInt(node.raw);
  return value < range[0] || value > range[1] ? mismatch() : littleEndian(value, range[2]);
}

interface Tensor {
  shape: number[];
  values: string[];
}

/** The shape is that of the first item of each level; then every item is looked at in order. */
function tensor(node: Node, dtype: string): Tensor {
  const shape: number[] = [];
  for (let each: Node | undefined = node; each?.kind === 'Array'; each = each.items[0])
    shape.push(each.items.length);
  const values: string[] = [];
  const walk = (each: Node, level: number): void => {
    if (each.kind === 'Array') {
      if (level >= shape.length)
        throw new Refusal(`Encountered list at unexpected level: ${level} expected < ${shape.length}`);
      for (const item of each.items) walk(item, level + 1);
      if (each.items.length !== shape[level])
        throw new Refusal(
          `Encountered list at unexpected size: ${each.items.length} at level: ${level} expected size: ${shape[level] ?? -1}`,
        );
      return;
    }
    if (level !== shape.length)
      throw new Refusal(
        `JSON Value: ${print(each)} found at incorrect level: ${level + 1} in the JSON DOM. Expected at level: ${shape.length}`,
      );
    values.push(scalar(each, dtype));
  };
  walk(node, 0);
  return { shape, values };
}

type Inputs = Record<string, OracleInput>;

function rows(root: Node, node: Node, inputs: Inputs): Map<string, Tensor> {
  if (node.kind !== 'Array')
    throw new Refusal(`JSON Value: ${print(root)} Expecting 'instances' to be an list/array`);
  const names = Object.keys(inputs);
  const [first] = node.items;
  if (first === undefined) throw new Refusal(`JSON Value: ${print(root)} No values in 'instances' array`);
  const isNamed = (item: Node): boolean => item.kind === 'Object' && !isBase64(item);
  const named = isNamed(first);
  if (!named && names.length > 1)
    throw new Refusal(
      'instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map',
    );
  const columns = new Map<string, Tensor[]>(names.map((name) => [name, []]));
  const add = (name: string, item: Node, prefix: string): void => {
    const column = columns.get(name) as Tensor[];
    try {
      const one = tensor(item, inputs[name]?.dtype ?? '');
      const [model] = column;
      if (model !== undefined && one.values.length !== model.values.length)
        throw new Refusal(`Expecting tensor size: ${model.values.length} but got: ${one.values.length}`);
      if (model !== undefined && one.shape.join() !== model.shape.join())
        throw new Refusal(`Expecting shape [${model.shape.join(',')}] but got: [${one.shape.join(',')}]`);
      column.push(one);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(`${prefix} of 'instances' list. Error: ${error.code}: ${error.message}`);
    }
  };
  node.items.forEach((item, row) => {
    if (!named) {
      if (isNamed(item))
        throw new Refusal(`Expecting value/list but got object at item ${row} of input list`);
      add(names[0] ?? '', item, `Failed to process element: ${row}`);
      return;
    }
    if (item.kind !== 'Object' || isBase64(item))
      throw new Refusal(`Expecting object but got list at item ${row} of input list`);
    const seen = new Set<string>();
    for (const [name, value] of item.members) {
      const prefix = `Failed to process element: ${row} key: ${name}`;
      if (!columns.has(name))
        throw new Refusal(
          `${prefix} of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: ${name}`,
        );
      if (seen.has(name))
        throw new Refusal(
          `${prefix} of 'instances' list. Error: INVALID_ARGUMENT: JSON object: has the named input twice: ${name}`,
        );
      seen.add(name);
      add(name, value, prefix);
    }
    if (seen.size !== names.length)
      throw new Refusal(
        `Failed to process element: ${row} of 'instances' list. JSON object: ${print(item)} keys must be equal to: ${[...names].sort().join(',')}`,
      );
  });
  return new Map(
    [...columns].map(([name, list]) => [
      name,
      { shape: [list.length, ...(list[0]?.shape ?? [])], values: list.flatMap(({ values }) => values) },
    ]),
  );
}

function columns(node: Node, inputs: Inputs): Map<string, Tensor> {
  const names = Object.keys(inputs);
  if (node.kind !== 'Object' || isBase64(node)) {
    if (names.length > 1)
      throw new Refusal(
        'inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map',
      );
    const name = names[0] ?? '';
    return new Map([[name, tensor(node, inputs[name]?.dtype ?? '')]]);
  }
  const found = new Map<string, Tensor>();
  for (const [name, value] of node.members)
    if (names.includes(name) && !found.has(name)) found.set(name, tensor(value, inputs[name]?.dtype ?? ''));
  for (const name of names)
    if (!found.has(name)) throw new Refusal(`Missing named input: ${name} in 'inputs' object.`);
  return found;
}

/** @param signatures inputs by signature name */
export function judge(text: string, signatures: Record<string, Inputs>): Verdict {
  try {
    const root = parse(text);
    if (root.kind !== 'Object') throw new Refusal(`JSON Value: ${print(root)} Is not object`);
    const get = (name: string): Node | undefined => root.members.find(([each]) => each === name)?.[1];
    const signatureNode = get('signature_name');
    if (signatureNode !== undefined && signatureNode.kind !== 'String')
      throw new Refusal(
        `JSON Value: ${print(root)} not formatted correctly. 'signature_name' key must be a string value.`,
      );
    const asked = signatureNode?.bytes.toString() ?? '';
    const name = asked === '' ? 'serving_default' : asked;
    const inputs = Object.hasOwn(signatures, name) ? signatures[name] : undefined;
    if (inputs === undefined)
      throw new Refusal(`Serving signature name: "${name}" not found in signature def`);
    const instances = get('instances');
    const plain = get('inputs');
    if (instances !== undefined && plain !== undefined)
      throw new Refusal(
        `JSON Value: ${print(root)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist `,
      );
    if (instances === undefined && plain === undefined)
      throw new Refusal("Missing 'inputs' or 'instances' key");
    const found = instances === undefined ? columns(plain as Node, inputs) : rows(root, instances, inputs);
    return {
      tensors: Object.fromEntries(
        [...found].map(([key, { shape, values }]) => {
          const dtype = inputs[key]?.dtype ?? '';
          return [key, { dtype, shape, data: dtype === 'string' ? values : values.join('') }];
        }),
      ),
    };
  } catch (error) {
    if (error instanceof Refusal) return { error: error.message };
    throw error;
  }
}
