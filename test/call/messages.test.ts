/** A flow taken apart into its messages, whatever chunks it comes in. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import { messagePrefix, Messages } from '../../src/call/index.ts';

const framed = (text: string): Buffer => Buffer.concat([messagePrefix(text.length), Buffer.from(text)]);

describe('messages of a flow', () => {
  const texts = ['one', '', 'x'.repeat(3000), 'two'];
  const all = Buffer.concat(texts.map(framed));
  for (const size of [1, 4, 5, 7, 1000, all.length])
    it(`are whole in chunks of ${size} bytes`, () => {
      const got: string[] = [];
      const messages = new Messages(3000, (message) => got.push(Buffer.from(message).toString()));
      for (let at = 0; at < all.length; at += size) messages.push(Buffer.from(all.subarray(at, at + size)));
      assert.deepEqual(got, texts);
      assert.equal(messages.held, 0);
    });

  it('say what they hold of one that is not whole', () => {
    const messages = new Messages(10, () => undefined);
    messages.push(framed('12345678').subarray(0, 9));
    assert.equal(messages.held, 9);
  });

  it('are no larger than the limit, which is known by the prefix, and not compressed', () => {
    const large = new Messages(10, () => undefined);
    assert.throws(
      () => {
        large.push(messagePrefix(11));
      },
      { code: Code.RESOURCE_EXHAUSTED },
    );
    const compressed = new Messages(10, () => undefined);
    assert.throws(
      () => {
        compressed.push(Buffer.from([1, 0, 0, 0, 1, 0]));
      },
      { code: Code.INTERNAL },
    );
  });
});
