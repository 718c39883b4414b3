/**
 * What a configuration says of a model by one of its names: whom it concerns when fleets have models of the same
 * name.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { loadSnapshot } from '../../../src/config/index.ts';
import { gatewayOptions } from '../../../src/gateway/from-config/from-config.ts';
import type { DataPlaneOptions } from '../../../src/gateway/options.ts';

const fleets = {
  default: { backends: ['tfs://127.0.0.1:1'] },
  a: { backends: ['tfs://127.0.0.1:2'] },
  b: { backends: ['tfs://127.0.0.1:3'] },
};

function routesOf(models: object, more: object = {}): DataPlaneOptions {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-options-'));
  try {
    const path = join(folder, 'gateway.yaml');
    writeFileSync(path, stringify({ fleets, models, ...more }));
    return gatewayOptions(loadSnapshot(path, {}, {}), '0.0.0').dataPlane;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Where a name leads, and its parts: "model" in the default fleet, "fleet/model" in others. */
function places(routes: DataPlaneOptions, name: string): string[] {
  const route = routes.names.get(name);
  assert.ok(route !== undefined, name);
  const at = (fleet: string | undefined, model = route.model ?? name): string =>
    fleet === undefined ? model : `${fleet}/${model}`;
  return [at(route.fleet), ...[...route.rules, ...route.split].map(({ fleet, model }) => at(fleet, model))];
}
const watched = ({ fleets: all }: DataPlaneOptions): object =>
  Object.fromEntries(all.map(({ name, models }) => [name, [...models].sort()]));

describe('names and fleets', () => {
  it('are a model each, also when the own names are alike', () => {
    const routes = routesOf({ m: {}, other: { model: 'm', fleet: 'a' }, third: { model: 'm', fleet: 'b' } });
    assert.deepEqual(places(routes, 'm'), ['m']);
    assert.deepEqual(places(routes, 'other'), ['a/m']);
    assert.deepEqual(places(routes, 'third'), ['b/m']);
    assert.deepEqual(watched(routes), { default: ['m'], a: ['m'], b: ['m'] });
    assert.deepEqual(
      routes.fleets.map(({ ofModels }) => ofModels),
      [undefined, 'a', 'b'],
    );
  });

  it('go by what is said of a part, of its model, and of the name, in this order', () => {
    const routes = routesOf({
      k: { fleet: 'b' },
      parts: {
        fleet: 'a',
        rules: [{ header: 'x-t', value: '1', model: 'k' }],
        split: [
          { weight: 1 },
          { model: 'k', weight: 1 },
          { model: 'z', weight: 1 },
          { fleet: 'default', weight: 1 },
        ],
      },
      alias: { model: 'k' },
      elsewhere: { model: 'k', fleet: 'a' },
    });
    assert.deepEqual(places(routes, 'parts'), ['a/parts', 'b/k', 'a/parts', 'b/k', 'a/z', 'parts']);
    assert.deepEqual(places(routes, 'alias'), ['b/k']);
    assert.deepEqual(places(routes, 'elsewhere'), ['a/k']);
    // an own name that nothing is said about leads to where its names do
    assert.deepEqual(places(routes, 'z'), ['a/z']);
  });

  it('have the first part’s model and fleet where every part names one', () => {
    const split = [
      { fleet: 'a', weight: 1 },
      { fleet: 'b', weight: 1 },
    ];
    assert.deepEqual(places(routesOf({ m: { split } }), 'm'), ['a/m', 'a/m', 'b/m']);
    const named = [
      { model: 'k', fleet: 'b', weight: 1 },
      { model: 'k', weight: 1 },
    ];
    assert.deepEqual(places(routesOf({ m: { split: named } }), 'm'), ['b/k', 'b/k', 'k']);
  });

  it('lead an own name of two fleets to the default one', () => {
    const routes = routesOf({
      x: { model: 'm', fleet: 'a' },
      y: { model: 'm' },
      z: { model: 'n', fleet: 'b' },
    });
    assert.deepEqual(places(routes, 'm'), ['m']);
    assert.deepEqual(places(routes, 'n'), ['b/n']);
  });
});

describe('what is said of a name', () => {
  const split = [{ weight: 1 }, { fleet: 'a', weight: 1 }, { model: 'k', weight: 1 }];

  it('concerns its model in every fleet that its calls get to, and no model of that name elsewhere', () => {
    const more = {
      cache: { redisUrl: 'redis://127.0.0.1:1' },
      rateLimits: [{ name: 'r', models: ['m'], perSecond: 1 }],
    };
    const models = {
      m: { split, stateful: true, cache: { ttlMs: 5 }, mirror: { model: 'copy' } },
      other: { model: 'm', fleet: 'b' },
    };
    const routes = routesOf(models, more);
    const tables = [routes.mirrors, routes.sequences?.models, routes.cache?.filter.models];
    for (const table of tables) {
      assert.ok(table !== undefined);
      assert.equal(table.has({ model: 'm' }), true);
      assert.equal(table.has({ fleet: 'a', model: 'm' }), true);
      assert.equal(table.has({ fleet: 'b', model: 'm' }), false);
      assert.equal(table.has({ model: 'k' }), false);
    }
    assert.deepEqual(routes.rateLimits[0]?.models, [{ model: 'm' }, { fleet: 'a', model: 'm' }]);
    // a limit by an own name that nothing is said about holds it wherever it is
    const both = { ...more, rateLimits: [{ name: 'r', models: ['n'], perSecond: 1 }] };
    const named = { x: { model: 'n' }, y: { model: 'n', fleet: 'b' } };
    assert.deepEqual(routesOf(named, both).rateLimits[0]?.models, [
      { model: 'n' },
      { fleet: 'b', model: 'n' },
    ]);
  });

  it('copies calls to another fleet, but none of those that go there', () => {
    const { mirrors } = routesOf({ m: { split, mirror: { fleet: 'a', percent: 10 } } });
    assert.equal(mirrors.get({ model: 'm' })?.fleet, 'a');
    assert.equal(mirrors.has({ fleet: 'a', model: 'm' }), false);
  });

  it('gives its deadlines and its batch dimension to no other fleet’s model', () => {
    const models = {
      m: { deadlines: { defaultMs: 5 }, addBatchDimension: 'all' },
      alias: { model: 'm' },
      other: { model: 'm', fleet: 'a' },
    };
    const routes = routesOf(models);
    assert.equal(routes.rpc.timeouts.byModel?.get('alias')?.defaultMs, 5);
    assert.equal(routes.rpc.timeouts.byModel?.get('other'), undefined);
    assert.equal(routes.batchDimension?.models.get({ model: 'm' }), 'all');
    assert.equal(routes.batchDimension?.models.has({ fleet: 'a', model: 'm' }), false);
  });
});
