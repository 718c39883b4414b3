/** Numbers as text, above all those that are hard to round. */
import type { Random } from '../../support/random.ts';

const below = (random: Random, n: number): number => Math.floor(random() * n);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;
const view = new DataView(new ArrayBuffer(8));

function randomFloat32(random: Random): number {
  view.setUint32(0, below(random, 2 ** 32));
  const value = view.getFloat32(0);
  return Number.isFinite(value) ? value : 1.5;
}

export function randomFloat64(random: Random): number {
  view.setUint32(0, below(random, 2 ** 32));
  view.setUint32(4, below(random, 2 ** 32));
  const value = view.getFloat64(0);
  return Number.isFinite(value) ? value : 2.5;
}

/** The decimal that lies just between a float32 and the next one, written out in full. */
export function halfwayFloat32(bits: number): string {
  view.setUint32(0, bits);
  const low = view.getFloat32(0);
  view.setUint32(0, bits + 1);
  const high = view.getFloat32(0);
  return exactDecimal(low / 2 + high / 2);
}

/** A positive float64 as the decimal that it is, with an exponent. */
export function exactDecimal(value: number): string {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number(bits >> 52n);
  const mantissa = (bits & (2n ** 52n - 1n)) | (exponent === 0 ? 0n : 2n ** 52n);
  const two = Math.max(1, exponent) - 1075;
  return two >= 0 ? String(mantissa << BigInt(two)) : `${mantissa * 5n ** BigInt(-two)}e${two}`;
}

const integerEdges = [
  '0',
  '-0',
  '127',
  '128',
  '-128',
  '-129',
  '255',
  '256',
  '32767',
  '32768',
  '-32768',
  '-32769',
  '65535',
  '65536',
  '2147483647',
  '2147483648',
  '-2147483648',
  '-2147483649',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '18446744073709551615',
  '18446744073709551616',
  '99999999999999999999',
  '100000000000000000000',
  '999999999',
  '1000000000',
  '9999999999',
];

function floatText(random: Random, dtype: string): string {
  const which = random();
  if (which < 0.25) return String(Math.fround(random()));
  if (which < 0.35) return String(random());
  if (which < 0.45) return String(randomFloat32(random));
  if (which < 0.55) return String(randomFloat64(random) * (dtype === 'double' ? 1 : 1e-300));
  if (which < 0.6) return (random() * 10 ** below(random, 12)).toFixed(below(random, 20));
  if (which < 0.65) return (random() * 10 ** (below(random, 80) - 40)).toPrecision(1 + below(random, 25));
  if (which < 0.7) return String(below(random, 1000) - 500);
  if (which < 0.75)
    return pick(random, [
      'NaN',
      'Infinity',
      '-Infinity',
      'Inf',
      '-Inf',
      '-NaN',
      '0.0',
      '-0.0',
      '-0',
      '0e5',
      '0E-3',
      '1e+2',
      '-1E2',
    ]);
  if (which < 0.85) {
    const bits = below(random, 0x7f7fffff);
    const half = halfwayFloat32(bits);
    const [digits = '', exponent = ''] = half.split('e');
    const nudge = pick(random, ['', '0000000000000000000001', '9'.repeat(20)]);
    const nudged =
      nudge === '' ? digits : nudge.startsWith('9') ? `${BigInt(digits) - 1n}${nudge}` : `${digits}${nudge}`;
    return `${nudged}e${Number(exponent === '' ? 0 : exponent) - nudge.length}`;
  }
  if (which < 0.9) {
    // a float64 or two beside the middle between two float32, and a text a hair beside that float64
    const [digits = '', exponent = '0'] = halfwayFloat32(0x00800000 + below(random, 0x7e800000)).split('e');
    const middle = Number(`${digits}e${exponent}`);
    view.setFloat64(0, middle);
    view.setBigUint64(0, view.getBigUint64(0) + BigInt(below(random, 5) - 2));
    const value = view.getFloat64(0);
    if (random() < 0.5) return value.toPrecision(17);
    const [exact = '', power = '0'] = exactDecimal(value).split('e');
    return random() < 0.5
      ? `${exact}001e${Number(power) - 3}`
      : `${BigInt(exact) - 1n}999e${Number(power) - 3}`;
  }
  if (which < 0.95) {
    // between two of the 16-bit types
    const value =
      (1 + (below(random, 2048) + 0.5) / pick(random, [1024, 128])) * 2 ** (below(random, 40) - 26);
    return `${value}${Number.isInteger(value) ? '.' : ''}${String(value).includes('e') ? '' : pick(random, ['', '0', '00000000000000000001'])}`.replace(
      /\.$/,
      '.0',
    );
  }
  return pick(random, integerEdges);
}

/** A number that a tensor of this type may or may not take. */
export function numberTexts(random: Random, dtype: string): string {
  if (['float', 'double', 'half', 'bfloat16'].includes(dtype)) return floatText(random, dtype);
  const which = random();
  if (which < 0.6) return String(below(random, 128));
  if (which < 0.8)
    return String(
      BigInt(below(random, 2 ** 32)) * (dtype.endsWith('64') ? BigInt(below(random, 2 ** 31)) : 0n) +
        BigInt(below(random, 100)),
    );
  if (which < 0.85 && !dtype.startsWith('u')) return String(-below(random, 129));
  if (which < 0.9) return pick(random, integerEdges);
  return which < 0.98 ? String(below(random, 100)) : pick(random, ['1.0', '1e2', '5.5', 'NaN']);
}
