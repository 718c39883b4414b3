/** Decimal digits of whole numbers, straight into bytes. */

const zero = 0x30;
const minus = 0x2d;

/** "000" to "999", three bytes each. */
const triples = new Uint8Array(3000);
for (let i = 0; i < 1000; i++) {
  triples[3 * i] = zero + Math.floor(i / 100);
  triples[3 * i + 1] = zero + (Math.floor(i / 10) % 10);
  triples[3 * i + 2] = zero + (i % 10);
}

const billion = 1_000_000_000;

/** Writes three digits of a number below 1000. */
export function writeTriple(out: Uint8Array, at: number, value: number): void {
  const from = value * 3;
  out[at] = triples[from] as number;
  out[at + 1] = triples[from + 1] as number;
  out[at + 2] = triples[from + 2] as number;
}

/** Writes nine digits of a number below 10^9, with leading zeros. */
export function writeNine(out: Uint8Array, at: number, value: number): void {
  const thousands = (value / 1000) | 0;
  const millions = (thousands / 1000) | 0;
  writeTriple(out, at, millions);
  writeTriple(out, at + 3, thousands - millions * 1000);
  writeTriple(out, at + 6, value - thousands * 1000);
}

/** Writes a number below 1000 without leading zeros; gives where it ends, as all writers here do. */
function writeShort(out: Uint8Array, at: number, value: number): number {
  const from = value * 3;
  if (value > 9) {
    if (value > 99) out[at++] = triples[from] as number;
    out[at++] = triples[from + 1] as number;
  }
  out[at++] = triples[from + 2] as number;
  return at;
}

/** Writes a whole number below 10^9. */
function writeBelowBillion(out: Uint8Array, at: number, value: number): number {
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
export function writeInteger(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  if (rest < 0) {
    out[at++] = minus;
    rest = -rest;
  }
  if (rest < billion) return writeBelowBillion(out, at, rest);
  const high = Math.floor(rest / billion);
  const to = writeBelowBillion(out, at, high);
  writeNine(out, to, rest - high * billion);
  return to + 9;
}

/** Writes high x 2^32 + low, both below 2^32. */
export function writeUint64(out: Uint8Array, at: number, high: number, low: number): number {
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
export function writeInt64(out: Uint8Array, at: number, high: number, low: number): number {
  if (high < 0x80000000) return writeUint64(out, at, high, low);
  out[at] = minus;
  return low === 0
    ? writeUint64(out, at + 1, (0x100000000 - high) % 0x100000000, 0)
    : writeUint64(out, at + 1, 0xffffffff - high, 0x100000000 - low);
}
