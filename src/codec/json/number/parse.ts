/** Decimal digits to float64 and float32, correctly rounded, without ever making a string in the common cases. */
import { maxExactPower, maxPower, powerHigh, powerLow, productError } from './powers.ts';

/** Digits that float64 holds exactly. */
const exactDigits = 15;

/**
 * Relative error of significand x 10^exponent when the significand was gathered in float64 from up to 25 digits in
 * steps of eight or fewer, and scaled by one rounded power: well below this.
 */
const approximateError = 2 ** -48;

/** Relative error of the product of two sums of two float64, with room. */
const productBound = 2 ** -98;

/**
 * The float32 nearest to significand x 10^exponent; NaN when that needs the text itself.
 * @param significand up to 25 digits, gathered in float64
 */
export function nearestFloat32(significand: number, exponent: number): number {
  if (exponent < -maxPower || exponent > maxPower) return Number.NaN;
  const value = significand * (powerHigh[maxPower + exponent] as number);
  const low = Math.fround(value * (1 - approximateError));
  // certain when everything that the text can be within the error rounds alike
  return low === Math.fround(value * (1 + approximateError)) ? low : Number.NaN;
}

/**
 * The float64 nearest to (high x 10^lowDigits + low) x 10^exponent; NaN when that needs the text itself.
 * @param high the first digits, up to nine of them
 * @param low the next ones, up to nine
 * @param lowDigits how many the next ones are
 * @param digits how many there are in all, leading zeros not counted
 */
export function nearestFloat64(
  high: number,
  low: number,
  lowDigits: number,
  digits: number,
  exponent: number,
): number {
  // 10^9 has 21 significant bits, high 30: the product is exact
  const shifted = high * (powerHigh[maxPower + lowDigits] as number);
  if (digits <= exactDigits && exponent >= -maxExactPower && exponent <= maxExactPower) {
    const significand = shifted + low;
    return exponent < 0
      ? significand / (powerHigh[maxPower - exponent] as number)
      : significand * (powerHigh[maxPower + exponent] as number);
  }
  if (exponent < -maxPower || exponent > maxPower) return Number.NaN;
  const significand = shifted + low;
  if (significand === 0) return 0;
  const rest = low - (significand - shifted);
  const power = powerHigh[maxPower + exponent] as number;
  const product = significand * power;
  const error =
    productError(significand, power, product) +
    (significand * (powerLow[maxPower + exponent] as number) + rest * power);
  const bound = product * productBound;
  const value = product + (error - bound);
  return value === product + (error + bound) ? value : Number.NaN;
}
