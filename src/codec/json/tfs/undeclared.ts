/**
 * What a predict request says of its tensors itself, for models that declare none: names, and a dtype by the values.
 */
import { OutOfBounds, parseControlJson } from '../../control.ts';
import { type DType, dtypes } from '../../dtype.ts';
import { defaultSignature, type Signature, type TensorInfo } from '../../tensor.ts';

/** Longer bodies are not read twice, in bytes. */
export const maxUndeclaredBytes = 2 ** 20;

/** What servers and clients of V2 call a tensor without a name. */
const onlyName = 'input-0';

const whole = Symbol('a number without a fraction or exponent');
const real = Symbol('any other number');

function marked(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  return /[.eE]/.test(context?.source ?? '') ? real : whole;
}

type Members = Readonly<Record<string, unknown>>;

/** An object that is no base64 string. */
function membersOf(value: unknown): Members | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const names = Object.keys(value);
  return names.length === 1 && names[0] === 'b64' ? undefined : (value as Members);
}

/** Undefined for lists of nothing. What does not fit with the first value is told by whoever reads the values. */
function dtypeIn(value: unknown): DType | undefined {
  if (!Array.isArray(value)) {
    if (value === whole) return 'int64';
    if (value === real) return 'double';
    return typeof value === 'boolean' ? 'bool' : 'string';
  }
  let found: DType | undefined;
  for (const each of value as readonly unknown[]) {
    const dtype = dtypeIn(each);
    if (found === undefined || (found === 'int64' && dtype === 'double')) found = dtype ?? found;
    if (found !== undefined && found !== 'int64') return found;
  }
  return found;
}

function infoOf(name: string, values: unknown): TensorInfo {
  const dtype = dtypeIn(values) ?? 'double';
  return { dtype, dtypeNumber: dtypes[dtype].number, shape: undefined, tensorName: name };
}

/** Names and values of each tensor, in row or columnar form. */
function tensorsIn({ instances, inputs }: Members): Map<string, unknown> {
  if (instances === undefined) {
    if (inputs === undefined) return new Map();
    const named = membersOf(inputs);
    return new Map(named === undefined ? [[onlyName, inputs]] : Object.entries(named));
  }
  const tensors = new Map<string, unknown[]>();
  for (const row of Array.isArray(instances) ? (instances as readonly unknown[]) : []) {
    const members = membersOf(row);
    for (const [name, value] of members === undefined
      ? [[onlyName, row] as const]
      : Object.entries(members)) {
      const values = tensors.get(name);
      if (values === undefined) tensors.set(name, [value]);
      else values.push(value);
    }
  }
  return tensors;
}

/**
 * Integers are int64, numbers of which any has a fraction or an exponent double; a tensor without a name is "input-0".
 * @throws OutOfBounds for a body that is longer or nested deeper than is read twice; what is no JSON has no tensors
 */
export function undeclaredSignature(body: Uint8Array): Signature {
  let json: unknown;
  try {
    json = parseControlJson(body, { bytes: maxUndeclaredBytes, reviver: marked });
  } catch (reason) {
    if (reason instanceof OutOfBounds) throw reason;
  }
  const tensors = tensorsIn(membersOf(json) ?? {});
  const inputs = new Map([...tensors].map(([name, values]) => [name, infoOf(name, values)]));
  return { name: defaultSignature, methodName: '', inputs, outputs: new Map() };
}
