/** gRPC messages that are meant to hurt: declared sizes, bombs, metadata, and protobuf that never ends. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  RawClient,
  startVictim,
  type Victim,
} from '../support/index.ts';

const request = framed(predictMessage());
const inFrames = (id: number, bytes: Buffer, end = true): Buffer => {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += 16_384) {
    const flags = end && at + 16_384 >= bytes.length ? h2.END_STREAM : 0;
    frames.push(frame(h2.DATA, flags, id, bytes.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
};
const prefix = (length: number, flag = 0): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
  return bytes;
};
const varint = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
const zeros = Buffer.alloc(900_000);

describe('hostile gRPC requests', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    victim = await startVictim(
      fleet.backends.map(({ url }) => url),
      { grpc: { maxMessageBytes: 1_000_000 } },
    );
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });

  for (const [name, fields, body, status] of [
    ['a length of 2^32-1', [], prefix(2 ** 32 - 1), [8]],
    ['a length beyond the limit', [], prefix(1_000_001), [8]],
    ['no message', [], Buffer.alloc(0), [3, 13, 12]],
    ['half a prefix', [], prefix(5).subarray(0, 3), [13, 3]],
    ['half a message', [], request.subarray(0, 20), [13]],
    ['two messages', [], Buffer.concat([request, request]), [12]],
    ['a message marked as compressed without a coding', [], framed(predictMessage(), 1), [13]],
    ['a coding nobody knows', ['grpc-encoding', 'br'], framed(predictMessage(), 1), [12]],
    ['gzip that is none', ['grpc-encoding', 'gzip'], framed(predictMessage(), 1), [13]],
    ['a gzip bomb', ['grpc-encoding', 'gzip'], framed(gzipSync(Buffer.alloc(200_000_000)), 1), [8, 3]],
    [
      'a deflate bomb',
      ['grpc-encoding', 'deflate'],
      framed(deflateSync(Buffer.alloc(200_000_000)), 1),
      [8, 3],
    ],
    ['groups 100,000 deep', [], framed(Buffer.alloc(100_000, 0x1b)), [3, 13]],
    [
      'varints of ten bytes without end',
      [],
      framed(Buffer.concat(Array.from({ length: 50_000 }, () => varint))),
      [3, 13],
    ],
    ['unknown fields without end', [], framed(Buffer.alloc(900_000, Buffer.from([0x78, 0x01]))), [3]],
    [
      'a length that points beyond the message',
      [],
      framed(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])),
      [3, 13],
    ],
    ['nothing but zeros', [], framed(zeros), [3, 13]],
    ['grpc-timeout of 0n', ['grpc-timeout', '0n'], request, [4]],
    ['grpc-timeout of 99999999H', ['grpc-timeout', '99999999H'], request, [0]],
    ['a negative grpc-timeout', ['grpc-timeout', '-1S'], request, [13]],
    ['an empty grpc-timeout', ['grpc-timeout', ''], request, [13]],
    ['grpc-timeout of nine digits', ['grpc-timeout', '123456789n'], request, [13]],
    ['grpc-timeout of 1e9S', ['grpc-timeout', '1e9S'], request, [13]],
    ['grpc-status in the request', ['grpc-status', '7'], request, [0]],
    ['base64 that is none in a -bin field', ['x-bin', '!!!!'], request, [0, 3, 13]],
    ['a field called __proto__', ['__proto__', 'x', 'constructor', 'y'], request, [0]],
  ] as const) {
    it(`${name} ends with status ${status.join(' or ')}`, async (t) => {
      const client = await RawClient.open(victim.grpc);
      t.after(() => client.destroy());
      const before_ = victim.rss();
      client.send(headers(1, predictFields(fields)), inFrames(1, body));
      const got = Number(fieldOf(await client.untilEnd(1), 'grpc-status'));
      assert.ok((status as readonly number[]).includes(got), `grpc-status ${got}`);
      assert.ok(victim.rss() < before_ + 100, `${victim.rss()} MiB`);
      client.send(headers(3, predictFields()), inFrames(3, request));
      assert.equal(fieldOf(await client.untilEnd(3), 'grpc-status'), '0');
      victim.alive();
    });
  }
});
