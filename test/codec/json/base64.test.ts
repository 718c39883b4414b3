/** Tests that base64 is read the same by the quick way, which takes long stretches at once, as digit by digit. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { type RandomBelow, seededBelow } from '../../support/random.ts';
import { decode, single } from './support.ts';

const source = single('string');
const body = (text: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from('{"instances":[{"b64":"'), text, Buffer.from('"}]}')]);

/** Too small for the quick way. */
const small = 97;
const inParts = (length: number, size: (left: number) => number): number[] => {
  const sizes: number[] = [];
  for (let left = length; left > 0; left -= sizes.at(-1) as number) sizes.push(Math.min(left, size(left)));
  return sizes;
};

function same(text: Uint8Array, random: RandomBelow, what: string): ReturnType<typeof decode> {
  const whole = body(text);
  const slow = decode(
    whole,
    source,
    inParts(whole.length, () => small),
  );
  assert.deepEqual(
    decode(
      whole,
      source,
      inParts(whole.length, () => 65_536),
    ),
    slow,
    what,
  );
  const cut = inParts(whole.length, () => 1 + random(5000));
  assert.deepEqual(decode(whole, source, cut), slow, `${what} cut into ${cut.join()}`);
  return slow;
}

describe('base64', () => {
  it('is read the same in every length, alphabet and padding', () => {
    const random = seededBelow(1);
    const lengths = [...Array(12).keys()];
    for (const near of [190, 192, 49_100, 49_152, 98_304, 200_000])
      for (let i = 0; i < 7; i++) lengths.push(near + i);
    for (const length of lengths) {
      const bytes = Buffer.from(Array.from({ length }, () => random(256)));
      const plain = bytes.toString('base64');
      const bare = plain.replaceAll('=', '');
      for (const text of [plain, bare, bytes.toString('base64url'), plain.replaceAll('=', '.')]) {
        const verdict = same(Buffer.from(text), random, `${length} bytes`);
        const tensor = { dtype: 'string', shape: [1], data: [bytes.toString('hex')] };
        assert.deepEqual(verdict, { tensors: { x: tensor } }, `${length} bytes`);
      }
    }
  });

  it('is read the same with any byte, escape or padding in its midst', () => {
    const random = seededBelow(2);
    const digits = Buffer.from(Array.from({ length: 3000 }, () => random(256))).toString('base64');
    const odd = Array.from({ length: 256 }, (_, value) => Buffer.of(value));
    for (const text of ['\\n', '\\r\\n', '\\u0041', '\\u000a', '\\/', '==', '=', '..', '  ', 'é', '-_'])
      odd.push(Buffer.from(text));
    let right = 0;
    for (const piece of odd) {
      // put in, in place of one digit, and of as many as it has
      for (const gone of [0, 1, piece.length]) {
        const at = random(digits.length - piece.length);
        const text = [Buffer.from(digits.slice(0, at)), piece, Buffer.from(digits.slice(at + gone))];
        const verdict = same(Buffer.concat(text), random, `${piece.toString('hex')} at ${at}`);
        if (!('error' in verdict)) right++;
      }
    }
    assert.ok(right > 100, `${right} of ${3 * odd.length} were read`);
  });

  it('is read the same with a line break after every 76 digits', () => {
    const random = seededBelow(3);
    const bytes = Buffer.from(Array.from({ length: 150_000 }, () => random(256)));
    for (const end of ['\\n', '\\r\\n']) {
      const lines = bytes.toString('base64').replaceAll(/.{76}/g, (line) => line + end);
      const tensor = { dtype: 'string', shape: [1], data: [bytes.toString('hex')] };
      assert.deepEqual(same(Buffer.from(lines), random, end), { tensors: { x: tensor } });
    }
  });
});
