/** From decimal digits to binary numbers, each rounded once, or refused: the same rules as src/codec/json/number/parse.ts. */

/** The largest |exponent| of ten that is read here. */
export const maxPower = 60;
/** 10^-maxPower to 10^maxPower, each as two float64 whose sum is good to 106 bits; filled in from src/codec/json/number/powers.ts. */
export const powers = memory.data(1936, 16);

/** What a significand of up to 17 digits and two powers can be wrong by, relatively, when each step is rounded. */
const approximateError: f64 = 3.552713678800501e-15; // 2^-48
/** The same for sums of two float64. */
const productBound: f64 = 3.1554436208840472e-30; // 2^-98
const splitter: f64 = 134_217_729; // 2^27 + 1

// @ts-ignore: decorator
@inline
export function power(exponent: i32): f64 {
  return load<f64>(powers + (((maxPower + exponent) as usize) << 4));
}

/** What no bits of a number are. */
export const unsure: u64 = 0xffffffffffffffff;

/** float32 bits of a number that is `value` give or take approximateError, and up to `more` greater. */
// @ts-ignore: decorator
@inline
export function float32Bits(value: f64, more: f64): u64 {
  const low = <f32>(value * (1 - approximateError));
  return low == <f32>(value * (1 + approximateError) + more) ? reinterpret<u32>(low) : unsure;
}

/** The float16 nearest to a number that is not negative, half to even. */
function halfBits(value: f64): u32 {
  if (value < 0.00006103515625 /* 2^-14 */) return <u32>nearest(value * 16_777_216 /* 2^24 */);
  if (value >= 65_520) return 0x7c00;
  return dropBits(value, 42) - (1008 << 10);
}

/** The bfloat16 nearest to a number that is not negative, half to even. */
function bfloat16Bits(value: f64): u32 {
  if (value < 1.1754943508222875e-38 /* 2^-126 */) return <u32>nearest(value * 1.0889035741470031e40 /* 2^133 */);
  if (value >= 3.3961775292304957e38 /* 2^128 - 2^119 */) return 0x7f80;
  return dropBits(value, 45) - (896 << 7);
}

/** A float64's bits without the last ones, which are rounded away, half to even. */
// @ts-ignore: decorator
@inline
function dropBits(value: f64, count: i64): u32 {
  const bits = reinterpret<i64>(value);
  return <u32>((bits + ((1 << (count - 1)) - 1) + ((bits >> count) & 1)) >> count);
}

/** As float32Bits, for the types of 16 bits. */
// @ts-ignore: decorator
@inline
export function narrowBits(brain: bool, value: f64, more: f64): u64 {
  const least = value * (1 - approximateError);
  const most = value * (1 + approximateError) + more;
  const low = brain ? bfloat16Bits(least) : halfBits(least);
  return low == (brain ? bfloat16Bits(most) : halfBits(most)) ? <u64>low : unsure;
}

/** The part of a x b that the rounded product lacks (Dekker 1971). */
// @ts-ignore: decorator
@inline
export function productError(a: f64, b: f64, product: f64): f64 {
  const ta = splitter * a;
  const aHigh = ta - (ta - a);
  const aLow = a - aHigh;
  const tb = splitter * b;
  const bHigh = tb - (tb - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** float64 bits of significand x 10^exponent. */
// @ts-ignore: decorator
@inline
export function float64Bits(significand: i64, exponent: i32): u64 {
  const high = <f64>significand;
  // what rounding to float64 took off or put on, exactly
  const low = <f64>(significand - <i64>high);
  const entry = powers + (((maxPower + exponent) as usize) << 4);
  const scale = load<f64>(entry);
  const product = high * scale;
  const error = productError(high, scale, product) + (high * load<f64>(entry, 8) + low * scale);
  const bound = product * productBound;
  const value = product + (error - bound);
  return value == product + (error + bound) ? reinterpret<u64>(value) : unsure;
}
