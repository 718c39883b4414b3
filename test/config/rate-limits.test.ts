/** Mistakes in what a configuration says of rates. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ConfigError, loadSnapshot } from '../../src/config/index.ts';
import { gatewayOptions } from '../../src/gateway/index.ts';

function load(config: object) {
  const path = join(mkdtempSync(join(tmpdir(), 'tensorgate-rates-')), 'gateway.yaml');
  writeFileSync(path, stringify({ fleets: { default: { backends: ['tfs://127.0.0.1:8500'] } }, ...config }));
  return loadSnapshot(path, {}, {});
}
const mistakes = (config: object): string[] => {
  try {
    load(config);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path }) => path);
  }
};
const limit = { name: 'a', perSecond: 10 };

describe('rate limits in a configuration', () => {
  it('have names of their own, and a Redis when they are shared', () => {
    assert.deepEqual(mistakes({ rateLimits: [limit, { ...limit, name: 'b' }] }), []);
    assert.deepEqual(mistakes({ rateLimits: [limit, limit] }), ['rateLimits[1].name']);
    assert.deepEqual(mistakes({ rateLimits: [{ ...limit, shared: true }] }), ['rateLimits[0].shared']);
  });

  it('are shared in a Redis of theirs, or else that of the cache; and none is asked for limits that are local', () => {
    const urlOf = (config: object): string | undefined =>
      gatewayOptions(load(config), '0').dataPlane.sharedLimits?.url;
    const rateLimits = [{ ...limit, shared: true }];
    const cache = { redisUrl: 'redis://cache:6379' };
    const sharedLimits = { redisUrl: 'redis://limits:6379' };
    assert.equal(urlOf({ rateLimits, cache }), 'redis://cache:6379');
    assert.equal(urlOf({ rateLimits, cache, sharedLimits }), 'redis://limits:6379');
    assert.equal(urlOf({ rateLimits: [limit], cache, sharedLimits }), undefined);
  });
});
