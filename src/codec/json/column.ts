/** One input of a request: its values, and in row form the shape that all rows must have. */
import { Code, StatusError } from '../../base/status.ts';
import type { DType } from '../dtype.ts';
import type { EncodedTensor } from '../encoded-tensor.ts';
import type { TensorInfo } from '../tensor.ts';
import type { Excerpt } from './excerpt.ts';
import { expect, type JsonLimits, valueFault, ValueFault } from './limits.ts';
import { TensorReader } from './tensor-reader.ts';
import type { Text, ValueType } from './text.ts';
import { BoolValues } from './values/bools.ts';
import { Float16Values } from './values/float16.ts';
import { Float32Values } from './values/float32.ts';
import { Float64Values } from './values/float64.ts';
import { IntegerValues, isIntegerType } from './values/integers.ts';
import { StringValues } from './values/strings.ts';
import { UnreadableValues } from './values/unreadable.ts';
import { type ElementBudget, typeFault, type Values } from './values/values.ts';
import { WideIntegerValues } from './values/wide-integers.ts';

export interface DtypeOptions {
  /** Integers must be integer literals; without it 5.0 is one too. */
  readonly strictDtypes: boolean;
  /** half, bfloat16 and uint16 are read, which TensorFlow Serving refuses. */
  readonly extraDtypes: boolean;
}

export interface ColumnOptions extends DtypeOptions {
  readonly limits: JsonLimits;
}

const extra: ReadonlySet<DType> = new Set(['half', 'bfloat16', 'uint16']);

function valuesOf(dtype: DType, options: ColumnOptions, budget: ElementBudget): Values {
  if (extra.has(dtype) && !options.extraDtypes) return new UnreadableValues(dtype);
  if (isIntegerType(dtype)) return new IntegerValues(dtype, !options.strictDtypes, budget);
  switch (dtype) {
    case 'float':
      return new Float32Values(budget);
    case 'double':
      return new Float64Values(budget);
    case 'half':
    case 'bfloat16':
      return new Float16Values(dtype, budget);
    case 'int64':
    case 'uint64':
      return new WideIntegerValues(dtype, budget);
    case 'bool':
      return new BoolValues(budget);
    case 'string':
      return new StringValues(options.limits.maxStringBytes, budget);
    default:
      return new UnreadableValues(dtype);
  }
}

/**
 * Collects the values of one named input from a JSON request. In row form all rows must have the shape of the
 * first one; finish() returns the tensor encoded for the backend.
 */
export class Column {
  readonly name: string;
  #nameBytes: Uint8Array | undefined;
  readonly values: Values;
  readonly reader: TensorReader;
  /** The row that was last begun. */
  row = -1;
  #shape: readonly number[] | undefined;
  #size = 0;
  #before = 0;

  /** @throws ValueFault UNIMPLEMENTED for a dtype that tensors here cannot have */
  constructor(name: string, info: TensorInfo, options: ColumnOptions, budget: ElementBudget) {
    const { dtype, dtypeNumber } = info;
    if (dtype === undefined) {
      throw new ValueFault(
        () =>
          new StatusError(
            Code.UNIMPLEMENTED,
            `input ${name} has the dtype number ${dtypeNumber}, which JSON cannot hold`,
          ),
      );
    }
    this.name = name;
    this.values = valuesOf(dtype, options, budget);
    this.reader = new TensorReader(this.values, options.limits.maxRank);
  }

  /** The name in UTF-8. */
  get nameBytes(): Uint8Array {
    return (this.#nameBytes ??= Buffer.from(this.name));
  }

  /** Rows are scalars: several may be read at once. */
  get scalar(): boolean {
    return this.#shape?.length === 0;
  }

  begin(row: number): void {
    this.row = row;
    this.#before = this.values.count;
    this.reader.begin();
  }

  /** False when more text is needed. @throws ValueFault for a row that does not fit those before */
  read(text: Text, many = false): boolean {
    if (!this.reader.run(text, many)) return false;
    this.#end(this.reader.shape);
    return true;
  }

  /**
   * Takes a string that was read elsewhere.
   * @param excerpt where it stands, for the message when it cannot be taken
   */
  add(text: Text, value: readonly Uint8Array[], excerpt: Excerpt, type: ValueType): void {
    if (this.values instanceof UnreadableValues) throw this.values.refusal(text, excerpt, type, expect.after);
    if (!(this.values instanceof StringValues))
      throw typeFault(text, excerpt, type, this.values.dtype, expect.after);
    this.values.add(value);
    this.#end([]);
  }

  /** Rows read since begin(), when they are scalars. */
  get taken(): number {
    return this.values.count - this.#before;
  }

  #end(shape: readonly number[]): void {
    const expected = this.#shape;
    if (expected === undefined) {
      this.#shape = shape;
      this.#size = this.taken;
      return;
    }
    if (expected.length === 0 && shape.length === 0) return;
    if (this.taken !== this.#size)
      throw valueFault(`Expecting tensor size: ${this.#size} but got: ${this.taken}`, expect.after);
    if (shape.length !== expected.length || shape.some((size, i) => size !== expected[i]))
      throw valueFault(`Expecting shape [${expected.join(',')}] but got: [${shape.join(',')}]`, expect.after);
  }

  /** @param rows undefined in columnar form */
  finish(rows?: number): EncodedTensor {
    const shape = rows === undefined ? this.reader.shape : [rows, ...(this.#shape ?? [])];
    return { dtype: this.values.dtype, shape, parts: this.values.finish() };
  }
}
