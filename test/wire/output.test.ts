/**
 * Tests what leaves a connection while the peer reads late: memory that is used again must not change what was
 * written.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { frameHeaderBytes, FrameType } from '../../src/wire/constants.ts';
import { Output } from '../../src/wire/socket/output.ts';
import { slabBytes } from '../../src/wire/socket/slabs.ts';
import { type SocketPairs, startSocketPairs } from '../support/socket-pairs.ts';

/** More than the system's buffers hold of one connection. */
const maxFrames = 4000;
const payloadBytes = 16_000;

const headerBytes = Buffer.from([0, payloadBytes >> 8, payloadBytes & 255, 0, 0, 0, 0, 0, 1]);

/** Bytes that differ from frame to frame. */
const payload = (seed: number): Buffer => Buffer.alloc(payloadBytes, `${seed}.`);

describe('the output of a connection', () => {
  let sockets: SocketPairs;

  before(async () => {
    sockets = await startSocketPairs();
  });
  after(() => {
    sockets.close();
  });

  async function pair(): Promise<{ near: Socket; far: Socket }> {
    const { connected: near, accepted: far } = await sockets.pair();
    return { near, far };
  }

  /** The digest of everything that arrives. */
  async function digestOf(socket: Socket): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of socket) hash.update(chunk as Buffer);
    return hash.digest('hex');
  }

  it(
    'arrives as it was written at peers that begin to read late, though all write at the same time',
    { timeout: 60_000 },
    async () => {
      const pairs = [await pair(), await pair(), await pair()];
      const outputs = pairs.map(({ near }) => new Output(near, undefined, () => undefined));
      const expected = pairs.map(() => createHash('sha256'));
      for (let i = 0; i < maxFrames && !outputs.every(({ blocked }) => blocked); i++) {
        for (const [k, output] of outputs.entries()) {
          const body = payload(i * 10 + k);
          output.frame(FrameType.DATA, 0, 1, body, true);
          expected[k]?.update(headerBytes).update(body);
          // lent: what is in there afterwards is nobody's business
          body.fill(0xff);
        }
        // turns of the event loop, in which some sockets take what they have and others wait
        if (i % 20 === 0) await new Promise(setImmediate);
      }
      assert.ok(
        outputs.some(({ blocked }) => blocked),
        'nothing had to wait',
      );
      const digests = pairs.map(({ far }) => digestOf(far));
      for (const [k, { near }] of pairs.entries()) {
        outputs[k]?.detach();
        near.end();
      }
      assert.deepEqual(
        await Promise.all(digests),
        expected.map((hash) => hash.digest('hex')),
      );
    },
  );

  it(
    'writes more after a peer has read all that waited, into memory that was lent before',
    { timeout: 60_000 },
    async () => {
      const { near, far } = await pair();
      let drains = 0;
      const output = new Output(near, undefined, () => drains++);
      const hash = createHash('sha256');
      const digest = digestOf(far);
      for (let round = 0; round < 5; round++) {
        // as much as it takes until the system's buffers are full
        for (let i = 0; !output.blocked; i++) {
          const body = payload(round * 100_000 + i);
          output.frame(FrameType.DATA, 0, 1, body);
          hash.update(headerBytes).update(body);
        }
        await once(near, 'drain');
      }
      output.detach();
      near.end();
      assert.equal(await digest, hash.digest('hex'));
      assert.equal(drains, 5);
    },
  );

  /** What a peer gets of what `write` puts out, behind `filled` bytes that the slab has already. */
  async function written(filled: number, write: (output: Output) => void): Promise<Buffer> {
    const { near, far } = await pair();
    const output = new Output(near, undefined, () => undefined);
    if (filled > 0) output.raw(Buffer.alloc(filled, 'f'), true);
    write(output);
    output.detach();
    near.end();
    const chunks: Buffer[] = [];
    for await (const chunk of far) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).subarray(filled);
  }

  const around = [1, 2, 3].flatMap((slabs) => [-1, 0, 1].map((more) => slabs * slabBytes + more));
  for (const length of [0, 1, slabBytes - frameHeaderBytes, slabBytes - frameHeaderBytes + 1, ...around]) {
    it(`writes a text and lent bytes of ${length} whole, whatever the slab holds already`, async () => {
      const text = 'a\xe9\xff'.repeat(Math.ceil(length / 3)).slice(0, length);
      const expected = Buffer.from(text, 'latin1');
      for (const filled of [0, 1, slabBytes - 1]) {
        assert.ok((await written(filled, (output) => output.text(text))).equals(expected), 'text');
        const lent = Buffer.from(expected);
        const raw = await written(filled, (output) => {
          output.raw(lent, true);
          lent.fill(0);
        });
        assert.ok(raw.equals(expected), 'raw');
        const payload = Buffer.from(expected);
        const framed = await written(filled, (output) => {
          output.frame(FrameType.HEADERS, 0, 1, payload, true);
          payload.fill(0);
        });
        assert.ok(framed.subarray(frameHeaderBytes).equals(expected), 'frame');
        assert.equal(framed.readUIntBE(0, 3), length);
      }
    });
  }

  it('writes low bytes of a text that is not latin1, and as many as it has characters', async () => {
    const text = '\u20acx'.repeat(slabBytes);
    const got = await written(0, (output) => output.text(text));
    assert.ok(got.equals(Buffer.from(text, 'latin1')));
    assert.equal(got.length, text.length);
  });

  it('goes on in order behind a text that is longer than a slab', async () => {
    const long = 'x'.repeat(slabBytes + 5);
    const got = await written(0, (output) => {
      output.text('a');
      output.text(long);
      output.text('b');
      output.frame(FrameType.DATA, 0, 1, Buffer.from('c'));
      output.endWithLast(1);
    });
    const head = Buffer.from([0, 0, 1, FrameType.DATA, 1, 0, 0, 0, 1]);
    assert.ok(got.equals(Buffer.concat([Buffer.from(`a${long}b`), head, Buffer.from('c')])));
  });
});
