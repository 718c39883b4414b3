/**
 * Floats as TensorFlow Serving prints them: C's %.6g when that reads back as the same number, else %.9g (float32) or
 * %.17g (float64); never without "." or "e". Written in integers: the digits come from one product with a power of ten,
 * and only when its error could change them are they asked for the slow way.
 */
import { type DigitsOut, writeInteger, writeNine, writeTriple } from './digits.ts';
import { textToFloat32 } from './exact.ts';
import { maxExactPower, maxPower, powerHigh, powerLow, productError } from './powers.ts';

/** The longest that a number here can be, in bytes. */
export const maxFloatBytes = 32;

const zero = 0x30;
const dot = 0x2e;
const minus = 0x2d;

/** Writes ASCII text; gives where it ends, as all writers here do. */
function writeText(out: DigitsOut, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) out.bytes[at++] = text.charCodeAt(i);
  return at;
}

/** Where digits have to be put for place() to lay them out. */
function digitsAt(at: number, exponent: number): number {
  return exponent < 0 && exponent >= -4 ? at + 1 - exponent : at + 1;
}

/** Makes %g of the `digits` digits that stand at digitsAt(): d.ddd x 10^exponent, without trailing zeros. */
function place(out: DigitsOut, at: number, exponent: number, digits: number): number {
  const { bytes } = out;
  const scientific = exponent < -4 || exponent >= digits;
  let whole = 1;
  let end: number;
  if (!scientific && exponent < 0) {
    bytes[at] = zero;
    bytes[at + 1] = dot;
    for (let i = at + 2; i < at + 1 - exponent; i++) bytes[i] = zero;
    end = at + 1 - exponent + digits;
    while (bytes[end - 1] === zero) end--;
    return end;
  }
  if (!scientific) whole = exponent + 1;
  for (let i = 0; i < whole; i++) bytes[at + i] = bytes[at + i + 1] as number;
  bytes[at + whole] = dot;
  end = at + 1 + digits;
  while (bytes[end - 1] === zero) end--;
  if (!scientific) return end > at + whole + 1 ? end : writeText(out, at + whole, '.0');
  if (end === at + whole + 1) end--;
  bytes[end++] = 0x65;
  bytes[end++] = exponent < 0 ? minus : 0x2b;
  const magnitude = exponent < 0 ? -exponent : exponent;
  if (magnitude < 10) bytes[end++] = zero;
  return writeInteger(out, end, magnitude);
}

/** Writes `digits` digits of a number, with leading zeros; six, or nine. */
function writeDigits(out: DigitsOut, at: number, value: number, digits: number): void {
  if (digits === 9) writeNine(out, at, value);
  else {
    const thousands = (value / 1000) | 0;
    writeTriple(out, at, thousands);
    writeTriple(out, at + 3, value - thousands * 1000);
  }
}

/** By biased exponent: floor(log10) of the least float32 with it, and half the distance between its float32. */
export const decimalExponent = new Int8Array(255);
const halfUlp = new Float64Array(255);
for (let i = 0; i < 255; i++) {
  decimalExponent[i] = Math.floor(Math.log10(2 ** (i - 127)));
  halfUlp[i] = 2 ** (i - 151);
}

/** More than the product of a float32 with a power of ten, below 10^9, can be wrong: two roundings of 2^-53 each. */
const productBound = 2 ** -18;

/** Writes a float32. @param bits its pattern */
export function writeFloat32(out: DigitsOut, at: number, value: number, bits: number): number {
  let to = at;
  let magnitude = value;
  if (bits < 0) {
    if (value !== value) return writeText(out, at, 'NaN');
    out.bytes[to++] = minus;
    magnitude = -value;
  }
  const biased = (bits >>> 23) & 0xff;
  if (biased === 0xff) return writeText(out, value !== value ? at : to, value !== value ? 'NaN' : 'Infinity');
  if (magnitude < 1e6 && (magnitude | 0) === magnitude)
    return writeText(out, writeInteger(out, to, magnitude), '.0');
  // subnormals have fewer digits than the shortcuts below take for granted
  if (biased === 0) return writeSlow(out, to, magnitude, 9, textToFloat32);
  let exponent = decimalExponent[biased] as number;
  if (magnitude >= (powerHigh[maxPower + exponent + 1] as number)) exponent++;
  const power = powerHigh[maxPower + 8 - exponent] as number;
  const scaled = magnitude * power;
  const whole = scaled | 0;
  const fraction = scaled - whole;
  // within [10^8, 10^9), or the power of ten that it was compared to was rounded
  if (whole < 100_000_000 || scaled >= 1e9) return writeSlow(out, to, magnitude, 9, textToFloat32);
  const thousands = (whole / 1000) | 0;
  const rest = whole - thousands * 1000 + fraction;
  // half the distance to the next float32 is less than 60 here
  if (rest < 60 || rest > 940) {
    const up = rest > 500;
    let half = (halfUlp[biased] as number) * power;
    // below a power of two float32 are closer
    if (!up && (bits & 0x7fffff) === 0 && biased > 1) half /= 2;
    const distance = up ? 1000 - rest : rest;
    if (distance < half - productBound) {
      let six = up ? thousands + 1 : thousands;
      if (six === 1_000_000) {
        six = 100_000;
        exponent++;
      }
      writeDigits(out, digitsAt(to, exponent), six, 6);
      return place(out, to, exponent, 6);
    }
    if (distance < half + productBound) return writeSlow(out, to, magnitude, 9, textToFloat32);
  }
  let up = fraction > 0.5;
  if (fraction > 0.5 - productBound && fraction < 0.5 + productBound) {
    // common among numbers of few bits: the product is exact, so this is a tie or none
    if (exponent < -14 || exponent > 8 || productError(magnitude, power, scaled) !== 0)
      return writeSlow(out, to, magnitude, 9, textToFloat32);
    if (fraction === 0.5) up = (whole & 1) === 1;
  }
  let nine = up ? whole + 1 : whole;
  if (nine === 1_000_000_000) {
    nine = 100_000_000;
    exponent++;
  }
  writeNine(out, digitsAt(to, exponent), nine);
  return place(out, to, exponent, 9);
}

