/** Compressed messages are inflated no further than they must be, and never beyond a ratio. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { Code, StatusError } from '../../src/base/status.ts';
import { inflateEach, inflateMessage, inflateUntil } from '../../src/codec/index.ts';

const mebi = 2 ** 20;
const upTo = (maxMessageBytes: number, maxInflateRatio = 100) => ({ maxMessageBytes, maxInflateRatio });
const refused = (code: number, message: RegExp) => (error: unknown) =>
  error instanceof StatusError && error.code === code && message.test(error.message);

describe('inflateMessage', () => {
  it('reads gzip, deflate and zstd, in any case', async () => {
    const text = Buffer.from('tensors');
    assert.deepEqual(await inflateMessage(gzipSync(text), 'gzip', upTo(100)), text);
    assert.deepEqual(await inflateMessage(deflateSync(text), 'deflate', upTo(100)), text);
    assert.deepEqual(await inflateMessage(zstdCompressSync(text), 'zstd', upTo(100)), text);
    assert.deepEqual(await inflateMessage(gzipSync(text), 'GZIP', upTo(100)), text);
  });

  it('reads all of a message, or refuses it', async () => {
    const text = Buffer.from('tensors');
    const twice = Buffer.concat([gzipSync(text), gzipSync(text)]);
    assert.deepEqual(await inflateMessage(twice, 'gzip', upTo(100)), Buffer.concat([text, text]));
    for (const [coding, bytes] of [
      ['deflate', Buffer.concat([deflateSync(text), deflateSync(text)])],
      ['zstd', Buffer.concat([zstdCompressSync(text), zstdCompressSync(text)])],
      ['zstd', zstdCompressSync(text).subarray(0, 10)],
    ] as const) {
      const wrong = refused(Code.INTERNAL, new RegExp(`no valid ${coding} data`));
      await assert.rejects(inflateMessage(bytes, coding, upTo(100)), wrong);
      await assert.rejects(
        inflateEach(bytes, coding, upTo(100), () => undefined),
        wrong,
      );
    }
  });

  it('names what it takes where it refuses a coding', async () => {
    await assert.rejects(inflateMessage(Buffer.alloc(1), 'snappy', upTo(100)), (error: StatusError) => {
      assert.equal(error.code, Code.UNIMPLEMENTED);
      assert.deepEqual(error.accepts, ['identity', 'gzip', 'deflate', 'zstd']);
      return true;
    });
  });

  it('lets little become what it likes, and refuses bombs by their ratio', async () => {
    assert.equal(
      (await inflateMessage(gzipSync(Buffer.alloc(mebi)), 'gzip', upTo(1024 * mebi))).length,
      mebi,
    );
    await assert.rejects(
      inflateMessage(gzipSync(Buffer.alloc(64 * mebi)), 'gzip', upTo(1024 * mebi)),
      refused(Code.RESOURCE_EXHAUSTED, /the limit of \d+ bytes for one that takes \d+ bytes/),
    );
  });

  it('goes by the ratio that it is given, up to the longest message', async () => {
    const bomb = gzipSync(Buffer.alloc(8 * mebi));
    assert.equal((await inflateMessage(bomb, 'gzip', upTo(mebi * 8, 2000))).length, 8 * mebi);
    await assert.rejects(
      inflateMessage(bomb, 'gzip', upTo(4 * mebi, 2000)),
      refused(Code.RESOURCE_EXHAUSTED, /larger than the limit of 4194304 bytes$/),
    );
  });

  it('tells of each byte as it comes out, and ends with what that throws', async () => {
    const full = new StatusError(Code.RESOURCE_EXHAUSTED, 'full');
    let held = 0;
    const hold = (bytes: number): void => {
      held += bytes;
      if (held > 100_000) throw full;
    };
    await inflateMessage(gzipSync(Buffer.alloc(50_000)), 'gzip', upTo(mebi), hold);
    assert.equal(held, 50_000);
    await assert.rejects(inflateMessage(gzipSync(Buffer.alloc(mebi)), 'gzip', upTo(mebi), hold), full);
    assert.ok(held < 200_000, `${held} bytes came out`);
    held = 0;
    const found = await inflateUntil(gzipSync(Buffer.alloc(50_000)), 'gzip', upTo(mebi), () => 'found', hold);
    assert.deepEqual([found, held], ['found', 0]);
  });

  it('refuses what is larger than a message may be, and what is no such data', async () => {
    await assert.rejects(
      inflateMessage(gzipSync(Buffer.alloc(5000)), 'gzip', upTo(1000)),
      refused(Code.RESOURCE_EXHAUSTED, /larger than the limit of 1000 bytes$/),
    );
    await assert.rejects(
      inflateMessage(Buffer.from('x'), 'gzip', upTo(1000)),
      refused(Code.INTERNAL, /no valid gzip/),
    );
    await assert.rejects(
      inflateMessage(Buffer.from('x'), 'br', upTo(1000)),
      refused(Code.UNIMPLEMENTED, /"br"/),
    );
    await assert.rejects(
      inflateMessage(Buffer.from('x'), 'constructor', upTo(1000)),
      refused(Code.UNIMPLEMENTED, /"constructor"/),
    );
  });
});

describe('inflateUntil', () => {
  it('stops as soon as the reader has what it wants, however much would follow', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('head'), Buffer.alloc(256 * mebi)]));
    let most = 0;
    const found = await inflateUntil(bomb, 'gzip', upTo(1024 * mebi), (bytes) => {
      most = Math.max(most, bytes.length);
      return Buffer.from(bytes.subarray(0, 4)).toString();
    });
    assert.equal(found, 'head');
    assert.ok(most <= 65_536, `${most} bytes were inflated`);
  });

  it('gives the whole message when the reader wants it, and says that it is whole', async () => {
    const text = Buffer.alloc(100_000, 'abcdefg');
    const seen: [number, boolean][] = [];
    const found = await inflateUntil(gzipSync(text), 'gzip', upTo(mebi), (bytes, complete) => {
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
      inflateUntil(bomb, 'gzip', upTo(1024 * mebi), () => undefined),
      refused(Code.RESOURCE_EXHAUSTED, /larger than the limit/),
    );
    await assert.rejects(
      inflateUntil(Buffer.from('nonsense'), 'gzip', upTo(mebi), () => undefined),
      refused(Code.INTERNAL, /no valid gzip/),
    );
    const cut = gzipSync(Buffer.from('tensors')).subarray(0, 15);
    await assert.rejects(
      inflateUntil(cut, 'gzip', upTo(mebi), () => undefined),
      refused(Code.INTERNAL, /no valid gzip/),
    );
  });
});
