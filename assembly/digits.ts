/** Decimal digits, eight or sixteen at a time. Text is little-endian: the first digit is the lowest byte. */

// vectors are kept in memory because V8 makes a constant anew, from pieces, each time that it is used
const zeros = memory.data<u32>([0x30303030, 0x30303030, 0x30303030, 0x30303030], 16);
/** Takes "0" to "9" to the top of the signed bytes, 0x76 to 0x7f, and no other byte there. */
const toTop = memory.data<u32>([0x46464646, 0x46464646, 0x46464646, 0x46464646], 16);
const belowTop = memory.data<u32>([0x75757575, 0x75757575, 0x75757575, 0x75757575], 16);
const evenBytes = memory.data<u16>([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 16);
const tens = memory.data<u16>([10, 10, 10, 10, 10, 10, 10, 10], 16);
const hundreds = memory.data<u16>([100, 1, 100, 1, 100, 1, 100, 1], 16);
const myriads = memory.data<u16>([10000, 1, 10000, 1, 10000, 1, 10000, 1], 16);
/** From place n on: a shuffle that moves the first n bytes to the end, behind zeros. */
// prettier-ignore
const shuffles = memory.data<u8>([
  0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
]);

/** A bit for each of sixteen bytes that is a digit. */
// @ts-ignore: decorator
@inline
export function digitBits(at: usize): u32 {
  const top = i8x16.add(v128.load(at), v128.load(toTop));
  return <u32>i8x16.bitmask(i8x16.gt_s(top, v128.load(belowTop)));
}

/** The number that the first `count` bytes are, 1 to 16 digits. */
// @ts-ignore: decorator
@inline
export function digits16(at: usize, count: u32): i64 {
  const each = i8x16.swizzle(i8x16.sub(v128.load(at), v128.load(zeros)), v128.load(shuffles + count));
  const twos = i16x8.add(
    i16x8.mul(v128.and(each, v128.load(evenBytes)), v128.load(tens)),
    i16x8.shr_u(each, 8),
  );
  const fours = i32x4.dot_i16x8_s(twos, v128.load(hundreds));
  const eights = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(fours, fours), v128.load(myriads));
  const halves = i64x2.extract_lane(eights, 0);
  return (halves & 0xffffffff) * 100_000_000 + <i64>(<u64>halves >> 32);
}

/** A high bit for every one of eight bytes that is no digit, and perhaps for some after the first of these. */
// @ts-ignore: decorator
@inline
export function notDigits(word: u64): u64 {
  const digits = word ^ 0x3030303030303030;
  return ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
}

/** The number that the first `count` of eight bytes are, 0 to 7 digits. */
// @ts-ignore: decorator
@inline
export function digits7(word: u64, count: u32): i64 {
  const each = ((word ^ 0x3030303030303030) << 8) << ((7 - count) << 3);
  const twos = (each * 10 + (each >> 8)) & 0x00ff00ff00ff00ff;
  const fours = (twos * 100 + (twos >> 16)) & 0x0000ffff0000ffff;
  return <i64>((fours * 10_000 + (fours >> 32)) & 0xffffffff);
}

/** 10^0 to 10^18. */
// prettier-ignore
const wholePowers = memory.data<u64>([
  1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000,
  1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000, 10_000_000_000_000_000,
  100_000_000_000_000_000, 1_000_000_000_000_000_000,
]);

// @ts-ignore: decorator
@inline
export function wholePower(exponent: u32): i64 {
  return load<i64>(wholePowers + ((exponent as usize) << 3));
}

/** The digits of a number below 10^8, with leading zeros, the first in the lowest byte; as numbers, not as text. */
// @ts-ignore: decorator
@inline
export function lowByteDigits(value: u32): u64 {
  const high = value / 10_000;
  const fours = <u64>high | (<u64>(value - high * 10_000) << 32);
  const hundreds = ((fours * 10_486) >> 20) & 0x0000007f0000007f;
  const twos = hundreds | ((fours - hundreds * 100) << 16);
  const tens = ((twos * 103) >> 10) & 0x000f000f000f000f;
  return tens | ((twos - tens * 10) << 8);
}
