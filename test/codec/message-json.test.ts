/**
 * Triton's model configuration and statistics as JSON, against what protobuf's own JSON and Triton's HTTP endpoint
 * make of the same messages.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  encodeModelConfigResponse,
  encodeModelStatisticsResponse,
  modelConfigJson,
  modelStatisticsJson,
  readExactObject,
} from '../../src/codec/index.ts';

interface Recorded {
  readonly cases: readonly {
    readonly kind: 'config' | 'statistics';
    readonly triton?: boolean;
    readonly message: string;
    readonly json: string;
  }[];
}

const { cases } = JSON.parse(
  readFileSync(new URL('../recorded/model-config.json', import.meta.url), 'utf8'),
) as Recorded;

describe('a message of Triton as JSON', () => {
  for (const [i, { kind, triton, message, json }] of cases.entries())
    it(`is written as protobuf’s JSON has it: ${kind} ${i}${triton === true ? ", Triton's own" : ''}`, () => {
      const made = (kind === 'config' ? modelConfigJson : modelStatisticsJson)(
        Buffer.from(message, 'base64'),
      );
      assert.deepEqual(JSON.parse(made), JSON.parse(json));
      // and back again: nothing is lost, lists and maps of each kind are written
      const again = (kind === 'config' ? encodeModelConfigResponse : encodeModelStatisticsResponse)(
        readExactObject(Buffer.from(made)),
      );
      assert.equal((kind === 'config' ? modelConfigJson : modelStatisticsJson)(again), made);
      // to the letter: the order of the members, and no digits that a number in JavaScript would lose
      if (triton === true && kind === 'config') assert.equal(made, json);
    });

  it('keeps every digit of 64 bits, joins a message in two parts, and leaves out what it does not know', () => {
    // model_stats { name: "m" last_inference: 2^64 - 1 } and an unknown field 100
    const stats = Buffer.from([
      0x0a,
      0x11,
      0x0a,
      1,
      0x6d,
      0x18,
      ...Array<number>(9).fill(0xff),
      1,
      0xa2,
      6,
      0,
    ]);
    assert.match(
      modelStatisticsJson(stats),
      /"name":"m","version":"","last_inference":18446744073709551615,/,
    );
    // config { name: "a" } twice: one message
    const config = Buffer.from([0x0a, 3, 0x0a, 1, 0x61, 0x0a, 3, 0x12, 1, 0x62]);
    assert.match(modelConfigJson(config), /^\{"name":"a","platform":"b",/);
  });

  it('refuses what is cut short', () => {
    assert.throws(
      () => modelConfigJson(Buffer.from([0x0a, 9, 0x0a])),
      /INVALID_ARGUMENT|cut|truncated|ends/i,
    );
  });
});
