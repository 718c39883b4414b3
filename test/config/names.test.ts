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
  const fleets = {
    default: { backends },
    other: { backends },
    http: { backends: ['http://127.0.0.1:8000'] },
  };
  writeFileSync(path, stringify({ fleets, models }));
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
  });

  it('may stand for one own name in two fleets', () => {
    assert.deepEqual(mistakes({ a: { model: 'own' }, b: { model: 'own', fleet: 'other' } }), []);
    assert.deepEqual(mistakes({ own: {}, b: { model: 'own', fleet: 'other' } }), []);
    const split = [{ weight: 9 }, { fleet: 'other', weight: 1 }];
    const rules = [{ header: 'x-tenant', value: 'beta', fleet: 'other' }];
    assert.deepEqual(mistakes({ a: { split, rules } }), []);
    assert.deepEqual(mistakes({ a: { mirror: { fleet: 'other' } } }), []);
  });

  it('are refused with fleets that are none, or that have no models', () => {
    const places = {
      fleet: 'none',
      split: [{ fleet: 'none', weight: 1 }],
      rules: [{ header: 'x-tenant', value: 'beta', fleet: 'none' }],
      mirror: { fleet: 'none' },
    };
    const paths = ['models.a.fleet', 'models.a.split[0].fleet', 'models.a.rules[0].fleet'];
    assert.deepEqual(mistakes({ a: places }), [...paths, 'models.a.mirror.fleet']);
    const http = JSON.parse(
      JSON.stringify({ ...places, mirror: undefined }).replaceAll('none', 'http'),
    ) as object;
    assert.deepEqual(mistakes({ a: http }), paths);
    assert.deepEqual(mistakes({ a: { split: [{ fleet: 'constructor', weight: 1 }] } }), [
      'models.a.split[0].fleet',
    ]);
  });

  it('are refused with copies to where the calls go', () => {
    assert.deepEqual(mistakes({ a: { fleet: 'other', mirror: { fleet: 'other' } } }), [
      'models.a.mirror.fleet',
    ]);
    assert.deepEqual(mistakes({ a: { mirror: { fleet: 'default' } } }), ['models.a.mirror.fleet']);
    assert.deepEqual(mistakes({ a: { mirror: { fleet: 'default', version: 2 } } }), []);
  });
});
