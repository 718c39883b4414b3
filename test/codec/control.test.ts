/** Bounds for what servers say of models: depth before JSON.parse sees it, counts and names while they are read. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkCount,
  checkedName,
  controlLimits,
  OutOfBounds,
  parseControlJson,
} from '../../src/codec/index.ts';

const nested = (depth: number, inside = ''): Buffer =>
  Buffer.from('['.repeat(depth) + inside + ']'.repeat(depth));
const outOfBounds = (reason: unknown): boolean => reason instanceof OutOfBounds && reason.fromBackend;

describe('JSON about models', () => {
  it('is read up to the depth that is allowed, and no deeper', () => {
    assert.ok(Array.isArray(parseControlJson(nested(controlLimits.depth))));
    assert.throws(() => parseControlJson(nested(controlLimits.depth + 1)), outOfBounds);
    const objects = `${'{"a":'.repeat(controlLimits.depth + 1)}1${'}'.repeat(controlLimits.depth + 1)}`;
    assert.throws(() => parseControlJson(Buffer.from(objects)), outOfBounds);
  });

  it('may have as many lists beside each other as it likes, and brackets in texts', () => {
    const beside = Buffer.from(`[${Array.from({ length: 1000 }, () => '[]').join()}]`);
    assert.equal((parseControlJson(beside) as unknown[]).length, 1000);
    for (const text of [
      '['.repeat(100),
      '{"'.repeat(100),
      '\\"['.repeat(100),
      '\\',
      '\\\\"',
      'é€😀[',
      '"'.repeat(50),
    ])
      assert.deepEqual(parseControlJson(Buffer.from(JSON.stringify([text, { [text]: text }]))), [
        text,
        { [text]: text },
      ]);
  });

  it('fails as JSON.parse does when it is none', () => {
    for (const text of ['', '[', '{"a":"', '"\\', ']]]]', 'nul'])
      assert.throws(() => parseControlJson(Buffer.from(text)), SyntaxError, text);
  });

  it('is refused beyond the bytes that are allowed, and before it is parsed when it is all brackets', () => {
    assert.throws(() => parseControlJson(Buffer.alloc(11, ' '), { bytes: 10 }), outOfBounds);
    const brackets = Buffer.alloc(controlLimits.bytes, '[');
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 20; i++) assert.throws(() => parseControlJson(brackets), outOfBounds);
    assert.ok(process.memoryUsage().rss - before < 64 * 2 ** 20);
  });
});

describe('counts and names', () => {
  it('are refused one beyond their limits', () => {
    checkCount(controlLimits.versions - 1, 'versions');
    assert.throws(() => {
      checkCount(controlLimits.versions, 'versions');
    }, outOfBounds);
    for (const letter of ['x', 'é', '€', '😀']) {
      const fits = letter.repeat(controlLimits.nameBytes / Buffer.byteLength(letter));
      assert.equal(checkedName(fits), fits);
      assert.throws(() => checkedName(`${fits}xx`), outOfBounds);
    }
  });
});
