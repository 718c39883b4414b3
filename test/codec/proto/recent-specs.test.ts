/**
 * The remembered model specs: they must say what reading says, whatever comes behind and however a message is broken.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ModelSpec } from '../../../src/codec/proto/named-model.ts';
import { encodeModelSpec, modelSpecWriter, readModelSpec } from '../../../src/codec/proto/tfs/model-spec.ts';
import { RecentSpecs } from '../../../src/codec/proto/tfs/recent-specs.ts';
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

  it('give the same object for the same bytes, wherever they stand, and forget the oldest', () => {
    const recent = new RecentSpecs();
    const specs = Array.from({ length: 9 }, (_, i) => ({ name: `m${i}`, signature: '' }));
    const inner = specs.map(({ name }) => Buffer.from(`xx${name}yy`));
    inner.forEach((bytes, i) => {
      recent.keep(bytes, 2, 4, specs[i] as (typeof specs)[0]);
    });
    assert.equal(recent.find(Buffer.from('m0'), 0, 2), undefined);
    for (const spec of specs.slice(1)) assert.equal(recent.find(Buffer.from(`z${spec.name}z`), 1, 3), spec);
    assert.equal(recent.find(Buffer.from('m1z'), 0, 3), undefined);
    recent.keep(Buffer.alloc(200), 0, 200, { name: 'long', signature: '' });
    assert.equal(recent.find(Buffer.alloc(200), 0, 200), undefined);
  });

  it('are of no account where a field comes in two pieces', () => {
    const [first, second] = ['a', 'b'].map((name) =>
      new Writer().message(1, modelSpecWriter({ name, signature: 's' })).finish(),
    ) as [Uint8Array, Uint8Array];
    const version = new Writer()
      .message(1, modelSpecWriter({ name: '', signature: '', version: 7n }))
      .finish();
    for (const bytes of [first, version, Buffer.concat([first, version]), Buffer.concat([second, version])])
      readModelSpec(bytes, true);
    const both = readModelSpec(Buffer.concat([second, version]), true);
    assert.deepEqual(both?.spec, { name: 'b', signature: 's', version: 7n });
  });

  it('are written as they are read, one after the other', () => {
    const specs: ModelSpec[] = [
      { name: 'm', signature: '' },
      { name: 'm', signature: '', version: 1n },
      { name: 'm', signature: '', version: 2n },
      { name: 'm', signature: '', label: 'stable' },
      { name: 'm', signature: 's' },
      { name: 'n', signature: 's' },
    ];
    for (const spec of [...specs, ...specs.reverse()])
      assert.deepEqual(Buffer.from(encodeModelSpec(spec)), Buffer.from(modelSpecWriter(spec).finish()));
  });
});
