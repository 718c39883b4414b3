/** Values under our keys that are not what was stored: a miss, never an answer and never an error. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { envelopeBytes, open, seal } from '../../../src/filters/cache/envelope.ts';

const numRuns = Number(process.env.TENSORGATE_FUZZ_RUNS ?? 500);
const seed = Number(process.env.TENSORGATE_FUZZ_SEED ?? 20_261_125);

describe('a cache entry', () => {
  const key = randomBytes(32);

  it('opens with the key that it was sealed with', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (answer) => {
        const opened = open(key, seal(key, answer));
        assert.ok(opened !== undefined && Buffer.compare(opened, answer) === 0);
      }),
      { numRuns, seed },
    );
  });

  it('that is cut, altered, lengthened or another question’s does not open', () => {
    const change = fc.record({ at: fc.nat(3000), to: fc.nat(255), cut: fc.boolean(), more: fc.nat(40) });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), change, ({ buffer }, { at, to, cut, more }) => {
        const sealed = seal(key, new Uint8Array(buffer));
        const value = Buffer.concat([cut ? sealed.subarray(0, at) : sealed, Buffer.alloc(more)]);
        if (!cut && more === 0) value[at % value.length] = to;
        if (value.equals(sealed)) return;
        assert.equal(open(key, value), undefined);
      }),
      { numRuns, seed },
    );
    assert.equal(open(randomBytes(32), seal(key, Buffer.from('answer'))), undefined);
  });

  it('of random bytes does not open, whatever its length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2 * envelopeBytes }), (bytes) => {
        assert.equal(open(key, bytes), undefined);
      }),
      { numRuns, seed },
    );
  });
});
