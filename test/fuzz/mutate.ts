/** Mutations of bytes that were right: flipped, cut, doubled, spliced with others, with other lengths in them. */
import type { Chance } from './chance.ts';

/** Where readers have their edges. */
const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0x4001, 0x7fff, 0x8000, 0xffff, 0x10000];
const largeEdges = [0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const bytesOfNote = [0, 1, 9, 10, 13, 32, 34, 37, 44, 47, 58, 61, 91, 93, 123, 125, 127, 128, 192, 224, 255];
const texts = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  ',',
  ';',
  ':',
  '%',
  '%00',
  '%0d%0a',
  '"',
  '\\',
  '[',
  '{',
  '=',
  '0',
  '-1',
  '1e999',
  '99999999999999999999',
  'é',
  '\ud83d',
  '__proto__',
  'constructor',
].map((text) => Buffer.from(text));

type Change = (chance: Chance, bytes: Buffer, others: readonly Buffer[]) => Buffer;

const insert = (bytes: Buffer, at: number, what: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)]);

function setNumber(chance: Chance, bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  const value = chance.percent(70) ? chance.pick(edges) : chance.pick(largeEdges);
  const at = chance.below(out.length);
  const width = chance.pick([1, 2, 3, 4]);
  if (at + width > out.length) return out;
  const cut = width === 4 ? value : value % 256 ** width;
  if (chance.percent(50)) out.writeUIntBE(cut, at, width);
  else out.writeUIntLE(cut, at, width);
  return out;
}

const range = (chance: Chance, bytes: Buffer): [number, number] => {
  const from = chance.below(bytes.length);
  return [from, Math.min(bytes.length, from + 1 + chance.below(chance.percent(70) ? 8 : bytes.length))];
};

const changes: readonly (readonly [weight: number, change: Change])[] = [
  [
    8,
    (chance, bytes) => {
      const out = Buffer.from(bytes);
      const at = chance.below(out.length);
      out[at] = (out[at] as number) ^ (1 << chance.below(8));
      return out;
    },
  ],
  [
    8,
    (chance, bytes) => {
      const out = Buffer.from(bytes);
      out[chance.below(out.length)] = chance.percent(50) ? chance.pick(bytesOfNote) : chance.below(256);
      return out;
    },
  ],
  [6, setNumber],
  [4, (chance, bytes) => insert(bytes, chance.below(bytes.length + 1), chance.bytes(chance.size(40)))],
  [4, (chance, bytes) => insert(bytes, chance.below(bytes.length + 1), chance.pick(texts))],
  [
    4,
    (chance, bytes) => {
      const [from, to] = range(chance, bytes);
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
    },
  ],
  [
    3,
    (chance, bytes) => {
      const [from, to] = range(chance, bytes);
      return insert(bytes, chance.below(bytes.length + 1), bytes.subarray(from, to));
    },
  ],
  [2, (chance, bytes) => bytes.subarray(0, chance.below(bytes.length))],
  [
    3,
    (chance, bytes, others) => {
      const other = chance.pick(others);
      return Buffer.concat([
        bytes.subarray(0, chance.below(bytes.length + 1)),
        other.subarray(chance.below(other.length + 1)),
      ]);
    },
  ],
  [
    2,
    (chance, bytes) => {
      const out = Buffer.from(bytes);
      const at = chance.below(out.length);
      for (let i = at; i < Math.min(out.length, at + 12); i++) {
        const byte = out[i] as number;
        // digits to other digits, letters to the other case
        if (byte >= 48 && byte < 58) out[i] = 48 + chance.below(10);
        else if ((byte | 32) >= 97 && (byte | 32) < 123) out[i] = byte ^ 32;
      }
      return out;
    },
  ],
];

/** @param others to splice with; at least one */
export function mutate(chance: Chance, bytes: Buffer, others: readonly Buffer[], most = 4): Buffer {
  let out = bytes;
  for (let left = 1 + chance.below(most); left > 0; left--)
    out = out.length === 0 ? chance.bytes(chance.size(20)) : chance.weighted(changes)(chance, out, others);
  return out;
}
