/** Collects the values of one tensor as they are read, in the bytes that go on the wire. */
import { Buffer } from 'node:buffer';
import { Code, StatusError } from '../../call/index.ts';
import { type DType, widthOf } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { JsonLimits } from './limits.ts';
import { NumberParser, toBfloat16, toHalf } from './number.ts';
import { preview } from './preview.ts';
import { byte, invalid, type Scanner } from './scanner.ts';
import { decodeBase64, stringBytes } from './strings.ts';

/** Least and greatest of the integer types that are read as numbers. */
const ranges: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int32: [-2_147_483_648, 2_147_483_647],
  int16: [-32_768, 32_767],
  int8: [-128, 127],
  uint8: [0, 255],
  uint16: [0, 65_535],
  uint32: [0, 4_294_967_295],
};
const wideRanges: Readonly<Partial<Record<DType, readonly [bigint, bigint]>>> = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};
const readable: ReadonlySet<DType> = new Set([
  'float',
  'double',
  'half',
  'bfloat16',
  'bool',
  'string',
  'int32',
  'int16',
  'int8',
  'uint8',
  'uint16',
  'uint32',
  'int64',
  'uint64',
]);

export class TensorBuilder {
  readonly dtype: DType;
  readonly #limits: JsonLimits;
  readonly #strict: boolean;
  readonly #scanner: Scanner;
  readonly #numbers: NumberParser;
  readonly #width: number;
  readonly #write: (from: number) => void;
  #buffer: Buffer;
  #strings: Uint8Array[] = [];
  count = 0;

  /** @param strict integers must be integer literals; without it 5.0 is one too */
  constructor(dtype: DType, scanner: Scanner, limits: JsonLimits, strict: boolean) {
    this.dtype = dtype;
    this.#scanner = scanner;
    this.#numbers = new NumberParser(scanner.bytes);
    this.#limits = limits;
    this.#strict = strict;
    this.#width = widthOf(dtype);
    this.#buffer = Buffer.allocUnsafe(dtype === 'string' ? 0 : 1024);
    this.#write = this.#writer();
  }

