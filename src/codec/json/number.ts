/** Decimal text to float64 and float32, correctly rounded; the common cases without ever making a string. */
import { Buffer } from 'node:buffer';

/** Powers of ten that float64 holds exactly. */
const powers = Array.from({ length: 23 }, (_, i) => 10 ** i);
const maxExactPower = 22;
/** Digits that float64 holds exactly. */
const exactDigits = 15;
/** Digits that two exact halves hold; more than that is left to Number(). */
const maxDigits = 18;
/** Bound on the relative error of (hi x 10^9 + lo) x 10^e in float64: two roundings of 2^-53 each, and some room. */
const epsilon = 4.5e-16;

export class NumberParser {
  readonly #bytes: Uint8Array;
  #significand = 0;
  #digits = 0;
  #exponent = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Reads [from, to), which must be a number by JSON's grammar or a word; correctly rounded to float64. */
  float64(from: number, to: number): number {
    return this.#scan(from, to) && this.#digits <= exactDigits ? this.#scaled(from) : this.#slow(from, to);
  }

  /** The float32 nearest to the text (not to its float64, which may round twice). */
  float32(from: number, to: number): number {
    if (!this.#scan(from, to)) return this.#round32(from, to);
    const value = this.#scaled(from);
    const low = Math.fround(value * (1 - epsilon));
    // certain when everything that the text can be within the error rounds alike
    return low === Math.fround(value * (1 + epsilon)) ? low : this.#round32(from, to);
  }

  #scaled(from: number): number {
    const power = powers[Math.abs(this.#exponent)] as number;
    const magnitude = this.#exponent < 0 ? this.#significand / power : this.#significand * power;
    return this.#bytes[from] === 0x2d ? -magnitude : magnitude;
  }

  /** False when the text needs the slow way. */
  #scan(from: number, to: number): boolean {
    const bytes = this.#bytes;
    let at = bytes[from] === 0x2d ? from + 1 : from;
    let high = 0;
    let low = 0;
    let digits = 0;
    let scale = 0;
    let point = false;
    for (; at < to; at++) {
      const digit = (bytes[at] as number) - 0x30;
      if (digit >= 0 && digit <= 9) {
        if (point) scale--;
        if (digits === 0 && digit === 0) continue;
        if (++digits <= 9) high = high * 10 + digit;
        else if (digits <= maxDigits) low = low * 10 + digit;
        else return false;
      } else if (digit === -2) point = true;
      else break;
    }
    if (at < to) {
      const mark = bytes[at];
      if (mark !== 0x65 && mark !== 0x45) return false;
      at++;
      const negative = bytes[at] === 0x2d;
      if (negative || bytes[at] === 0x2b) at++;
      let exponent = 0;
      for (; at < to; at++) exponent = Math.min(99_999, exponent * 10 + (bytes[at] as number) - 0x30);
      scale += negative ? -exponent : exponent;
    }
    if (digits > 9) high = high * (powers[digits - 9] as number) + low;
    if (high === 0) scale = 0;
    this.#significand = high;
    this.#digits = digits;
    this.#exponent = scale;
    return scale >= -maxExactPower && scale <= maxExactPower;
  }

  #text(from: number, to: number): string {
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + from, to - from).toString('latin1');
  }

  #slow(from: number, to: number): number {
    const text = this.#text(from, to);
    if (text.endsWith('NaN')) return Number.NaN;
    return text.endsWith('Inf') ? Number(`${text}inity`) : Number(text);
  }

  /** Rounds a float64 to float32; when it lies just between two, the text decides. */
  #round32(from: number, to: number): number {
    const value = this.#slow(from, to);
    const nearest = Math.fround(value);
    if (!Number.isFinite(nearest) || nearest === value) return nearest;
    // the neighbour on the other side of the value
    const other = value > nearest ? nextUp(nearest) : -nextUp(-nearest);
    if (value - nearest !== other - value) return nearest;
    const side = compareDecimal(this.#text(from, to), value);
    if (side === 0) return nearest;
    return side > 0 === other > nearest ? other : nearest;
  }
}

const scratch = new DataView(new ArrayBuffer(4));

/** The next float32 above a finite one. */
function nextUp(value: number): number {
  if (value === 0) return 2 ** -149;
  scratch.setFloat32(0, value);
  scratch.setInt32(0, scratch.getInt32(0) + (value > 0 ? 1 : -1));
  return scratch.getFloat32(0);
}

/** The sign of (decimal text minus float64), exactly; both lie within float32's range, so the powers are small. */
function compareDecimal(text: string, value: number): number {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  if (match === null) return 0;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  let left = BigInt(sign + whole + fraction);
  const ten = Number(exponent) - fraction.length;
  // value = integer x 2^two, exactly
  let two = 0;
  let integer = value;
  while (!Number.isInteger(integer)) {
    integer *= 2;
    two--;
  }
  let right = BigInt(integer);
  if (ten >= 0) left *= 10n ** BigInt(ten);
  else right *= 10n ** BigInt(-ten);
  left *= 2n ** BigInt(-two);
  return left > right ? 1 : left < right ? -1 : 0;
}

/** The float16 pattern nearest to a float64 (round to even). */
export function toHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65_520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundEven(magnitude * 2 ** 24);
  let power = Math.floor(Math.log2(magnitude));
  if (magnitude < 2 ** power) power--;
  return sign | (((power + 14) << 10) + roundEven(magnitude * 2 ** (10 - power)));
}

/** The bfloat16 pattern nearest to a float64. */
export function toBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
