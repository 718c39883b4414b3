/** Messages are held back until they are complete. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameAssembler } from '../../../src/front/grpc-web/frame-assembler.ts';

function frame(text: string, flag = 0): Buffer {
  const out = Buffer.from(`\0\0\0\0\0${text}`, 'latin1');
  out[0] = flag;
  out.writeUInt32BE(text.length, 1);
  return out;
}

describe('the frame assembler', () => {
  const stream = Buffer.concat([frame('one'), frame(''), frame('three', 1)]);

  it('gives whole messages wherever the bytes are cut', () => {
    for (let a = 0; a <= stream.length; a++) {
      for (let b = a; b <= stream.length; b++) {
        const messages: string[] = [];
        const assembler = new FrameAssembler((parts) =>
          messages.push(Buffer.concat(parts).toString('latin1')),
        );
        for (const piece of [stream.subarray(0, a), stream.subarray(a, b), stream.subarray(b)])
          assembler.push(piece);
        assert.deepEqual(
          messages,
          [frame('one'), frame(''), frame('three', 1)].map((message) => message.toString('latin1')),
        );
        assert.equal(assembler.cut, false);
      }
    }
  });

  it('knows that a message is cut, and has not given any of it', () => {
    const given: Uint8Array[] = [];
    const assembler = new FrameAssembler((parts) => given.push(...parts));
    assembler.push(stream.subarray(0, 6));
    assert.equal(assembler.cut, true);
    assert.deepEqual(given, []);
  });
});
