/** The messages of a ModelStreamInfer stream: each must ask the model that the stream began with. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { StatusError } from '../../../src/base/status.ts';
import { messagePrefix } from '../../../src/call/index.ts';
import { encodeV2Spec, type ModelSpec } from '../../../src/codec/index.ts';
import { StreamTargets } from '../../../src/front/grpc/stream-targets.ts';
import { waitFor } from '../../support/index.ts';

const spec: ModelSpec = { name: 'model', version: 3n, signature: '' };
const limits = { maxMessageBytes: 2 ** 20, maxInflateRatio: 100 };
const id = Buffer.from([0x1a, 2, 0x6d, 0x6d]);
const frame = (message: Buffer, flag = 0): Buffer => {
  const prefix = Buffer.from(messagePrefix(message.length));
  prefix[0] = flag;
  return Buffer.concat([prefix, message]);
};
const asks = (asked: Partial<ModelSpec> = {}): Buffer =>
  Buffer.concat([encodeV2Spec({ ...spec, ...asked }), id]);
const packed = (message: Buffer): Buffer => frame(gzipSync(message), 1);

function harness(left = 0) {
  const passed: Buffer[] = [];
  const seen = { held: 0, refused: undefined as StatusError | undefined, ended: false };
  const targets = new StreamTargets(spec, left, {
    encoding: 'gzip',
    limits,
    sink: {
      pass: (chunk) => passed.push(Buffer.from(chunk)),
      hold: (bytes) => (seen.held += bytes),
      refuse: (reason) => (seen.refused = reason),
      end: () => (seen.ended = true),
    },
  });
  const push = (chunk: Buffer): void => {
    if (targets.push(chunk)) passed.push(chunk);
  };
  return { push, passed: () => Buffer.concat(passed), seen, targets };
}

describe('the messages of a stream', () => {
  it('pass as they are, however they are cut, when all ask the same', () => {
    const all = Buffer.concat([Buffer.alloc(7), frame(asks()), frame(asks()), frame(asks())]);
    for (const size of [1, 2, 3, 5, 7, 100]) {
      const { push, passed, seen, targets } = harness(7);
      for (let at = 0; at < all.length; at += size) push(all.subarray(at, at + size));
      assert.deepEqual(passed(), all);
      assert.ok(targets.end());
      assert.equal(seen.held, 0);
    }
  });

  for (const [name, message] of [
    ['another model', asks({ name: 'modem' })],
    ['a model whose name goes on', asks({ name: 'models' })],
    ['another version', asks({ version: 4n })],
    ['no version', Buffer.concat([encodeV2Spec({ name: 'model', signature: '' }), id])],
    [
      'another model behind the right one',
      Buffer.concat([asks(), encodeV2Spec({ name: 'other', signature: '' })]),
    ],
    ['no model', id],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    it(`end the stream before one is whole that asks ${name}, compressed or not`, async () => {
      const text = /all messages of a stream must have the same model_name and model_version/;
      for (const size of [1, 4, 100]) {
        const { push, passed } = harness();
        const all = frame(message);
        assert.throws(() => {
          for (let at = 0; at < all.length; at += size) push(all.subarray(at, at + size));
        }, text);
        assert.ok(passed().length < all.length);
      }
      const { push, passed, seen } = harness();
      push(packed(message));
      await waitFor(() => seen.refused !== undefined);
      assert.match(seen.refused?.message ?? '', text);
      assert.equal(passed().length, 0);
    });
  }

  it('wait in their order behind one that is compressed, and then go on', async () => {
    const first = frame(asks());
    const rest = [packed(asks()), frame(asks()), packed(asks()), frame(asks())];
    const all = Buffer.concat([first, ...rest]);
    for (const size of [1, 10, 1000]) {
      const { push, passed, seen, targets } = harness();
      for (let at = 0; at < all.length; at += size) push(all.subarray(at, at + size));
      assert.equal(targets.end(), false);
      await waitFor(() => seen.ended);
      assert.deepEqual(passed(), all);
      assert.equal(seen.held, 0);
      assert.equal(seen.refused, undefined);
    }
  });
});
