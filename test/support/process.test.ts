/** What tests that start programs go by. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freePort } from './process.ts';

describe('freePort', () => {
  it('gives no port twice, whatever is drawn', async () => {
    const drawn = [5, 5, 5, 6, 5, 6, 7];
    const ports: number[] = [];
    for (let i = 0; i < 3; i++) ports.push(await freePort(() => drawn.shift() ?? 9999));
    assert.equal(new Set(ports).size, 3);
  });
});
