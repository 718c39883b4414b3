/** Configurations of one model at several servers: which one is the answer, and where others differ. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Configurations } from '../../src/bridge/fleet-wide/configurations.ts';
import { readExactObject } from '../../src/codec/index.ts';

function compared(...configs: readonly string[]): { most: string | undefined; told: readonly string[] } {
  const kinds = new Configurations<string>();
  configs.forEach((text, place) => {
    kinds.add(readExactObject(Buffer.from(text)), { name: `b${place}`, place, answer: text });
  });
  return { most: kinds.most?.answer, told: kinds.differences() };
}

describe('configurations of several servers', () => {
  it('are the same whatever the order of their members, and with defaults that one of them leaves out', () => {
    assert.deepEqual(
      compared(
        '{"name":"m","input":[{"name":"x","dims":[-1,3],"optional":false}],"platform":"","batch_input":[]}',
        '{"input":[{"dims":[-1,3],"name":"x"}],"name":"m"}',
      ).told,
      [],
    );
  });

  it('are what most have, and of as many the first, with where others differ', () => {
    const small = '{"name":"m","max_batch_size":4,"instance_group":[{"count":1},{"count":2}]}';
    const large = '{"name":"m","max_batch_size":8,"instance_group":[{"count":1},{"count":3}]}';
    assert.deepEqual(compared(large, small, small), {
      most: small,
      told: ['b0: instance_group[1].count, max_batch_size'],
    });
    assert.deepEqual(compared(large, small), {
      most: large,
      told: ['b1: instance_group[1].count, max_batch_size'],
    });
  });

  it('differ in an object that is there and empty, in a list of another length, in digits beyond a double', () => {
    assert.deepEqual(compared('{"dynamic_batching":{}}', '{}').told, ['b1: dynamic_batching']);
    assert.deepEqual(compared('{"input":[{"name":"x"}]}', '{"input":[]}').told, ['b1: input']);
    assert.deepEqual(compared('{"n":9007199254740993}', '{"n":9007199254740992}').told, ['b1: n']);
  });

  it('are told within bounds', () => {
    const many = (seed: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`member${i}`, seed + i])));
    const { told } = compared(...Array.from({ length: 40 }, (_, i) => many(i + 1)));
    assert.equal(told.length, 16);
    assert.match(told[0] ?? '', /^b1: member0, member1, member10, .*member15, and more$/);
    assert.match(told.at(-1) ?? '', /^b16 and .* and b39: other members$/);
  });
});
