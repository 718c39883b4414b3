/** Floats as TensorFlow Serving prints them: the shorter of two precisions that reads back the same, never without a mark. */

/** C's %g of a number that toPrecision() has rounded: exponent form outside 1e-4 to 10^precision, no trailing zeros. */
function general(value: number, precision: number): string {
  const [digits = '', exponentText = '0'] = value.toExponential(precision - 1).split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= precision) {
    const sign = exponent < 0 ? '-' : '+';
    return `${withoutZeros(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return withoutZeros(value.toFixed(Math.max(0, precision - 1 - exponent)));
}

function withoutZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}

/** A whole number reads back as a float: "1.0". */
const marked = (text: string): string => (text.includes('.') || text.includes('e') ? text : `${text}.0`);

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return 'Infinity';
  if (value === Number.NEGATIVE_INFINITY) return '-Infinity';
  if (Object.is(value, -0)) return '-0.0';
  // %.6g prints whole numbers below 10^6 as they are
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return `${value}.0`;
  return undefined;
}

/** %.6g when that reads back as the same float32, else %.9g. */
export function formatFloat32(value: number): string {
  const short = special(value);
  if (short !== undefined) return short;
  return marked(general(value, Math.fround(Number(value.toPrecision(6))) === value ? 6 : 9));
}

/** %.6g when that reads back as the same float64, else %.17g. */
export function formatFloat64(value: number): string {
  const short = special(value);
  if (short !== undefined) return short;
  return marked(general(value, Number(value.toPrecision(6)) === value ? 6 : 17));
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
