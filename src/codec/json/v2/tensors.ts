/** The tensors of a V2 body: `data` in JSON, flat or nested, or bytes behind the JSON (the binary tensor extension). */
import { Code, StatusError } from '../../../base/status.ts';
import { type DType, widthOf } from '../../dtype.ts';
import { rawTensor } from '../../proto/index.ts';
import type { TensorChunks } from '../../tensor-chunks.ts';
import { elementsOf } from '../../tensor.ts';
import { dtypeOfV2, inSharedMemory, noParameters, sharedMemory, type V2Parameters } from '../../v2.ts';
import { type Reading, skip } from '../body.ts';
import { Column } from '../column.ts';
import { chunksOfEncoded } from '../encoded-parts.ts';
import { invalid, type JsonLimits } from '../limits.ts';
import { byte, type Text } from '../text.ts';
import type { ElementBudget } from '../values/values.ts';
import { checkRange } from './range.ts';
import { isNull, Once, readList, readObject, readParameters, readShape, readText } from './values.ts';

export interface V2JsonTensor {
  readonly name: string;
  readonly tensor: TensorChunks;
  readonly parameters: V2Parameters;
}

/** The bytes behind the JSON, taken in the order of the tensors. */
export class BinarySection {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(name: string, size: number): Uint8Array {
    if (size > this.left)
      throw invalid(
        `tensor ${name} has ${size} bytes of binary data, only ${this.left} are left of the body`,
      );
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }
}

export interface TensorOptions {
  readonly limits: JsonLimits;
  readonly strictDtypes: boolean;
  readonly maxTensorBytes: number;
}

/** Reads a list of tensors. @throws StatusError INVALID_ARGUMENT, ValueFault */
export function* readTensors(
  text: Text,
  what: 'inputs' | 'outputs',
  binary: BinarySection,
  options: TensorOptions,
): Reading<V2JsonTensor[]> {
  const { maxElements } = options.limits;
  const budget: ElementBudget = { left: maxElements, limit: maxElements };
  const tensors: V2JsonTensor[] = [];
  const names = new Set<string>();
  yield* readList(text, what, function* () {
    const read = yield* new TensorReading(text, what, options, budget).read(binary);
    if (names.has(read.name)) throw invalid(`tensor ${read.name} is there twice`);
    names.add(read.name);
    tensors.push(read);
  });
  return tensors;
}

/** What is read; others may come as often as they like. */
const tensorMembers = new Set(['name', 'datatype', 'shape', 'parameters', 'data']);

class TensorReading {
  readonly #text: Text;
  readonly #what: string;
  readonly #options: TensorOptions;
  readonly #budget: ElementBudget;
  readonly #once = new Once();
  #name: string | undefined;
  #datatype: string | undefined;
  #shape: readonly number[] | undefined;
  #parameters = noParameters;
  #data: TensorChunks | undefined;
  /** Where `data` stands when it came before `datatype`. */
  #dataAt = -1;

  constructor(text: Text, what: string, options: TensorOptions, budget: ElementBudget) {
    this.#text = text;
    this.#what = what;
    this.#options = options;
    this.#budget = budget;
  }

  *read(binary: BinarySection): Reading<V2JsonTensor> {
    yield* readObject(this.#text, this.#what, (member) => this.#member(member));
    const name = this.#name;
    const shape = this.#shape;
    const datatype = this.#datatype;
    if (name === undefined || shape === undefined || datatype === undefined)
      throw invalid(`each of "${this.#what}" needs name, shape and datatype`);
    if (this.#dataAt >= 0) yield* this.#goBack();
    return { name, tensor: this.#fitting(name, datatype, shape, binary), parameters: this.#parameters };
  }

  *#member(member: string): Reading<void> {
    const text = this.#text;
    if (tensorMembers.has(member)) this.#once.see(member);
    if (yield* isNull(text)) return;
    if (member === 'name') this.#name = yield* readText(text, 'name');
    else if (member === 'datatype') this.#datatype = yield* readText(text, 'datatype');
    else if (member === 'shape') this.#shape = yield* readShape(text);
    else if (member === 'parameters') this.#parameters = yield* readParameters(text);
    else if (member === 'data' && this.#datatype !== undefined) yield* this.#values();
    else {
      if (member === 'data') this.#dataAt = text.at;
      yield* skip(text);
    }
  }

  /** Reads `data` now that its datatype is known. */
  *#goBack(): Reading<void> {
    const text = this.#text;
    const { at } = text;
    text.at = this.#dataAt;
    text.open.push(byte.closeObject);
    yield* this.#values();
    text.open.pop();
    text.at = at;
  }

  *#values(): Reading<void> {
    const name = this.#name ?? '';
    const dtype = this.#dtype(name, this.#datatype ?? '');
    const { limits, strictDtypes } = this.#options;
    const info = { dtype, dtypeNumber: 0, shape: undefined, tensorName: name };
    const column = new Column(name, info, { limits, strictDtypes, extraDtypes: true }, this.#budget);
    column.begin(0);
    const from = this.#text.at;
    while (!column.read(this.#text)) yield;
    const data = chunksOfEncoded(column.finish());
    if (this.#what === 'inputs' && data.dtype !== 'string')
      checkRange(name, data.dtype, data.pieces, this.#text, from);
    this.#data = data;
  }

  #dtype(name: string, datatype: string): DType {
    const dtype = dtypeOfV2(datatype);
    if (dtype !== undefined) return dtype;
    throw invalid(`tensor ${name} has the datatype "${datatype.slice(0, 40)}", which V2 does not have`);
  }

  #fitting(name: string, datatype: string, shape: readonly number[], binary: BinarySection): TensorChunks {
    const { maxTensorBytes } = this.#options;
    const dtype = this.#dtype(name, datatype);
    const size = this.#parameters.get('binary_data_size');
    const data = this.#data;
    if (data !== undefined) {
      if (size !== undefined)
        throw invalid(`tensor ${name} has data and binary_data_size, only one is allowed`);
      return shaped(name, data, shape);
    }
    const width = widthOf(dtype);
    let bytes: number;
    if (typeof size === 'bigint') bytes = Number(size);
    else if (size === undefined && binary.left > 0)
      bytes = width === 0 ? binary.left : elementsOf(shape) * width;
    else if (this.#parameters.has(sharedMemory)) throw inSharedMemory(name);
    else throw invalid(`tensor ${name} has neither data nor a binary_data_size that is a number`);
    if (!(bytes >= 0 && bytes <= maxTensorBytes)) {
      throw new StatusError(
        Code.RESOURCE_EXHAUSTED,
        `tensor ${name} takes ${bytes} bytes, the limit is ${maxTensorBytes} bytes`,
      );
    }
    const head = { name, datatype, shape, parameters: noParameters, contents: undefined };
    return rawTensor(head, [binary.take(name, bytes)], maxTensorBytes);
  }
}

/** However data is nested, its values are taken in order, as Triton and MLServer take them. */
function shaped(name: string, data: TensorChunks, shape: readonly number[]): TensorChunks {
  for (const size of shape) if (size < 0) throw invalid(`tensor ${name} has the negative dimension ${size}`);
  if (elementsOf(data.shape) !== elementsOf(shape)) {
    throw invalid(
      `tensor ${name} of shape [${shape.join(',')}] takes ${elementsOf(shape)} values, its data has the shape [${data.shape.join(',')}]`,
    );
  }
  return { ...data, shape };
}
