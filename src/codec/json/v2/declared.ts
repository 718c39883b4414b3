/**
 * What a V2 body says of its tensors' sizes, looked for without reading it: Triton 2.51 dies of a shape in JSON with
 * more elements than memory has.
 */
import { Buffer } from 'node:buffer';

const key = Buffer.from('"shape"');
/** "shape" can be written with these too, which no encoder of JSON does. */
const escape = Buffer.from('\\u00');
const escapedLetter = /^(?:73|68|61|70|65)/i;
const list = /^\s*:\s*\[([\s0-9,]*)\]/;
/** A shape of as many dimensions as any tensor has. */
const window = 1000;
/** Places that are looked at: more of them would hold up the event loop, and no request has as many tensors. */
const maxPlaces = 10_000;

/**
 * @param json a body's, which may be none
 * @returns false where every shape has so many elements at the most; true also where that cannot be told at a glance
 */
export function mayDeclareMoreThan(json: Uint8Array, elements: number): boolean {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.length);
  const textAt = (from: number, length: number): string => bytes.toString('latin1', from, from + length);
  let left = maxPlaces;
  for (let at = bytes.indexOf(escape); at !== -1; at = bytes.indexOf(escape, at + 1))
    if (left-- === 0 || escapedLetter.test(textAt(at + escape.length, 2))) return true;
  for (let at = bytes.indexOf(key); at !== -1; at = bytes.indexOf(key, at + 1)) {
    if (left-- === 0) return true;
    const [, sizes] = list.exec(textAt(at + key.length, window)) ?? [];
    if (sizes === undefined) return true;
    // a size of 0 hides none of the others
    const product = sizes.split(',').reduce((left, size) => left * Math.max(1, Number(size)), 1);
    if (!(product <= elements)) return true;
  }
  return false;
}
