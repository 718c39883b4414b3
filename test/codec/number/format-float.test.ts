/** Floats as text: against exact arithmetic, over every exponent of float32, and the ties that C rounds to even. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maxFloatBytes, writeFloat32, writeFloat64 } from '../../../src/codec/json/number/format-float.ts';
import { seeded } from '../../support/random.ts';
import { randomFloat64 } from './texts.ts';

const bytes = new Uint8Array(maxFloatBytes);
const out = { bytes, view: new DataView(bytes.buffer) };
const view = new DataView(new ArrayBuffer(8));

function format32(value: number): string {
  view.setFloat32(0, value);
  return Buffer.from(
    bytes.subarray(0, writeFloat32(out, 0, view.getFloat32(0), view.getInt32(0))),
  ).toString();
}
const format64 = (value: number): string =>
  Buffer.from(bytes.subarray(0, writeFloat64(out, 0, value))).toString();

/** C's %.<precision>g of a positive float64, in whole numbers. */
function general(value: number, precision: number): string {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  let top = (bits & (2n ** 52n - 1n)) | (biased === 0 ? 0n : 2n ** 52n);
  const two = Math.max(1, biased) - 1075;
  let bottom = 1n;
  if (two >= 0) top <<= BigInt(two);
  else bottom <<= BigInt(-two);
  let exponent = Math.floor(Math.log10(value)) + 1;
  let digits = 10n ** BigInt(precision);
  // the exponent for which rounding leaves as many digits as are asked for
  for (; ; exponent--) {
    const shift = precision - 1 - exponent;
    const a = shift >= 0 ? top * 10n ** BigInt(shift) : top;
    const b = shift >= 0 ? bottom : bottom * 10n ** BigInt(-shift);
    const rest = a % b;
    digits = a / b + (rest * 2n > b || (rest * 2n === b && (a / b) % 2n === 1n) ? 1n : 0n);
    if (digits >= 10n ** BigInt(precision - 1)) break;
  }
  if (digits === 10n ** BigInt(precision)) {
    digits /= 10n;
    exponent++;
  }
  const text = String(digits);
  const strip = (each: string): string => (each.includes('.') ? each.replace(/\.?0*$/, '') : each);
  if (exponent < -4 || exponent >= precision) {
    const sign = exponent < 0 ? '-' : '+';
    return `${strip(`${text.slice(0, 1)}.${text.slice(1)}`)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (exponent < 0) return strip(`0.${'0'.repeat(-exponent - 1)}${text}`);
  return strip(`${text.slice(0, exponent + 1)}.${text.slice(exponent + 1)}`);
}

/** TensorFlow Serving's rule. */
function expected(value: number, precision: number, round: (value: number) => number): string {
  if (Number.isNaN(value)) return 'NaN';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return `${sign}Infinity`;
  if (magnitude === 0) return `${sign}0.0`;
  const short = general(magnitude, 6);
  const text = round(Number(short)) === magnitude ? short : general(magnitude, precision);
  return sign + (/[.e]/.test(text) ? text : `${text}.0`);
}

describe('floats as TensorFlow Serving prints them', () => {
  it('the values of its documentation', () => {
    for (const [value, text] of [
      [1, '1.0'],
      [0.1, '0.1'],
      [1 / 3, '0.333333343'],
      [123456, '123456.0'],
      [1e6, '1e+06'],
      [1234567, '1234567.0'],
      [9e6, '9e+06'],
      [16777216, '16777216.0'],
      [1e8, '1e+08'],
      [3e-5, '3e-05'],
      [-0, '-0.0'],
      [2 ** -149, '1.4013e-45'],
      [3.4028234663852886e38, '3.40282347e+38'],
      [NaN, 'NaN'],
      [Infinity, 'Infinity'],
      [-Infinity, '-Infinity'],
    ] as const)
      assert.equal(format32(Math.fround(value)), text);
    for (const [value, text] of [
      [0.1, '0.1'],
      [1 / 3, '0.33333333333333331'],
      [1e6, '1e+06'],
      [1234567, '1234567.0'],
      [1234.5678, '1234.5678'],
    ] as const)
      assert.equal(format64(value), text);
  });

  it('ties go to the even digit, as in C', () => {
    // python3 -c "print('%.9g %.9g %.17g %.17g' % (1048576.125, 1048576.375, 562949953421312.125,
    // 562949953421312.375))"
    assert.equal(format32(1048576.125), '1048576.12');
    assert.equal(format32(1048576.375), '1048576.38');
    assert.equal(format64(562949953421312.125), '562949953421312.12');
    assert.equal(format64(562949953421312.375), '562949953421312.38');
  });

  it('float32: every exponent, the ends and the middle of each, and patterns at random', () => {
    const random = seeded(3);
    for (let exponent = 0; exponent < 256; exponent++) {
      const mantissas = [0, 1, 2, 3, 0x3fffff, 0x400000, 0x400001, 0x7ffffd, 0x7ffffe, 0x7fffff];
      for (let i = 0; i < 240; i++) mantissas.push(Math.floor(random() * 2 ** 23));
      for (let bit = 0; bit < 23; bit++) mantissas.push(2 ** bit);
      for (const mantissa of mantissas) {
        view.setUint32(0, exponent * 2 ** 23 + mantissa);
        const value = view.getFloat32(0);
        assert.equal(format32(value), expected(value, 9, Math.fround), value.toString());
        assert.equal(format32(-value), expected(-value, 9, Math.fround), value.toString());
      }
    }
  });

  it('float32: short decimals, which need six digits or fewer', () => {
    const random = seeded(4);
    for (let i = 0; i < 60_000; i++) {
      const digits = Math.floor(random() * 10 ** (1 + Math.floor(random() * 7)));
      const value = Math.fround(digits * 10 ** (Math.floor(random() * 40) - 20));
      assert.equal(format32(value), expected(value, 9, Math.fround), value.toString());
    }
  });

  it('float64: at random, short decimals, and every exponent', () => {
    const random = seeded(5);
    for (let i = 0; i < 60_000; i++) {
      const value = [
        randomFloat64(random),
        random(),
        Math.floor(random() * 2e6) * 10 ** (Math.floor(random() * 60) - 30),
        random() * 2 ** (Math.floor(random() * 260) - 130),
        Math.floor(random() * 2 ** 53) * 2 ** -Math.floor(random() * 60),
      ][i % 5] as number;
      assert.equal(
        format64(value),
        expected(value, 17, (each) => each),
        value.toString(),
      );
    }
    for (let exponent = 0; exponent < 2047; exponent++) {
      for (const mantissa of [0n, 1n, 2n ** 52n - 1n, BigInt(Math.floor(random() * 2 ** 52))]) {
        view.setBigUint64(0, (BigInt(exponent) << 52n) | mantissa);
        const value = view.getFloat64(0);
        assert.equal(
          format64(value),
          expected(value, 17, (each) => each),
          value.toString(),
        );
      }
    }
  });
});
