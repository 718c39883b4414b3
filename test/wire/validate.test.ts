/**
 * What is taken of a list of fields, and which lists are refused: white space at the ends of values is the peer's
 * slip.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { markReused, isReused } from '../../src/base/identity-memo.ts';
import { decodeGrpcMessage, encodeGrpcMessage } from '../../src/call/index.ts';
import { HpackDecoder } from '../../src/wire/hpack/decoder.ts';
import { HpackEncoder } from '../../src/wire/hpack/encoder.ts';
import { checkRequest, checkResponse, checkTrailers } from '../../src/wire/http2/validate.ts';

const get = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a'];
const ok = [':status', '200'];

describe('white space at the ends of values', () => {
  for (const [kind, check, head] of [
    ['requests', checkRequest, get],
    ['responses', checkResponse, ok],
    ['trailers', checkTrailers, []],
  ] as const) {
    it(`is stripped from ${kind}`, () => {
      const list = [...head, 'x-a', ' a\tb \t', 'x-b', 'c', 'x-c', '  ', 'x-d', ''];
      const checked = check(list);
      assert.equal(checked.ok, true);
      assert.deepEqual(checked.fields, [...head, 'x-a', 'a\tb', 'x-b', 'c', 'x-c', '', 'x-d', '']);
    });

    it(`is looked for once in ${kind} that come again`, () => {
      const clean = markReused([...head, 'x-a', 'a']);
      assert.equal(check(clean).fields, clean);
      const once = [...head, 'x-a', ' a'];
      assert.equal(isReused(check(once).fields), false);
      const again = markReused([...once]);
      assert.equal(check(again).fields, check(again).fields);
      assert.equal(isReused(check(again).fields), true);
    });
  }

  it('is not stripped from pseudo-headers, which are refused', () => {
    for (let i = 1; i < get.length; i += 2)
      assert.equal(checkRequest(get.map((text, at) => (at === i ? `${text} ` : text))).ok, false, get[i - 1]);
    assert.equal(checkResponse([':status', ' 200']).ok, false);
  });

  it('does not hide a length, nor two of them', () => {
    assert.equal(checkRequest([...get, 'content-length', ' 5\t']).contentLength, 5);
    assert.equal(checkRequest([...get, 'content-length', ' 5', 'content-length', '6 ']).ok, false);
    assert.equal(checkRequest([...get, 'content-length', '5 5']).ok, false);
  });

  it('is stripped from the field that comes apart, too', () => {
    const decoder = new HpackDecoder({ maxHeaderListBytes: 65_536, maxHeaderFields: 100 }, 'grpc-timeout');
    decoder.decode(new HpackEncoder().encode(get, ['grpc-timeout', ' 5S ']));
    assert.deepEqual(decoder.varying, ['grpc-timeout', '5S']);
  });

  it('takes no longer for many blanks than for a few', () => {
    const list = [...get, 'x-a', ` ${'\t'.repeat(2_000_000)}a`];
    assert.equal(checkRequest(list).fields.at(-1), 'a');
  });

  it('is no white space when it ends a line', () => {
    for (const value of ['a\r', '\na', 'a\0', '\r\n']) {
      assert.equal(checkRequest([...get, 'x-a', value]).ok, false);
      assert.equal(checkResponse([...ok, 'x-a', value]).ok, false);
      assert.equal(checkTrailers(['x-a', value]).ok, false);
    }
  });
});

describe('a grpc-message of our own', () => {
  it('has its white space encoded where a field may have none', () => {
    assert.equal(encodeGrpcMessage('got [1,2]. '), 'got [1,2].%20');
    assert.equal(encodeGrpcMessage(' a  b '), '%20a  b%20');
    assert.equal(encodeGrpcMessage(' '), '%20');
    assert.equal(encodeGrpcMessage('a b'), 'a b');
    for (const text of ['', ' ', '  ', 'ü ', '\t', 'a%', ' 100 % '])
      assert.equal(decodeGrpcMessage(encodeGrpcMessage(text)), text);
  });
});
