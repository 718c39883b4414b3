/** The two 16-bit floating-point formats, to and from float32; JavaScript's Float16Array is too new to rely on. */

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** IEEE 754 binary16 to a number. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** A number to IEEE 754 binary16, rounded to nearest, ties to even. */
export function toHalf(value: number): number {
  float[0] = value;
  const sign = ((word[0] as number) >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // halfway between the largest half and the next power of two rounds to infinity
  if (size >= 65_520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  let steps = roundEven(size / 2 ** (exponent - 10));
  let biased = exponent + 15;
  if (steps >= 2048) {
    steps /= 2;
    biased++;
  }
  return sign | (steps < 1024 ? steps : (biased << 10) | (steps - 1024));
}

/** bfloat16 is the upper half of a float32. */
export function fromBfloat16(bits: number): number {
  word[0] = bits << 16;
  return float[0] as number;
}

/** A number to bfloat16, rounded to nearest, ties to even. */
export function toBfloat16(value: number): number {
  float[0] = value;
  if (Number.isNaN(value)) return 0x7fc0;
  const bits = word[0] as number;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
