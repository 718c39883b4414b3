/**
 * Reads and writes lists of numbers with vector instructions: WebAssembly made from assembly/index.ts. The window on
 * the text that comes, and the slice of the text that goes, stand in its memory, so that text is not copied.
 */
import { Buffer } from 'node:buffer';
import type { DType } from '../../dtype.ts';
import { decimalExponent } from '../number/format-float.ts';
import { maxPower, powerHigh, powerLow } from '../number/powers.ts';
import { moduleBase64 } from './generated/module.ts';

/**
 * Reads numbers into `kernel.values`, behind one another.
 * @param from where the first begins, in the module's memory, as all places
 * @param room bytes for values, a multiple of the type's width and no more than `values` has
 * @param inner values that each list has; -1 when that is not known, or lists are not to be left
 * @param filled values so far of the list that is open
 * @returns bytes of values; 0 when the first number is one for the slow way. `reached` says how far it came.
 */
export type ReadMany = (from: number, end: number, room: number, inner: number, filled: number) => number;

/**
 * Writes float32 from `kernel.values` as TensorFlow Serving does, a comma before each but the first of all, "],["
 * where a list ends. `reached` says which was the first that it did not write: less than `count` when the slice is
 * full, or at one for the slow way.
 * @param at in the module's memory
 * @param first which of the values begins
 * @param count how many values there are
 * @param filled values so far of the list that is open; 0 before the first of all
 * @returns where the text ends
 */
export type WriteMany = (at: number, first: number, count: number, inner: number, filled: number) => number;

export interface Kernel {
  /** The window's memory. */
  readonly text: Uint8Array;
  /** Its place in the module's memory. */
  readonly textAt: number;
  readonly values: Uint8Array;
  /** int32: the place behind the last value, values of the list that is open, lists that were left. */
  readonly reached: DataView;
  readonly slice: Uint8Array;
  readonly sliceAt: number;
  readonly writeFloat: WriteMany;
  readonly readers: Partial<Readonly<Record<DType, ReadMany>>>;
}

/** As assembly/index.ts has them. */
const textBytes = 73_760;
const valuesBytes = 65_536;
const sliceBytes = 65_536;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly text: { readonly value: number };
  readonly values: { readonly value: number };
  readonly reached: { readonly value: number };
  readonly slice: { readonly value: number };
  readonly powers: { readonly value: number };
  readonly decimalExponents: { readonly value: number };
  readonly writeFloat: WriteMany;
  readonly readFloat: ReadMany;
  readonly readDouble: ReadMany;
  readonly readHalf: ReadMany;
  readonly readBfloat16: ReadMany;
  readonly readInt8: ReadMany;
  readonly readUint8: ReadMany;
  readonly readInt16: ReadMany;
  readonly readUint16: ReadMany;
  readonly readInt32: ReadMany;
  readonly readUint32: ReadMany;
  readonly readInt64: ReadMany;
  readonly readUint64: ReadMany;
}

/** Node's types leave it to those of browsers. */
const globalWithWasm = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: Exports };
  };
};

function instantiate(): Kernel {
  const { Module, Instance } = globalWithWasm.WebAssembly;
  const { exports } = new Instance(new Module(Buffer.from(moduleBase64, 'base64')));
  const { buffer } = exports.memory;
  const powers = new DataView(buffer, exports.powers.value, (2 * maxPower + 1) * 16);
  for (let i = 0; i <= 2 * maxPower; i++) {
    powers.setFloat64(i * 16, powerHigh[i] as number, true);
    powers.setFloat64(i * 16 + 8, powerLow[i] as number, true);
  }
  new Int8Array(buffer, exports.decimalExponents.value, decimalExponent.length).set(decimalExponent);
  return {
    text: new Uint8Array(buffer, exports.text.value, textBytes),
    textAt: exports.text.value,
    values: new Uint8Array(buffer, exports.values.value, valuesBytes),
    reached: new DataView(buffer, exports.reached.value, 12),
    slice: new Uint8Array(buffer, exports.slice.value, sliceBytes),
    sliceAt: exports.slice.value,
    writeFloat: exports.writeFloat,
    readers: {
      float: exports.readFloat,
      double: exports.readDouble,
      half: exports.readHalf,
      bfloat16: exports.readBfloat16,
      int8: exports.readInt8,
      uint8: exports.readUint8,
      int16: exports.readInt16,
      uint16: exports.readUint16,
      int32: exports.readInt32,
      uint32: exports.readUint32,
      int64: exports.readInt64,
      uint64: exports.readUint64,
    },
  };
}

/**
 * Undefined where WebAssembly is not to be had (node --jitless, no vector instructions): everything goes the slow
 * way.
 */
export const kernel: Kernel | undefined = (() => {
  try {
    return instantiate();
  } catch {
    return undefined;
  }
})();
