/** float16 and bfloat16 patterns, and the way between them and float64. */

const scratch = new DataView(new ArrayBuffer(8));

/** The float16 pattern nearest to a float64 (round half to even). */
export function toHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  // the middle between the greatest float16 and the one that would follow
  if (magnitude >= 65_520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundEven(magnitude * 2 ** 24);
  const power = exponentOf(magnitude);
  return sign | (((power + 14) << 10) + roundEven(magnitude * 2 ** (10 - power)));
}

/** The bfloat16 pattern nearest to a float64 (round half to even), in one rounding. */
export function toBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 2 ** 128 - 2 ** 119) return sign | 0x7f80;
  if (magnitude < 2 ** -126) return sign | roundEven(magnitude * 2 ** 133);
  const power = exponentOf(magnitude);
  return sign | (((power + 126) << 7) + roundEven(magnitude * 2 ** (7 - power)));
}

/** A float16 pattern as the number it stands for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A bfloat16 pattern as the number it stands for. */
export function bfloat16Value(bits: number): number {
  scratch.setUint32(0, bits * 65_536);
  return scratch.getFloat32(0);
}

/** floor(log2) of a positive normal float64. */
function exponentOf(value: number): number {
  scratch.setFloat64(0, value);
  return (scratch.getUint32(0) >>> 20) - 1023;
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