const scratch = new DataView(new ArrayBuffer(8));

/** Writes a float64. */
export function writeFloat64(out: DigitsOut, at: number, value: number): number {
  if (value !== value) return writeText(out, at, 'NaN');
  let to = at;
  let magnitude = value;
  if (value < 0 || Object.is(value, -0)) {
    out.bytes[to++] = minus;
    magnitude = -value;
  }
  if (magnitude === Number.POSITIVE_INFINITY) return writeText(out, to, 'Infinity');
  if (magnitude < 1e6 && (magnitude | 0) === magnitude)
    return writeText(out, writeInteger(out, to, magnitude), '.0');
  scratch.setFloat64(0, magnitude);
  // log10(2) x the binary exponent: the decimal one, or one less
  let exponent = Math.floor((((scratch.getUint32(0) >>> 20) - 1023) * 1233) / 4096);
  if (exponent > maxPower - 20 || exponent < 20 - maxPower) return writeSlow(out, to, magnitude, 17, itself);
  if (magnitude >= (powerHigh[maxPower + exponent + 1] as number)) exponent++;
  // the first 17 digits as product + error, each a float64
  const index = maxPower + 16 - exponent;
  const power = powerHigh[index] as number;
  const product = magnitude * power;
  const error = productError(magnitude, power, product) + magnitude * (powerLow[index] as number);
  let high = Math.floor(product / 1e8);
  let rest = product - high * 1e8 + error;
  if (rest < 0) {
    high--;
    rest += 1e8;
  }
  // also when what was below 0 was so little that the sum is rounded up again
  if (rest >= 1e8) {
    high++;
    rest -= 1e8;
  }
  if (high < 100_000_000 || high >= 1_000_000_000) return writeSlow(out, to, magnitude, 17, itself);
  let low = Math.floor(rest);
  const fraction = rest - low;
  const thousands = (high / 1000) | 0;
  const tail = high - thousands * 1000;
  // half the distance to the next float64 is less than 12 in the last of 17 digits
  if ((tail === 0 && rest < 12) || (tail === 999 && rest > 1e8 - 12)) {
    let six = tail === 0 ? thousands : thousands + 1;
    let sixExponent = exponent;
    if (six === 1_000_000) {
      six = 100_000;
      sixExponent++;
    }
    const scale = sixExponent - 5;
    const back =
      Math.abs(scale) > maxExactPower
        ? Number(`${six}e${scale}`)
        : scale < 0
          ? six / (powerHigh[maxPower - scale] as number)
          : six * (powerHigh[maxPower + scale] as number);
    if (back === magnitude) {
      writeDigits(out, digitsAt(to, sixExponent), six, 6);
      return place(out, to, sixExponent, 6);
    }
  }
  if (fraction > 0.4999 && fraction < 0.5001) return writeSlow(out, to, magnitude, 17, itself);
  if (fraction > 0.5 && ++low === 100_000_000) {
    low = 0;
    if (++high === 1_000_000_000) return writeSlow(out, to, magnitude, 17, itself);
  }
  const from = digitsAt(to, exponent);
  writeNine(out, from, high);
  const ninth = out.bytes[from + 8] as number;
  // eight digits, so the first of the nine is 0 and stands where the ninth does
  writeNine(out, from + 8, low);
  out.bytes[from + 8] = ninth;
  return place(out, to, exponent, 17);
}

/** A float64 is what its text is nearest to already. */
const itself = (_text: string, value: number): number => value;

/** Digits enough to see on which side of a border a number lies. */
const slowDigits = 60;

/** Rounds a positive number to decimal digits as C does: half to even, exactly. */
function decimal(value: number, precision: number): { digits: string; exponent: number } {
  const [mantissa = '', exponentText = '0'] = value.toExponential(slowDigits).split('e');
  const all = mantissa.replace('.', '');
  const kept = BigInt(all.slice(0, precision));
  const rest = all.slice(precision);
  const half = '5'.padEnd(rest.length, '0');
  const up = rest > half || (rest === half && kept % 2n === 1n);
  const digits = String(up ? kept + 1n : kept);
  const carried = digits.length > precision;
  return {
    digits: digits.slice(0, precision),
    exponent: Number(exponentText) + (carried ? 1 : 0),
  };
}

/** The same, plainly: for the numbers that lie too close to a border. */
function writeSlow(
  out: DigitsOut,
  at: number,
  magnitude: number,
  precision: number,
  round: (text: string, value: number) => number,
): number {
  const short = decimal(magnitude, 6);
  const text = `${short.digits}e${short.exponent - 5}`;
  const { digits, exponent } =
    round(text, Number(text)) === magnitude ? short : decimal(magnitude, precision);
  writeText(out, digitsAt(at, exponent), digits);
  return place(out, at, exponent, digits.length);
}
