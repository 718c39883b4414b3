/**
 * Reads lists of JSON numbers into typed values: what src/codec/json/values does one number at a time, with vectors of
 * 128 bits. It reads what models are sent all day. Everything else (long and odd numbers, what lies too close to a border
 * to round, errors, what the window's end cuts off) it leaves to the code there: it stops behind the last number that it
 * is sure of. AssemblyScript; `npm run kernel` compiles it into src/codec/json/kernel/generated.
 */
import { digitBits, digits16, digits7, notDigits, wholePower } from './digits';
import { decimalExponents as exponentsTable, writeFloat32 } from './writing';
import { float32Bits, float64Bits, maxPower, narrowBits, power, powers as powersTable, unsure } from './rounding';

/** Where the window on the text is; its size is that in src/codec/json/text.ts. */
export const text: usize = memory.data(73_760, 16);
/** Where values are put. */
export const values: usize = memory.data(65_536, 16);
/** How far reading went: the place behind the last value, values of the list that is open, lists that were left. */
export const reached: usize = memory.data(12, 4);
export const powers: usize = powersTable;
export const decimalExponents: usize = exponentsTable;
/** The piece of JSON that is being written; its size is that in src/codec/json/slice.ts. */
export const slice: usize = memory.data(65_536, 16);

const dot = 0x2e;
const minusSign = 0x2d;
const comma = 0x2c;

/** Where the next number of the same list begins; 0 when something else follows. */
// @ts-ignore: decorator
@inline
function nextInList(at: usize): usize {
  if (load<u8>(at) != comma) return 0;
  let next = at + 1;
  let value = load<u8>(next);
  while (value <= 0x20 && (value == 0x20 || value == 0x0a || value == 0x0d || value == 0x09)) value = load<u8>(++next);
  return next;
}

/** Where the first number of the next list begins, after "],[" or "], ["; 0 when something else follows. */
// @ts-ignore: decorator
@inline
function nextInNextList(at: usize): usize {
  if (load<u16>(at) != 0x2c5d) return 0;
  const next = at + 2 + <usize>(load<u8>(at, 2) == 0x20);
  return load<u8>(next) == 0x5b ? next + 1 : 0;
}

/** The types, as constants, so that each reader below is compiled for its own. */
const float = 0;
const double = 1;
const half = 2;
const bfloat16 = 3;

/**
 * @param from where the first number begins
 * @param end where the text ends
 * @param room bytes for values, a multiple of the type's width
 * @param inner how many values each list has; -1 when it is not known or lists are not to be left
 * @param filled how many the list that is open has already
 * @returns bytes of values
 */
// @ts-ignore: decorator
@inline
function readReals(type: i32, from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  const shift: usize = type == double ? 3 : type == float ? 2 : 1;
  const full = values + room;
  let to = values;
  let behind = from;
  let lists = 0;
  while (to < full) {
    const minus = <u32>(load<u8>(from) == minusSign);
    const start = from + minus;
    // bytes that are no digits, as bits, from the first digit on; with the sign's bit in front until it is known
    const marks = ~(digitBits(from) | (digitBits(from + 16) << 16)) >> minus;
    let significand: i64 = 0;
    let value: f64 = 0;
    let more: f64 = 0;
    let exponent = 0;
    let at: usize;
    let real: u32 = 1;
    if ((marks & 3) == 2 && load<u8>(start, 1) == dot) {
      // by far the most: one digit, a dot, and up to 28 more
      const count = ctz(marks >> 2);
      if (count == 0 || count > 28) break;
      const whole = <i32>load<u8>(start) - 0x30;
      const first = <u32>min(count, 16);
      const fraction = digits16(start + 2, first);
      if (type == double) {
        const rest = count - first;
        if (rest > 3) break;
        significand = fraction;
        if (rest > 0) significand = significand * wholePower(rest) + digits7(load<u64>(start, 18), rest);
        if (whole > 0) {
          if (count > 18) break;
          significand += <i64>whole * wholePower(count);
        }
        // 19 digits may be more than 63 bits
        if (significand < 0) break;
        exponent = -(<i32>count);
      } else {
        value = <f64>whole + <f64>fraction * power(-(<i32>first));
        // what the digits beyond the 16th can add
        more = <f64>(<i32>(count > 16)) * 1e-16;
      }
      at = start + 2 + count;
    } else {
      const count = ctz(marks);
      if (count == 0 || count > 15 || (count > 1 && load<u8>(start) == 0x30)) break;
      const whole = digits16(start, count);
      significand = whole;
      value = <f64>whole;
      at = start + count;
      if (load<u8>(at) == dot) {
        const places = ctz(~digitBits(at + 1));
        if (places == 0 || places > 15) break;
        const fraction = digits16(at + 1, places);
        if (type == double) {
          if (count + places > 18) break;
          significand = significand * wholePower(places) + fraction;
          exponent = -(<i32>places);
        } else value += <f64>fraction * power(-(<i32>places));
        at += places + 1;
      } else real = 0;
    }
    if ((load<u8>(at) | 0x20) == 0x65) {
      at++;
      let digit = <u32>load<u8>(at);
      const down = digit == minusSign;
      if (down || digit == 0x2b) at++;
      const first = at;
      let size = 0;
      digit = <u32>load<u8>(at) - 0x30;
      while (digit <= 9 && size <= maxPower) {
        size = size * 10 + digit;
        digit = <u32>load<u8>(++at) - 0x30;
      }
      if (at == first || digit <= 9 || size > maxPower) break;
      exponent += down ? -size : size;
      if (type != double) {
        value *= power(exponent);
        more *= power(exponent);
      } else if (exponent < -maxPower || exponent > maxPower) break;
      real = 1;
    }
    if (at >= end) break;
    const bits =
      type == float
        ? float32Bits(value, more)
        : type == double
          ? float64Bits(significand, exponent)
          : narrowBits(type == bfloat16, value, more);
    if (bits == unsure) break;
    // an integer that is 0 has no sign
    const sign = bits != 0 ? minus : minus & real;
    if (type == float) store<u32>(to, <u32>bits | (sign << 31));
    else if (type == double) store<u64>(to, bits | (<u64>sign << 63));
    else store<u16>(to, <u16>bits | <u16>(sign << 15));
    to += 1 << shift;
    filled++;
    behind = at;
    const crossing = filled == inner;
    from = crossing ? nextInNextList(at) : nextInList(at);
    if (from == 0) break;
    if (crossing) {
      filled = 0;
      lists++;
    }
  }
  return report(to, behind, inner, filled, lists);
}

