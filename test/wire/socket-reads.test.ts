/**
 * Tests that reads past a stream's own way arrive as a listener of 'data' would see them: all, in order, and not
 * while it is paused.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { ReadBuffer } from '../../src/wire/socket/read-buffer.ts';
import { takeReads } from '../../src/wire/socket/socket-reads.ts';
import { type SocketPairs, startSocketPairs } from '../support/socket-pairs.ts';

const timeout = 20_000;

/** Bytes that tell their place. */
function numbered(from: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * 4);
  for (let i = 0; i < count; i++) bytes.writeUInt32BE(from + i, i * 4);
  return bytes;
}

/** Collects bytes, and waits for so many of them. */
class Collector {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted: { bytes: number; resolve: () => void } | undefined;

  readonly take = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#wanted !== undefined && this.#bytes >= this.#wanted.bytes) this.#wanted.resolve();
  };

  async until(bytes: number): Promise<Buffer> {
    if (this.#bytes < bytes)
      await new Promise<void>((resolve) => {
        this.#wanted = { bytes, resolve };
      });
    return this.bytes;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

describe('reads taken from a socket', () => {
  let sockets: SocketPairs;

  before(async () => {
    sockets = await startSocketPairs();
  });
  after(() => {
    sockets.close();
  });

  async function pair(): Promise<{ near: Socket; far: Socket }> {
    const { connected: far, accepted: near } = await sockets.pair();
    return { near, far };
  }

  it('begin with what the stream holds already, and end with its end', { timeout }, async () => {
    const { near, far } = await pair();
    far.write(numbered(0, 1000));
    // it is read into the stream, where nobody takes it
    near.on('readable', () => undefined);
    await once(near, 'readable');
    near.removeAllListeners('readable');
    assert.ok(near.readableLength > 0);
    const collector = new Collector();
    takeReads(near, collector.take);
    const ended = once(near, 'end');
    near.resume();
    await collector.until(4000);
    far.end(numbered(1000, 1000));
    await ended;
    assert.deepEqual(collector.bytes, numbered(0, 2000));
  });

  it('stop while the socket is paused, and go on in order', { timeout }, async () => {
    const { near, far } = await pair();
    const collector = new Collector();
    takeReads(near, collector.take);
    near.resume();
    far.write(numbered(0, 1000));
    await collector.until(4000);
    near.pause();
    far.write(numbered(1000, 500_000));
    // the stream takes what fits, and no more: what it has, nobody was given
    while (near.readableLength < near.readableHighWaterMark) await new Promise(setImmediate);
    assert.equal(collector.bytes.length, 4000);
    near.resume();
    await collector.until(2_004_000);
    far.write(numbered(501_000, 1000));
    assert.deepEqual(await collector.until(2_008_000), numbered(0, 502_000));
    far.destroy();
  });

  it('pass to another listener once they are stopped', { timeout }, async () => {
    const { near, far } = await pair();
    const first = new Collector();
    const second = new Collector();
    const stop = takeReads(near, first.take);
    near.resume();
    far.write(numbered(0, 1000));
    await first.until(4000);
    stop();
    near.on('data', second.take);
    far.write(numbered(1000, 1000));
    assert.deepEqual(await second.until(4000), numbered(1000, 1000));
    assert.equal(first.bytes.length, 4000);
    far.destroy();
  });

  it('come from any other stream as well', { timeout }, async () => {
    const [near, far] = duplexPair();
    const collector = new Collector();
    const stop = takeReads(near, collector.take);
    for (let i = 0; i < 100; i++) far.write(numbered(i * 1000, 1000));
    assert.deepEqual(await collector.until(400_000), numbered(0, 100_000));
    stop();
    assert.equal(near.listenerCount('data'), 0);
  });

  it(
    'come into blocks when they are large, in order and through pauses, and stay until they are given back',
    { timeout },
    async () => {
      const { near, far } = await pair();
      const held: { bytes: Buffer; memory: ReadBuffer | undefined }[] = [];
      const seen: Buffer[] = [];
      let own = 0;
      const collector = new Collector();
      takeReads(
        near,
        (chunk, memory) => {
          seen.push(Buffer.from(chunk));
          if (memory === undefined || chunk.length === chunk.buffer.byteLength) own += chunk.length;
          memory?.lend(chunk.length);
          memory?.sliced();
          held.push({ bytes: chunk, memory });
          if (held.length % 3 === 0) {
            near.pause();
            setImmediate(() => near.resume());
          }
          // half of them, the newest first
          if (held.length > 20)
            for (const { bytes, memory } of held.splice(10)) memory?.release(bytes.length);
          // what was given back is another read's soon: look at what was copied
          collector.take(seen.at(-1) as Buffer);
        },
        true,
      );
      near.resume();
      for (let i = 0; i < 10; i++) {
        far.write(numbered(i * 500_000, 500_000));
        await collector.until((i + 1) * 2_000_000);
        const kept = held.map(({ bytes }) => bytes);
        const copies = seen.slice(0, 10);
        assert.deepEqual(kept.slice(0, 10), copies, 'what is held does not change');
      }
      assert.deepEqual(collector.bytes, numbered(0, 5_000_000));
      assert.ok(own < 5_000_000, `${own} bytes in memory of their own`);
      near.destroy();
    },
  );

  it(
    'come as from any socket where they are small, and pass on once they are stopped',
    { timeout },
    async () => {
      const { near, far } = await pair();
      const memories: unknown[] = [];
      const first = new Collector();
      const second = new Collector();
      const stop = takeReads(
        near,
        (chunk, memory) => {
          memories.push(memory);
          first.take(chunk);
        },
        true,
      );
      near.resume();
      for (let i = 0; i < 50; i++) {
        far.write(numbered(i * 100, 100));
        await first.until((i + 1) * 400);
      }
      assert.deepEqual(new Set(memories), new Set([undefined]));
      far.write(numbered(5000, 500_000));
      await first.until(2_020_000);
      stop();
      near.on('data', second.take);
      far.write(numbered(505_000, 500_000));
      assert.deepEqual(await second.until(2_000_000), numbered(505_000, 500_000));
      assert.deepEqual(first.bytes, numbered(0, 505_000));
      far.destroy();
    },
  );
});
