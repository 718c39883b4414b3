/** Powers of ten as sums of two float64, and exact products of float64: the arithmetic behind numbers in text. */

/** |exponent| up to which powers are kept. */
export const maxPower = 60;

/** Powers of ten that one float64 holds exactly. */
export const maxExactPower = 22;

/** 10^(i - maxPower), correctly rounded. */
export const powerHigh = new Float64Array(2 * maxPower + 1);
/** What powerHigh lacks, correctly rounded: together they are good to 106 bits. */
export const powerLow = new Float64Array(2 * maxPower + 1);

/** Bits behind the point of the fixed-point numbers that the table is made with. */
const fixedBits = 400n;

/** The float64 nearest to value / 2^bits. */
function nearest(value: bigint, bits: bigint): number {
  // Number() rounds a bigint correctly, and scaling by powers of two is exact in this range
  return Number(value) * 2 ** -Number(bits);
}

for (let i = 0; i <= 2 * maxPower; i++) {
  const exponent = i - maxPower;
  const fixed =
    exponent >= 0 ? (10n ** BigInt(exponent)) << fixedBits : (1n << fixedBits) / 10n ** BigInt(-exponent);
  const high = nearest(fixed, fixedBits);
  // a multiple of 2^-400, since |exponent| is far below 400 - 53
  const highFixed = BigInt(high * 2 ** 260) << (fixedBits - 260n);
  powerHigh[i] = high;
  powerLow[i] = nearest(fixed - highFixed, fixedBits);
}

/** 2^27 + 1: splits a float64 into two halves of 26 bits (Dekker 1971). */
const splitter = 134_217_729;

/** The part of a x b that the rounded product lacks, exactly; for |a|, |b| far from the ends of float64's range. */
export function productError(a: number, b: number, product: number): number {
  const ta = splitter * a;
  const aHigh = ta - (ta - a);
  const aLow = a - aHigh;
  const tb = splitter * b;
  const bHigh = tb - (tb - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}
