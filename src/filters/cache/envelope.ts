/**
 * What is stored: the answer, the whole key it answers, and a digest over both. A value that is cut, altered, foreign
 * or under a wrong key does not open, so it is a miss and never another question's answer.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

const magic = Buffer.from('TGC1');
const keyBytes = 32;
const checkBytes = 16;
const headBytes = magic.length + keyBytes + checkBytes;

/** Bytes that an envelope adds to an answer. */
export const envelopeBytes = headBytes;

function checkOf(key: Uint8Array, answer: Uint8Array): Buffer {
  return createHash('sha256').update(magic).update(key).update(answer).digest().subarray(0, checkBytes);
}

/** @param key 32 bytes, as `cacheKey` makes them */
export function seal(key: Uint8Array, answer: Uint8Array): Buffer {
  return Buffer.concat([magic, key, checkOf(key, answer), answer]);
}

/** The answer (a view on the value), or undefined when this is no answer to this key. */
export function open(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  if (value.length < headBytes) return undefined;
  const answer = value.subarray(headBytes);
  const expected = Buffer.concat([magic, key, checkOf(key, answer)]);
  return timingSafeEqual(expected, value.subarray(0, headBytes)) ? answer : undefined;
}
