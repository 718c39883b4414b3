/** Sizes that V2 bodies declare, seen without reading them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mayDeclareMoreThan } from '../../../src/codec/index.ts';

const says = (json: string): boolean => mayDeclareMoreThan(Buffer.from(json), 1000);

describe('whether a JSON body may declare many values', () => {
  for (const json of [
    '{"inputs":[{"name":"x","shape":[10,100]}]}',
    '{"inputs":[{"name":"x","shape" : [ 1000 ]},{"shape":[]},{"shape":[0,0]}]}',
    '{"inputs":[{"name":"\\"shape\\":[1001]","data":["a\\n\\u00e9"]}]}',
    '',
  ])
    it(`says no, too few, of ${JSON.stringify(json)}`, () => assert.equal(says(json), false));

  for (const json of [
    '{"inputs":[{"name":"x","shape":[10,101]}]}',
    '{"inputs":[{"shape":[1]},{"shape"\t:\n[ 1001 ]}]}',
    '{"inputs":[{"shape":[4294967296,4294967296,0]}]}',
    '{"inputs":[{"\\u0073hape":[5000]}]}',
    '{"inputs":[{"s\\u0068ape":[1]}]}',
    '{"inputs":[{"shap\\u0065":[1]}]}',
    '{"inputs":[{"shape":[1.0]}]}',
    `{"inputs":[{"shape":[${'1,'.repeat(2000)}1]}]}`,
    '{"inputs":[{"shape":[1e9]}]}',
  ])
    it(`says yes, many or not to be told, of ${JSON.stringify(json.slice(0, 60))}`, () =>
      assert.equal(says(json), true));

  it('looks for shapes in so many places only', () => {
    assert.equal(says('{"shape":[1]},'.repeat(10_000)), false);
    assert.equal(says('{"shape":[1]},'.repeat(10_001)), true);
    assert.equal(says('"\\u0041"'.repeat(10_001)), true);
  });
});
