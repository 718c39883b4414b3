/** Compressed messages are inflated no further than they must be, and never beyond a ratio. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { Code, StatusError } from '../../src/call/index.ts';
import { inflateMessage, inflateUntil } from '../../src/codec/index.ts';

const mebi = 2 ** 20;
const refused = (code: number, message: RegExp) => (error: unknown) =>
  error instanceof StatusError && error.code === code && message.test(error.message);

describe('inflateMessage', () => {
  it('reads gzip and deflate', async () => {
    const text = Buffer.from('tensors');
    assert.deepEqual(await inflateMessage(gzipSync(text), 'gzip', 100), text);
    assert.deepEqual(await inflateMessage(deflateSync(text), 'deflate', 100), text);
  });

  it('lets little become what it likes, and refuses bombs by their ratio', async () => {
    assert.equal((await inflateMessage(gzipSync(Buffer.alloc(mebi)), 'gzip', 1024 * mebi)).length, mebi);
    await assert.rejects(
      inflateMessage(gzipSync(Buffer.alloc(64 * mebi)), 'gzip', 1024 * mebi),
      refused(Code.RESOURCE_EXHAUSTED, /the limit of \d+ bytes for one that takes \d+ bytes/),
    );
  });

  it('refuses what is larger than a message may be, and what is no such data', async () => {
    await assert.rejects(
      inflateMessage(gzipSync(Buffer.alloc(5000)), 'gzip', 1000),
      refused(Code.RESOURCE_EXHAUSTED, /larger than the limit of 1000 bytes$/),
    );
    await assert.rejects(
      inflateMessage(Buffer.from('x'), 'gzip', 1000),
      refused(Code.INTERNAL, /no valid gzip/),
    );
    await assert.rejects(inflateMessage(Buffer.from('x'), 'br', 1000), refused(Code.UNIMPLEMENTED, /"br"/));
    await assert.rejects(
      inflateMessage(Buffer.from('x'), 'constructor', 1000),
      refused(Code.UNIMPLEMENTED, /"constructor"/),
    );
  });
});

describe('inflateUntil', () => {
  it('stops as soon as the reader has what it wants, however much would follow', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('head'), Buffer.alloc(256 * mebi)]));
    let most = 0;
    const found = await inflateUntil(bomb, 'gzip', 1024 * mebi, (bytes) => {
      most = Math.max(most, bytes.length);
      return Buffer.from(bytes.subarray(0, 4)).toString();
    });
    assert.equal(found, 'head');
    assert.ok(most <= 65_536, `${most} bytes were inflated`);
  });

  it('gives the whole message when the reader wants it, and says that it is whole', async () => {
    const text = Buffer.alloc(100_000, 'abcdefg');
    const seen: [number, boolean][] = [];
    const found = await inflateUntil(gzipSync(text), 'gzip', mebi, (bytes, complete) => {
      seen.push([bytes.length, complete]);
      return complete ? Buffer.from(bytes) : undefined;
    });
    assert.deepEqual(found, text);
    assert.ok(seen.length < 8, `${seen.length} looks`);
    assert.deepEqual(seen.at(-1), [100_000, true]);
  });

  it('refuses a bomb whose reader never has enough, and broken data', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * mebi));
    await assert.rejects(
      inflateUntil(bomb, 'gzip', 1024 * mebi, () => undefined),
      refused(Code.RESOURCE_EXHAUSTED, /larger than the limit/),
    );
    await assert.rejects(
      inflateUntil(Buffer.from('nonsense'), 'gzip', mebi, () => undefined),
      refused(Code.INTERNAL, /no valid gzip/),
    );
    const cut = gzipSync(Buffer.from('tensors')).subarray(0, 15);
    await assert.rejects(
      inflateUntil(cut, 'gzip', mebi, () => undefined),
      refused(Code.INTERNAL, /no valid gzip/),
    );
  });
});
