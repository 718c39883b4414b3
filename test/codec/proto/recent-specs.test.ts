/** The remembered model specs: they must say what reading says, whatever comes behind and however a message is broken. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { modelSpecWriter, readModelSpec } from '../../../src/codec/proto/model-spec.ts';
import { RecentSpecs } from '../../../src/codec/proto/recent-specs.ts';
import { Writer } from '../../../src/codec/proto/writer.ts';

/** A field that no message has, so that the spec does not stand at the front and is read. */
const before = Uint8Array.of(0x78, 0x01);

/** What readModelSpec says of some bytes, or its error. */
function said(bytes: Uint8Array, complete: boolean, from = 0): unknown {
  try {
    const found = readModelSpec(bytes, complete);
    return found && { spec: found.spec, start: found.start - from, end: found.end - from };
  } catch (error) {
    return (error as Error).message;
  }
}

const message = (name: string, version: bigint | undefined, inputs: Uint8Array): Uint8Array => {
  const spec = { name, signature: 'serving_default', ...(version === undefined ? {} : { version }) };
  return Buffer.concat([
    new Writer().message(1, modelSpecWriter(spec)).finish(),
    Uint8Array.of(0x12, inputs.length),
    inputs,
  ]);
};

describe('remembered model specs', () => {
  it('say what reading says, of whole, cut and broken messages', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('m', 'half_plus_two', 'a'.repeat(110), 'ü'),
        fc.option(fc.bigInt({ min: 0n, max: 300n }), { nil: undefined }),
        fc.uint8Array({ maxLength: 20 }),
        fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 2 }),
        fc.nat(200),
        fc.boolean(),
        (name, version, inputs, changes, length, complete) => {
          const whole = message(name, version, inputs);
          // remembered from now on, whatever follows
          assert.deepEqual(said(whole, true), said(Buffer.concat([before, whole]), true, 2));
          const broken = Uint8Array.from(whole);
          for (const [at, byte] of changes) if (at < broken.length) broken[at] = byte;
          for (const bytes of [whole.subarray(0, length), broken, broken.subarray(0, length)]) {
            const reference = said(Buffer.concat([before, bytes]), complete, 2);
            assert.deepEqual(said(bytes, complete), bytes.length === 0 && complete ? null : reference);
          }
        },
      ),
      { seed: 11, numRuns: 3000 },
    );
  });

  it('give the same object for the same bytes, and forget the oldest', () => {
    const recent = new RecentSpecs();
    const messages = Array.from({ length: 5 }, (_, i) => message(`m${i}`, undefined, Uint8Array.of(1)));
    for (const bytes of messages) recent.keep(bytes, readModelSpec(bytes, true) as never);
    assert.equal(recent.find(messages[0] as Uint8Array), undefined);
    for (const bytes of messages.slice(1)) {
      assert.equal(recent.find(bytes)?.spec.name, readModelSpec(bytes, true)?.spec.name);
      assert.equal(recent.find(Buffer.concat([bytes, bytes])), recent.find(bytes));
    }
  });
});