  /** Reads the one value that stands here. */
  value(): void {
    const scanner = this.#scanner;
    const { dtype } = this;
    if (!readable.has(dtype)) {
      throw new StatusError(
        Code.UNIMPLEMENTED,
        `Conversion of JSON Value: ${preview(scanner.bytes, scanner.at)} to type: ${dtype}`,
      );
    }
    if (this.count >= this.#limits.maxElements)
      throw invalid(`a tensor has more values than the limit of ${this.#limits.maxElements}`);
    if (dtype === 'string') {
      this.#string();
      this.count++;
      return;
    }
    if ((this.count + 1) * this.#width > this.#buffer.length) this.#grow();
    const from = scanner.at;
    const type = scanner.type();
    if (dtype === 'bool') {
      if (type !== 'True' && type !== 'False') throw this.mismatch(from);
      this.#buffer[this.count] = type === 'True' ? 1 : 0;
      scanner.word(type);
    } else {
      if (type !== 'Number') throw this.mismatch(from);
      this.#write(from);
    }
    this.count++;
  }

  /** "Type: String is not of expected type: float". */
  mismatch(at: number): StatusError {
    const scanner = this.#scanner;
    scanner.at = at;
    return invalid(
      `JSON Value: ${preview(scanner.bytes, at)} Type: ${scanner.type()} is not of expected type: ${this.dtype}`,
    );
  }

  finish(shape: readonly number[]): Tensor {
    if (this.dtype === 'string') return { dtype: 'string', shape, values: this.#strings };
    return { dtype: this.dtype, shape, bytes: this.#buffer.subarray(0, this.count * this.#width) };
  }

  #grow(): void {
    const bigger = Buffer.allocUnsafe(this.#buffer.length * 2);
    this.#buffer.copy(bigger);
    this.#buffer = bigger;
  }

  /** What turns the text of a number into bytes: chosen once for a tensor. */
  #writer(): (from: number) => void {
    const scanner = this.#scanner;
    const numbers = this.#numbers;
    const tooBig = (from: number): never => {
      throw scanner.fault('Number too big to be stored in double.', from);
    };
    const finite = (value: number, from: number): number =>
      Number.isFinite(value) || Number.isNaN(value) || !isDigit(scanner.bytes, from) ? value : tooBig(from);
    switch (this.dtype) {
      case 'float':
        return (from) => {
          const integer = scanner.number();
          let value = numbers.float32(from, scanner.at);
          if (!Number.isFinite(value)) value = Math.fround(finite(numbers.float64(from, scanner.at), from));
          // -0 is an integer, which has no sign of its own
          else if (integer) value += 0;
          this.#buffer.writeFloatLE(value, this.count * 4);
        };
      case 'double':
        return (from) => {
          const integer = scanner.number();
          const value = finite(numbers.float64(from, scanner.at), from);
          this.#buffer.writeDoubleLE(integer ? value + 0 : value, this.count * 8);
        };
      case 'half':
      case 'bfloat16': {
        const pattern = this.dtype === 'half' ? toHalf : toBfloat16;
        return (from) => {
          scanner.number();
          this.#buffer.writeUInt16LE(
            pattern(finite(numbers.float64(from, scanner.at), from)),
            this.count * 2,
          );
        };
      }
      case 'int64':
      case 'uint64':
        return (from) => {
          this.#wide(from);
        };
      default:
        return (from) => {
          this.#narrow(from);
        };
    }
  }

  #narrow(from: number): void {
    const scanner = this.#scanner;
    const integer = scanner.number();
    const value = this.#numbers.float64(from, scanner.at) + 0;
    if (!integer && (this.#strict || !Number.isInteger(value))) throw this.mismatch(from);
    const range = ranges[this.dtype];
    if (range === undefined || value < range[0] || value > range[1]) throw this.mismatch(from);
    const at = this.count * this.#width;
    if (this.#width === 1) this.#buffer[at] = value;
    else if (this.#width === 2) this.#buffer.writeUInt16LE(value & 0xffff, at);
    else this.#buffer.writeInt32LE(value | 0, at);
  }

  #wide(from: number): void {
    const scanner = this.#scanner;
    if (!scanner.number()) throw this.mismatch(from);
    const { bytes, at } = scanner;
    const range = wideRanges[this.dtype];
    // beyond 20 digits it cannot be within 64 bits, and a BigInt of it would cost more than it should
    if (at - from > 21 || range === undefined) throw this.mismatch(from);
    const value = BigInt(Buffer.from(bytes.buffer, bytes.byteOffset + from, at - from).toString('latin1'));
    if (value < range[0] || value > range[1]) throw this.mismatch(from);
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.count * 8);
  }

  #string(): void {
    const scanner = this.#scanner;
    const type = scanner.type();
    const from = scanner.at;
    let value: Uint8Array;
    if (type === 'String') value = stringBytes(scanner, scanner.string());
    else if (type !== 'Object') throw this.mismatch(from);
    else {
      const text = base64Member(scanner);
      if (text === undefined)
        throw invalid(`JSON Value: ${preview(scanner.bytes, from)} not formatted correctly for base64 data`);
      value = decodeBase64(text);
    }
    if (value.length > this.#limits.maxStringBytes) {
      throw invalid(`a string is ${value.length} bytes, the limit is ${this.#limits.maxStringBytes} bytes`);
    }
    this.#strings.push(value);
  }
}

function isDigit(bytes: Uint8Array, from: number): boolean {
  const value = bytes[bytes[from] === byte.minus ? from + 1 : from] as number;
  return value >= byte.zero && value <= byte.nine;
}

/** The text of {"b64": "..."}, which is passed over; undefined, and nothing passed over, when it is another object. */
export function base64Member(scanner: Scanner): Uint8Array | undefined {
  const start = scanner.at;
  if (scanner.enter(byte.closeObject)) {
    const { from, to } = scanner.name();
    if (to - from === 3 && scanner.startsWith('b64', from) && scanner.peek() === byte.quote) {
      const text = stringBytes(scanner, scanner.string());
      if (scanner.peek() === byte.closeObject) {
        scanner.at++;
        return text;
      }
    }
  }
  scanner.at = start;
  return undefined;
}
