/**
 * Writes float32 as TensorFlow Serving does: C's %.6g when that reads back as the same number, else %.9g, never without "."
 * or "e". The rules are those of src/codec/json/number/format-float.ts; what is doubtful there is left to it here.
 */
import { lowByteDigits } from './digits';
import { power, productError } from './rounding';

/** By biased exponent: floor(log10) of the least float32 with it. */
export const decimalExponents: usize = memory.data(255);

/** More than the product of a float32 with a power of ten, below 10^9, can be wrong: two roundings of 2^-53 each. */
const productBound: f64 = 0.000003814697265625; // 2^-18

/** Where what digitsOf() gives has the first digit, "0" and "."; the other digits are 0 to 7. */
// first 8, zero 9, dot 10
/** By decimal exponent, -4 to 8: where each byte of the text comes from. */
// prettier-ignore
const layouts = memory.data<u8>([
  9, 10, 9, 9, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7, 9, 9,
  9, 10, 9, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7, 9, 9, 9,
  9, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7, 9, 9, 9, 9,
  9, 10, 8, 0, 1, 2, 3, 4, 5, 6, 7, 9, 9, 9, 9, 9,
  8, 10, 0, 1, 2, 3, 4, 5, 6, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 10, 1, 2, 3, 4, 5, 6, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 1, 10, 2, 3, 4, 5, 6, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 1, 2, 10, 3, 4, 5, 6, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 1, 2, 3, 10, 4, 5, 6, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 1, 2, 3, 4, 10, 5, 6, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 1, 2, 3, 4, 5, 10, 6, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 1, 2, 3, 4, 5, 6, 10, 7, 9, 9, 9, 9, 9, 9,
  8, 0, 1, 2, 3, 4, 5, 6, 7, 10, 9, 9, 9, 9, 9, 9,
], 16);

/** Writes d.dddddddd x 10^exponent without trailing zeros; gives where it ends. @param nine the digits, 9 of them */
// @ts-ignore: decorator
@inline
function place(at: usize, nine: u32, exponent: i32, precision: i32): usize {
  const first = nine / 100_000_000;
  const others = lowByteDigits(nine - first * 100_000_000);
  const significant = 9 - <i32>(clz(others) >> 3);
  const text = i64x2.replace_lane(i64x2.splat(others + 0x3030303030303030), 1, 0x2e3030 + first);
  if (exponent >= -4 && exponent < precision) {
    v128.store(at, i8x16.swizzle(text, v128.load(layouts + ((exponent + 4) << 4))));
    // whole numbers keep a dot and a zero
    return at + (exponent < 0 ? 1 - exponent + significant : max(significant + 1, exponent + 3));
  }
  v128.store(at, i8x16.swizzle(text, v128.load(layouts + (4 << 4))));
  at += significant == 1 ? 1 : significant + 1;
  const down = exponent < 0;
  const magnitude = <u32>(down ? -exponent : exponent);
  const tens = magnitude / 10;
  // "e", the sign, and two digits: float32 ends at 10^38 and 10^-45
  store<u32>(at, (down ? 0x30302d65 : 0x30302b65) + (tens << 16) + ((magnitude - tens * 10) << 24));
  return at + 4;
}

/** Writes the float32 with these bits; gives where it ends, or 0 for one that takes longer. */
// @ts-ignore: decorator
@inline
export function writeFloat32(at: usize, bits: u32): usize {
  store<u8>(at, 0x2d);
  at += bits >> 31;
  const biased = (bits >> 23) & 0xff;
  if (biased - 1 > 253) {
    // 0 is whole; subnormals have fewer digits than what follows takes for granted
    store<u32>(at, 0x302e30);
    return bits << 1 == 0 ? at + 3 : 0;
  }
  const magnitude = <f64>reinterpret<f32>(bits & 0x7fffffff);
  let exponent = <i32>load<i8>(decimalExponents + biased);
  let scale = power(8 - exponent);
  let scaled = magnitude * scale;
  // often the same for many numbers in a row, so that this need not wait for the comparison
  if (scaled >= 1e9 - 0.5) {
    scale = power(8 - ++exponent);
    scaled = magnitude * scale;
  }
  // adding 2^52 rounds to a whole number, half to even, and leaves it in the low bits
  const rounded = scaled + 4_503_599_627_370_496;
  const nine = <u32>reinterpret<u64>(rounded);
  const rest = scaled - (rounded - 4_503_599_627_370_496);
  // outside when the power of ten that it was compared to was rounded
  if (nine - 100_000_000 > 900_000_000) return 0;
  const thousands = nine / 1000;
  const tail = nine - thousands * 1000;
  // half the distance to the next float32 is less than 60 here
  if (tail - 61 > 878) {
    const up = tail > 500;
    // 2^(biased - 151)
    let half = reinterpret<f64>(<u64>(biased + (1023 - 151)) << 52) * scale;
    // below a power of two float32 are closer
    if (!up && (bits & 0x7fffff) == 0 && biased > 1) half /= 2;
    const distance = up ? <f64>(<i32>(1000 - tail)) - rest : <f64>(<i32>tail) + rest;
    if (distance < half - productBound) {
      const six = thousands + <u32>up;
      return six == 1_000_000 ? place(at, 100_000_000, exponent + 1, 6) : place(at, six * 1000, exponent, 6);
    }
    if (distance < half + productBound) return 0;
  }
  // common among numbers of few bits: the product is exact, so this is a tie or none
  if (abs(rest) > 0.5 - productBound && (exponent < -14 || exponent > 8 || productError(magnitude, scale, scaled) != 0))
    return 0;
  return nine == 1_000_000_000 ? place(at, 100_000_000, exponent + 1, 9) : place(at, nine, exponent, 9);
}