/** Leaves word of how far reading went. A border is not passed until there is a value behind it. */
function report(to: usize, behind: usize, inner: i32, filled: i32, lists: i32): usize {
  const back = filled == 0 && lists > 0;
  store<u32>(reached, behind);
  store<i32>(reached, back ? inner : filled, 4);
  store<i32>(reached, back ? lists - 1 : lists, 8);
  return to - values;
}

export function readFloat(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readReals(float, from, end, room, inner, filled);
}

export function readDouble(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readReals(double, from, end, room, inner, filled);
}

export function readHalf(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readReals(half, from, end, room, inner, filled);
}

export function readBfloat16(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readReals(bfloat16, from, end, room, inner, filled);
}

/** As readReals, for integers of the type T; what is out of its range is left alone. */
// @ts-ignore: decorator
@inline
function readIntegers<T>(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  const full = values + room;
  let to = values;
  let behind = from;
  let lists = 0;
  while (to < full) {
    const word = load<u64>(from);
    const minus = <u64>((word & 0xff) == minusSign);
    const start = from + <usize>minus;
    let count = <u32>(ctz(notDigits(word) >> (minus << 3)) >> 3);
    let magnitude: u64;
    if (count < 8 - <u32>minus) magnitude = digits7(word >> (minus << 3), count);
    else {
      count = ctz(~digitBits(start));
      magnitude = digits16(start, min(count, 16));
      if (count > 15) {
        if (sizeof<T>() < 8) break;
        const tail = load<u64>(start, 16);
        const rest = <u32>(ctz(notDigits(tail)) >> 3);
        // 19 digits are less than 2^64
        if (rest > 3) break;
        count = 16 + rest;
        magnitude = magnitude * wholePower(rest) + digits7(tail, rest);
      }
    }
    if (count == 0 || (count > 1 && load<u8>(start) == 0x30)) break;
    const at = start + count;
    const follows = load<u8>(at);
    if (at >= end || follows == dot || (follows | 0x20) == 0x65) break;
    if (isSigned<T>()) {
      if (magnitude > (<u64>1 << (sizeof<T>() * 8 - 1)) - 1 + minus) break;
      store<T>(to, <T>((magnitude ^ -minus) + minus));
    } else {
      if (sizeof<T>() < 8 && magnitude > (<u64>1 << (sizeof<T>() * 8)) - 1) break;
      if (minus & <u64>(magnitude != 0)) break;
      store<T>(to, <T>magnitude);
    }
    to += sizeof<T>();
    filled++;
    behind = at;
    const crossing = filled == inner;
    from = crossing ? nextInNextList(at) : nextInList(at);
    if (from == 0) break;
    if (crossing) {
      filled = 0;
      lists++;
    }
  }
  return report(to, behind, inner, filled, lists);
}

export function readInt8(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<i8>(from, end, room, inner, filled);
}

export function readUint8(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<u8>(from, end, room, inner, filled);
}

export function readInt16(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<i16>(from, end, room, inner, filled);
}

export function readUint16(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<u16>(from, end, room, inner, filled);
}

export function readInt32(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<i32>(from, end, room, inner, filled);
}

export function readUint32(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<u32>(from, end, room, inner, filled);
}

export function readInt64(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<i64>(from, end, room, inner, filled);
}

export function readUint64(from: usize, end: usize, room: usize, inner: i32, filled: i32): usize {
  return readIntegers<u64>(from, end, room, inner, filled);
}

/** The longest that one value can be with what stands before it, and room for the vector that it is stored as. */
const maxWrittenBytes = 40;

/**
 * Writes lists of float32 from `values`, with a comma before each but the first of all and "],[" where a list ends.
 * Leaves word of the first that was not written: less than `count` when the slice is full, or at one that takes longer.
 * @param at the place in the slice
 * @param first which value begins
 * @param count how many values there are
 * @param inner how many values each list has
 * @param filled how many the list that is open has already; 0 when nothing was written yet
 * @returns where the text ends
 */
export function writeFloat(at: usize, first: i32, count: i32, inner: i32, filled: i32): usize {
  const full = slice + 65_536 - maxWrittenBytes;
  let from = values + (first << 2);
  const end = values + (count << 2);
  while (from < end && at <= full) {
    let to = at;
    if (filled == inner) {
      store<u32>(to, 0x5b2c5d);
      to += 3;
      filled = 0;
    } else {
      store<u8>(to, comma);
      to += <usize>(filled > 0);
    }
    to = writeFloat32(to, load<u32>(from));
    if (to == 0) break;
    at = to;
    filled++;
    from += 4;
  }
  store<i32>(reached, (from - values) >> 2);
  return at;
}
