/** gRPC-Web's text mode: base64 in pieces. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError } from '../../../src/call/index.ts';
import { Base64Decoder, encodeBase64 } from '../../../src/front/web/base64.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

function decodeIn(pieces: readonly string[]): Buffer {
  const decoder = new Base64Decoder();
  const out = pieces.map((piece) => decoder.push(latin1(piece)));
  decoder.finish();
  return Buffer.concat(out);
}

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
    assert.equal(Buffer.from(encodeBase64([latin1('a'), latin1('b')])).toString(), 'YWI=');
  });
});
