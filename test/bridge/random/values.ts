/**
 * The values of V2's datatypes: made by chance, written as JSON, and read from it; a tensor is the bytes that it has
 * in binary.
 */
import { Buffer } from 'node:buffer';
import type { Chance } from '../../fuzz/chance.ts';
import { type Json, type JsonNumber, isNumber } from './lenient-json.ts';

export const datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BF16',
  'BYTES',
] as const;
export type Datatype = (typeof datatypes)[number];

const widths: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BF16: 2,
  BYTES: 0,
};

export const isFloat = (datatype: Datatype): boolean => /^[FB][PF]/.test(datatype);

/** A value as its bytes; of BYTES without its length. */
export type Value = Buffer;

const viewOf = (value: Buffer): DataView => new DataView(value.buffer, value.byteOffset, value.length);

/** The number that the bytes of a float are. */
export function floatOf(datatype: Datatype, value: Value): number {
  const view = viewOf(value);
  if (datatype === 'FP64') return view.getFloat64(0, true);
  if (datatype === 'FP32') return view.getFloat32(0, true);
  if (datatype === 'FP16') return view.getFloat16(0, true);
  const wide = new DataView(new ArrayBuffer(4));
  wide.setUint16(2, view.getUint16(0, true), true);
  return wide.getFloat32(0, true);
}

/** The bytes of the float that is nearest. */
function floatBytes(datatype: Datatype, number: number): Value {
  const value = Buffer.alloc(widths[datatype]);
  const view = viewOf(value);
  if (datatype === 'FP64') view.setFloat64(0, number, true);
  else if (datatype === 'FP32') view.setFloat32(0, number, true);
  else if (datatype === 'FP16') view.setFloat16(0, number, true);
  else {
    const wide = new DataView(new ArrayBuffer(4));
    wide.setFloat32(0, number, true);
    const bits = wide.getUint32(0, true);
    // half to even; a NaN stays one
    const rounded = Number.isNaN(number) ? bits >>> 16 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    view.setUint16(0, rounded, true);
  }
  return value;
}

const someText = ['', 'a', 'one', 'hé', 'три', '😀', '"\\/', '\u0000', '\n\t\r', '\u2028', 'null', '1'];

/** @param textual only what JSON can say: finite numbers, strings that are UTF-8 */
export function randomValue(chance: Chance, datatype: Datatype, textual: boolean): Value {
  if (datatype === 'BYTES')
    return textual || chance.percent(40)
      ? Buffer.from(Array.from({ length: chance.below(4) }, () => chance.pick(someText)).join(''))
      : chance.bytes(chance.below(12));
  if (datatype === 'BOOL') return Buffer.from([chance.below(2)]);
  for (;;) {
    const width = widths[datatype];
    const value = chance.percent(30)
      ? Buffer.alloc(width, chance.pick([0x00, 0xff, 0x7f, 0x80]))
      : Buffer.from(Array.from({ length: width }, () => chance.below(256)));
    if (chance.percent(20)) value[width - 1] = chance.pick([0x80, 0x7f]);
    if (!isFloat(datatype)) return value;
    if (Number.isFinite(floatOf(datatype, value))) return value;
    if (!textual) return quiet(datatype, value);
  }
}

/** A NaN that signals may come back quiet from any conversion of the processor's: those here do not. */
function quiet(datatype: Datatype, value: Value): Value {
  return Number.isNaN(floatOf(datatype, value)) ? floatBytes(datatype, Number.NaN) : value;
}

function integerOf(datatype: Datatype, value: Value): bigint {
  let bits = 0n;
  for (let at = value.length - 1; at >= 0; at--) bits = (bits << 8n) | BigInt(value[at] ?? 0);
  return datatype.startsWith('U') ? bits : BigInt.asIntN(value.length * 8, bits);
}

/** As JSON has it, in one of the ways in which a number or a text can be written. */
export function jsonOf(chance: Chance, datatype: Datatype, value: Value): string {
  if (datatype === 'BYTES') {
    const text = JSON.stringify(value.toString());
    if (!chance.percent(20)) return text;
    return text.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  }
  if (datatype === 'BOOL') return value[0] === 1 ? 'true' : 'false';
  if (!isFloat(datatype)) return String(integerOf(datatype, value));
  const number = floatOf(datatype, value);
  const text = Object.is(number, -0) ? '-0.0' : chance.percent(30) ? number.toExponential() : String(number);
  return text;
}

/** One value of an answer's data. @throws for what is none of the datatype */
export function valueOf(datatype: Datatype, json: Json): Value {
  if (datatype === 'BYTES') {
    if (!Buffer.isBuffer(json)) throw new Error('no string');
    return json;
  }
  if (datatype === 'BOOL') {
    if (typeof json === 'boolean') return Buffer.from([json ? 1 : 0]);
    if (isNumber(json) && /^[01]$/.test(json.number)) return Buffer.from([Number(json.number)]);
    throw new Error('no boolean');
  }
  if (!isNumber(json)) throw new Error(`no number: ${JSON.stringify(json)}`);
  return isFloat(datatype) ? floatBytes(datatype, Number(json.number)) : integerBytes(datatype, json);
}

function integerBytes(datatype: Datatype, { number }: JsonNumber): Value {
  const value = Buffer.alloc(widths[datatype]);
  let bits = BigInt.asUintN(value.length * 8, BigInt(number));
  for (let at = 0; at < value.length; at++, bits >>= 8n) value[at] = Number(bits & 0xffn);
  return value;
}

/** As in raw_input_contents. */
export function rawOf(datatype: Datatype, values: readonly Value[]): Buffer {
  if (datatype !== 'BYTES') return Buffer.concat(values);
  return Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      return [length, value];
    }),
  );
}

/** The values of raw contents. */
export function valuesOf(datatype: Datatype, raw: Buffer): Value[] {
  const values: Value[] = [];
  for (let at = 0; at < raw.length;) {
    const size = datatype === 'BYTES' ? raw.readUInt32LE(at) : widths[datatype];
    if (datatype === 'BYTES') at += 4;
    values.push(raw.subarray(at, (at += size)));
  }
  return values;
}

/** Which field of InferTensorContents holds them; FP16 and BF16 have none. */
const fields: Readonly<Partial<Record<Datatype, string>>> = {
  BOOL: 'bool_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

export const hasContents = (datatype: Datatype): boolean => datatype in fields;

/** InferTensorContents, as protobufjs takes it. */
export function contentsOf(datatype: Datatype, values: readonly Value[]): object {
  const plain = (value: Value): unknown => {
    if (datatype === 'BYTES') return value;
    if (datatype === 'BOOL') return value[0] === 1;
    return isFloat(datatype) ? floatOf(datatype, value) : String(integerOf(datatype, value));
  };
  return { [fields[datatype] ?? '']: values.map(plain) };
}

/** And the values of one that came, which protobufjs made an object of (integers as text). */
export function valuesOfContents(
  datatype: Datatype,
  contents: Readonly<Record<string, readonly unknown[]>>,
): Value[] {
  return (contents[fields[datatype] ?? ''] ?? []).map((each) => {
    if (datatype === 'BYTES') return Buffer.from(each as Uint8Array);
    if (datatype === 'BOOL') return Buffer.from([each === true ? 1 : 0]);
    return isFloat(datatype)
      ? floatBytes(datatype, Number(each))
      : integerBytes(datatype, { number: String(each) });
  });
}
