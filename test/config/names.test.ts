/** Mistakes in what a configuration says of public names. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ConfigError, loadSnapshot } from '../../src/config/index.ts';

/** The paths of what is wrong. */
function mistakes(models: object): string[] {
  const path = join(mkdtempSync(join(tmpdir(), 'tensorgate-names-')), 'gateway.yaml');
  const backends = ['tfs://127.0.0.1:8500'];
  writeFileSync(path, stringify({ fleets: { default: { backends }, other: { backends } }, models }));
  try {
    loadSnapshot(path, {}, {});
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => problem.path);
  }
}

describe('public names in a configuration', () => {
  it('may be mapped, split, routed and mirrored', () => {
    const split = [
      { model: 'b', weight: 90 },
      { model: 'c', version: 2, weight: 10 },
    ];
    const rules = [{ header: 'x-tenant', value: 'beta', label: 'next' }];
    assert.deepEqual(mistakes({ a: { split, rules, mirror: { model: 'd' } }, b: { fleet: 'other' } }), []);
  });

  it('are refused where they mean nothing, or two things', () => {
    assert.deepEqual(mistakes({ a: { split: [{ model: 'b', weight: 0 }] } }), ['models.a.split']);
    assert.deepEqual(mistakes({ a: { split: [{ version: 1, label: 'x', weight: 1 }] } }), [
      'models.a.split[0]',
    ]);
    assert.deepEqual(mistakes({ a: { mirror: {} } }), ['models.a.mirror']);
    assert.deepEqual(mistakes({ a: { model: 'own' }, b: { model: 'own', fleet: 'other' } }), [
      'models.b.fleet',
    ]);
  });
});
