/** gRPC-Web's text mode: base64 in pieces. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError } from '../../../src/base/status.ts';
import { Base64Decoder, encodeBase64 } from '../../../src/front/grpc-web/base64.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

function decodeIn(pieces: readonly string[]): Buffer {
  const decoder = new Base64Decoder();
  const out = pieces.map((piece) => decoder.push(latin1(piece)));
  decoder.finish();
  return Buffer.concat(out);
}

const written = (parts: readonly Uint8Array[]): string[] =>
  [...encodeBase64(parts)].map((text) => Buffer.from(text).toString('latin1'));

describe('base64 of gRPC-Web text', () => {
  it('decodes the same bytes wherever the text is cut', () => {
    const text = Buffer.from('hello, gRPC-Web').toString('base64');
    for (let at = 0; at <= text.length; at++) {
      assert.equal(decodeIn([text.slice(0, at), text.slice(at)]).toString(), 'hello, gRPC-Web');
    }
  });

  it('takes padding in the middle, where one flush ended and the next began', () => {
    const text = `${Buffer.from('a').toString('base64')}${Buffer.from('bc').toString('base64')}${Buffer.from('def').toString('base64')}`;
    assert.equal(text, 'YQ==YmM=ZGVm');
    for (let at = 0; at <= text.length; at++)
      assert.equal(decodeIn([text.slice(0, at), text.slice(at)]).toString(), 'abcdef');
  });

  for (const [name, text] of [
    ['a character that base64 does not have', 'YWJj!A=='],
    ['padding in the first half of a group', 'Y==='],
    ['a letter after the padding within a group', 'YQ=A'],
    ['an end inside a group', 'YWJjZ'],
  ] as const) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => decodeIn([text]),
        (error: unknown) => error instanceof StatusError && error.message.includes('base64'),
      );
    });
  }

  it('encodes each frame on its own, padded to whole groups', () => {
    assert.deepEqual(written([latin1('a'), latin1('b')]), ['YWI=']);
  });

  it('encodes a long frame in pieces that are one text', () => {
    const pieceBytes = 49_152;
    for (const length of [0, 1, 2, 3].flatMap((more) => [1, 2].map((n) => n * pieceBytes - 1 + more))) {
      const frame = Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7) & 255));
      for (const cuts of [[], [1], [2, pieceBytes], [pieceBytes - 1, pieceBytes + 1]]) {
        const at = [0, ...cuts, length];
        const parts = at.slice(1).map((to, i) => frame.subarray(at[i], to));
        const pieces = written(parts);
        assert.equal(pieces.join(''), frame.toString('base64'));
        assert.ok(pieces.every((piece) => piece.length > 0 && piece.length <= 65_536));
      }
    }
  });

  it('encodes a frame whose base64 is longer than any string', () => {
    // the same memory again and again: 400 MiB without taking them
    const part = Buffer.alloc(2 ** 20, 'abc');
    let chars = 0;
    for (const text of encodeBase64(Array.from({ length: 400 }, () => part))) chars += text.length;
    assert.equal(chars, Math.ceil((400 * 2 ** 20) / 3) * 4);
  });
});
