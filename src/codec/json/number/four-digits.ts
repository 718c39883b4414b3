/**
 * Decimal text four bytes at a time, without a branch for each digit. A word is four bytes of text in little-endian
 * order, less 0x30 in each.
 */

/** What to take from four bytes of text to get a word. */
export const fourZeros = 0x30303030;

/** 10^0 to 10^3. */
export const shortPowers = Float64Array.of(1, 10, 100, 1000);

/** A high bit for every byte that is no digit (and perhaps for some after the first of these); 0 when all four are. */
export function notDigits(word: number): number {
  return ((word + 0x76767676) | 0 | word) & 0x80808080;
}

/** How many digits come before the first byte that is none; marks are not 0. */
export function leadingDigits(marks: number): number {
  return (31 - Math.clz32(marks & -marks)) >> 3;
}

/** The number that four digits are. */
export function fourDigits(word: number): number {
  const pairs = (Math.imul(word, 10) + (word >>> 8)) & 0x00ff00ff;
  return Math.imul(pairs & 0xff, 100) + (pairs >>> 16);
}

/** The number that the first `count` bytes are, 1 to 3. */
export function fewDigits(word: number, count: number): number {
  return fourDigits(word << (32 - 8 * count));
}
