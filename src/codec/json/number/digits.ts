/** Decimal digits of whole numbers, straight into bytes. */

const zero = 0x30;
const minus = 0x2d;

/** "000" to "999", three bytes each, and a fourth that what comes next is written over. */
const triples = new Uint32Array(1000);
for (let i = 0; i < 1000; i++)
  triples[i] =
    (zero + Math.floor(i / 100)) | ((zero + (Math.floor(i / 10) % 10)) << 8) | ((zero + (i % 10)) << 16);

/** Bytes that are written to, twice: one by one, and four at a time. What stands behind a number is spoilt. */
export interface DigitsOut {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const billion = 1_000_000_000;

/** Writes three digits of a number below 1000. */
export function writeTriple(out: DigitsOut, at: number, value: number): void {
  out.view.setUint32(at, triples[value] as number, true);
}

/** Writes nine digits of a number below 10^9, with leading zeros. */
export function writeNine(out: DigitsOut, at: number, value: number): void {
  const { view } = out;
  const thousands = (value / 1000) | 0;
  const millions = (thousands / 1000) | 0;
  view.setUint32(at, triples[millions] as number, true);
  view.setUint32(at + 3, triples[thousands - millions * 1000] as number, true);
  view.setUint32(at + 6, triples[value - thousands * 1000] as number, true);
}

/** Writes a number below 1000 without leading zeros; gives where it ends, as all writers here do. */
function writeShort(out: DigitsOut, at: number, value: number): number {
  const word = triples[value] as number;
  if (value > 99) {
    out.view.setUint32(at, word, true);
    return at + 3;
  }
  if (value > 9) {
    out.view.setUint16(at, word >>> 8, true);
    return at + 2;
  }
  out.bytes[at] = word >>> 16;
  return at + 1;
}

/** Writes a whole number below 10^9. */
function writeBelowBillion(out: DigitsOut, at: number, value: number): number {
  if (value < 1000) return writeShort(out, at, value);
  const thousands = (value / 1000) | 0;
  let to: number;
  if (thousands < 1000) to = writeShort(out, at, thousands);
  else {
    const millions = (thousands / 1000) | 0;
    to = writeShort(out, at, millions);
    writeTriple(out, to, thousands - millions * 1000);
    to += 3;
  }
  writeTriple(out, to, value - thousands * 1000);
  return to + 3;
}

/** Writes a whole number within ±2^53. */
export function writeInteger(out: DigitsOut, at: number, value: number): number {
  let rest = value;
  if (rest < 0) {
    out.bytes[at++] = minus;
    rest = -rest;
  }
  if (rest < billion) return writeBelowBillion(out, at, rest);
  const high = Math.floor(rest / billion);
  const to = writeBelowBillion(out, at, high);
  writeNine(out, to, rest - high * billion);
  return to + 9;
}

/** Writes high x 2^32 + low, both below 2^32. */
export function writeUint64(out: DigitsOut, at: number, high: number, low: number): number {
  if (high < 0x200000) return writeInteger(out, at, high * 0x100000000 + low);
  // by 10^9, sixteen bits at a time, so that everything stays within float64's whole numbers
  let rest = high >>> 16;
  rest = rest * 65_536 + (high & 0xffff);
  let quotient = Math.floor(rest / billion);
  rest = (rest - quotient * billion) * 65_536 + (low >>> 16);
  let part = Math.floor(rest / billion);
  quotient = quotient * 65_536 + part;
  rest = (rest - part * billion) * 65_536 + (low & 0xffff);
  part = Math.floor(rest / billion);
  quotient = quotient * 65_536 + part;
  const to = writeInteger(out, at, quotient);
  writeNine(out, to, rest - part * billion);
  return to + 9;
}

/** Writes a two's complement number of 64 bits. */
export function writeInt64(out: DigitsOut, at: number, high: number, low: number): number {
  if (high < 0x80000000) return writeUint64(out, at, high, low);
  out.bytes[at] = minus;
  return low === 0
    ? writeUint64(out, at + 1, (0x100000000 - high) % 0x100000000, 0)
    : writeUint64(out, at + 1, 0xffffffff - high, 0x100000000 - low);
}
