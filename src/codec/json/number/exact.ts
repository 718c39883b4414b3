/** The slow and plainly right way from decimal text to a number, for the few that the fast way leaves open. */

const scratch = new DataView(new ArrayBuffer(8));

/** A JSON number, or one of the words beside JSON, as the nearest float64; Infinity for what is beyond. */
export function toFloat64(text: string): number {
  if (text.endsWith('NaN')) return Number.NaN;
  return text.endsWith('Inf') ? Number(`${text}inity`) : Number(text);
}

/**
 * Rounds text to a narrower type in one step. Rounding its float64 gives the same, unless that lies just in the middle
 * between two numbers of the type: then the text itself says on which side of the middle it is.
 * @param round from float64 to the nearest number of the type, half to even
 * @param limit the number that would follow the greatest of the type
 */
export function roundText(
  text: string,
  value: number,
  round: (value: number) => number,
  limit: number,
): number {
  const nearest = round(value);
  if (!Number.isFinite(value) || value === 0) return nearest;
  const below = round(nextDown(value));
  const above = round(-nextDown(-value));
  if (below === above) return nearest;
  const finite = (each: number): number => Math.max(-limit, Math.min(limit, each));
  if (value - finite(below) !== finite(above) - value) return nearest;
  const side = compareDecimal(text, value);
  return side === 0 ? nearest : side < 0 ? below : above;
}

/** The float32 nearest to a text whose nearest float64 is `value`. */
export function textToFloat32(text: string, value: number): number {
  return roundText(text, value, Math.fround, 2 ** 128);
}

/** The float64 below a finite one that is not 0. */
function nextDown(value: number): number {
  scratch.setFloat64(0, value);
  scratch.setBigInt64(0, scratch.getBigInt64(0) - (value > 0 ? 1n : -1n));
  return scratch.getFloat64(0);
}

/** The sign of (decimal text minus float64), exactly. */
function compareDecimal(text: string, value: number): number {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  if (match === null) return 0;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  let left = BigInt(sign + whole + fraction);
  const ten = Number(exponent) - fraction.length;
  // value = integer x 2^two, exactly
  scratch.setFloat64(0, value);
  const bits = scratch.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & (2n ** 52n - 1n)) | (biased === 0 ? 0n : 2n ** 52n);
  const two = Math.max(1, biased) - 1075;
  let right = value < 0 ? -mantissa : mantissa;
  if (ten >= 0) left *= 10n ** BigInt(ten);
  else right *= 10n ** BigInt(-ten);
  if (two >= 0) right <<= BigInt(two);
  else left <<= BigInt(-two);
  return left > right ? 1 : left < right ? -1 : 0;
}
