/** Decimal text to the bytes of a number by comparing exact fractions: slow and plainly right. */
import { Buffer } from 'node:buffer';

/** A decimal number as an exact fraction. */
function fraction(raw: string): [top: bigint, bottom: bigint] {
  const match = /^(-?)([0-9]+)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$/.exec(raw);
  if (match === null) throw new Error(raw);
  const [, sign = '', whole = '', rest = '', exponent = '0'] = match;
  const ten = Number(exponent) - rest.length;
  const digits = BigInt(sign + whole + rest);
  return ten >= 0 ? [digits * 10n ** BigInt(ten), 1n] : [digits, 10n ** BigInt(-ten)];
}

/** |decimal - value|, over a common bottom of the decimal's times 2^1100. */
function distance([top, bottom]: [bigint, bigint], value: number): bigint {
  const scale = 2n ** 1100n;
  // value x 2^1100 is whole
  let bits = 0;
  let whole = value;
  while (!Number.isInteger(whole)) {
    whole *= 2;
    bits++;
  }
  const difference = top * scale - ((BigInt(whole) * scale) >> BigInt(bits)) * bottom;
  return difference < 0n ? -difference : difference;
}

/** The nearest of the numbers that a type has around a decimal; of two as near, the one whose pattern is even. */
function nearest(raw: string, candidates: readonly { pattern: number; value: number }[]): number {
  const exact = fraction(raw);
  let best = candidates[0];
  for (const candidate of candidates) {
    if (best === undefined) break;
    const [a, b] = [distance(exact, candidate.value), distance(exact, best.value)];
    if (a < b || (a === b && candidate.pattern % 2 === 0)) best = candidate;
  }
  if (best === undefined) throw new Error('no candidates');
  return best.pattern;
}

const view = new DataView(new ArrayBuffer(8));
const f32 = {
  bits: (value: number): number => {
    view.setFloat32(0, value);
    return view.getUint32(0);
  },
  value: (bits: number): number => {
    view.setUint32(0, bits);
    return view.getFloat32(0);
  },
};

/** Patterns of 16 bits: value by the definition of the format. */
function value16(pattern: number, exponentBits: number, mantissaBits: number): number {
  const exponent = (pattern >> mantissaBits) & (2 ** exponentBits - 1);
  const mantissa = pattern & (2 ** mantissaBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  // the greatest exponent stands for infinity; as a finite number it is where rounding goes up to it
  return exponent === 0
    ? mantissa * 2 ** (1 - bias - mantissaBits)
    : (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}

/** The pattern of a decimal in a format, found by halving over all of its patterns. */
function patternOf(raw: string, infinity: number, valueOf: (pattern: number) => number): number {
  const negative = raw.startsWith('-');
  const magnitude = negative ? raw.slice(1) : raw;
  const exact = fraction(magnitude);
  let low = 0;
  let high = infinity;
  // the greatest pattern whose value is not above the decimal
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [top, bottom] = exact;
    let bits = 0;
    let whole = valueOf(middle);
    while (!Number.isInteger(whole)) {
      whole *= 2;
      bits++;
    }
    if (BigInt(whole) * bottom <= top << BigInt(bits)) low = middle;
    else high = middle - 1;
  }
  if (low === infinity) return infinity;
  return nearest(magnitude, [
    { pattern: low, value: valueOf(low) },
    { pattern: low + 1, value: valueOf(low + 1) },
  ]);
}

/** Least, greatest and width of the integer types. */
export const ranges: Record<string, [bigint, bigint, number]> = {
  int8: [-128n, 127n, 1],
  uint8: [0n, 255n, 1],
  int16: [-32768n, 32767n, 2],
  uint16: [0n, 65535n, 2],
  int32: [-(2n ** 31n), 2n ** 31n - 1n, 4],
  uint32: [0n, 2n ** 32n - 1n, 4],
  int64: [-(2n ** 63n), 2n ** 63n - 1n, 8],
  uint64: [0n, 2n ** 64n - 1n, 8],
};

export function littleEndian(value: bigint, width: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes.subarray(0, width).toString('hex');
}

/** Little-endian bytes of a number or word in hex. */
export function floatBytes(raw: string, dtype: string): string {
  const isInteger = /^-?[0-9]+$/.test(raw);
  const word = raw.replace('Infinity', 'Inf');
  const out = Buffer.alloc(8);
  if (dtype === 'double') {
    const value =
      word === 'NaN' || word === '-NaN'
        ? NaN
        : word.endsWith('Inf')
          ? word === 'Inf'
            ? Infinity
            : -Infinity
          : Number(raw);
    out.writeDoubleLE(isInteger ? value + 0 : value);
    return out.toString('hex');
  }
  const [infinity, width] =
    dtype === 'float' ? [0x7f800000, 4] : dtype === 'half' ? [0x7c00, 2] : [0x7f80, 2];
  const valueOf =
    dtype === 'float'
      ? (pattern: number) => (pattern === infinity ? 2 ** 128 : f32.value(pattern))
      : (pattern: number) => value16(pattern, dtype === 'half' ? 5 : 8, dtype === 'half' ? 10 : 7);
  const negative = raw.startsWith('-');
  let pattern: number;
  if (word.endsWith('NaN')) {
    const quiet = { float: 0x7fc00000, half: 0x7e00, bfloat16: 0x7fc0 }[dtype] ?? 0;
    return littleEndian(BigInt(quiet), width);
  }
  if (word.endsWith('Inf')) pattern = infinity;
  else pattern = patternOf(raw, infinity, valueOf);
  const sign = negative && !(isInteger && pattern === 0) ? 2n ** BigInt(width * 8 - 1) : 0n;
  return littleEndian(BigInt(pattern) | sign, width);
}
