/** Text to float32: every exponent, subnormals, exact halves between two, and a hair to either side of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../../support/random.ts';
import { decode, single } from '../json/support.ts';
import { exactDecimal, halfwayFloat32 } from './texts.ts';

const view = new DataView(new ArrayBuffer(4));

/** The patterns that a list of numbers becomes. */
function patterns(texts: readonly string[]): number[] {
  const verdict = decode(Buffer.from(`{"instances":[${texts.join(',')}]}`), single('float'));
  assert.ok('tensors' in verdict, JSON.stringify(verdict));
  const bytes = Buffer.from(verdict.tensors['x']?.data as string, 'hex');
  return texts.map((_, i) => bytes.readUInt32LE(i * 4));
}

/** The same decimal with more digits behind it, or one less and all nines. */
function nudged(decimal: string, up: boolean): string {
  const [digits = '', exponent = '0'] = decimal.split('e');
  return up
    ? `${digits}0000001e${Number(exponent) - 7}`
    : `${BigInt(digits) - 1n}9999999e${Number(exponent) - 7}`;
}

function mantissas(random: () => number): number[] {
  const list = [0, 1, 2, 0x3fffff, 0x400000, 0x7ffffe, 0x7fffff];
  for (let i = 0; i < 25; i++) list.push(Math.floor(random() * 2 ** 23));
  return list;
}

describe('text to float32', () => {
  it('what JavaScript prints of every exponent is read back, in each way of printing it', () => {
    const random = seeded(6);
    for (let exponent = 0; exponent < 255; exponent++) {
      const bits = mantissas(random).map((mantissa) => exponent * 2 ** 23 + mantissa);
      const values = bits.map((each) => {
        view.setUint32(0, each);
        return view.getFloat32(0);
      });
      for (const text of [
        (value: number) => String(value),
        (value: number) => value.toPrecision(9),
        (value: number) => value.toPrecision(17),
        (value: number) => value.toPrecision(30),
        (value: number) => value.toExponential(8),
        (value: number) => exactDecimal(value),
      ])
        assert.deepEqual(patterns(values.map(text)), bits);
    }
  });

  it('halves go to the even pattern, and what is a hair off them to its own side', () => {
    const random = seeded(7);
    for (let exponent = 0; exponent < 255; exponent++) {
      const bits = mantissas(random)
        .map((mantissa) => exponent * 2 ** 23 + mantissa)
        .filter((each) => each < 0x7f7fffff);
      const halves = bits.map(halfwayFloat32);
      assert.deepEqual(
        patterns(halves),
        bits.map((each) => each + (each % 2)),
      );
      assert.deepEqual(
        patterns(halves.map((half) => nudged(half, true))),
        bits.map((each) => each + 1),
      );
      assert.deepEqual(patterns(halves.map((half) => nudged(half, false))), bits);
    }
  });

  it('what is too large becomes infinity only from the half above the greatest', () => {
    const half = String(2n ** 128n - 2n ** 103n);
    assert.deepEqual(
      patterns([half, nudged(half, false), '1e39', '-1e39', '1e-46', '7.1e-46']),
      [0x7f800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0, 1],
    );
  });
});
