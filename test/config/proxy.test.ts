/** Which prefixes a configuration passes on, and what it may not say of them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ConfigError, type Flags, loadSnapshot, proxyRoutes } from '../../src/config/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorgate-proxy-config-'));
after(() => {
  rmSync(folder, { recursive: true });
});

function load(config: object | undefined, flags: Flags = {}) {
  const path = join(folder, 'gateway.yaml');
  if (config !== undefined) writeFileSync(path, stringify(config));
  return loadSnapshot(config === undefined ? undefined : path, flags, {}).config;
}

function problems(config: object): string[] {
  try {
    load(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path }) => path);
    throw error;
  }
  return [];
}

const models = { backends: ['tfs://a:1'] };
const llm = { backends: ['http://b:1', 'https://c:1'] };

describe('the routes of the proxy', () => {
  it('are /v3 to the only HTTP fleet when nothing is said', () => {
    assert.deepEqual(proxyRoutes(load({ fleets: { default: models, llm } })), [
      { prefix: '/v3', fleet: 'llm' },
    ]);
    assert.deepEqual(proxyRoutes(load({ fleets: { default: models } })), []);
    assert.deepEqual(proxyRoutes(load({ fleets: { default: models, llm, other: llm } })), []);
  });

  it('are made from the command line: http:// backends are a fleet of their own', () => {
    const config = load(undefined, { backends: ['tfs://a:1', 'http://b:1'] });
    assert.deepEqual(config.fleets.default?.backends, ['tfs://a:1']);
    assert.deepEqual(config.fleets.http?.backends, ['http://b:1']);
    assert.deepEqual(proxyRoutes(config), [{ prefix: '/v3', fleet: 'http' }]);
    assert.deepEqual(Object.keys(load(undefined, { backends: ['http://b:1'] }).fleets), ['http']);
  });

  it('may be any literal prefixes that hide nothing of the gateway’s own', () => {
    const routes = ['/v3', '/v1/chat', '/v1/completions', '/openai/v1.0', '/a-b_c~d'];
    const fleets = { default: models, llm };
    assert.deepEqual(
      problems({ fleets, proxy: { routes: routes.map((prefix) => ({ prefix, fleet: 'llm' })) } }),
      [],
    );
    for (const prefix of ['/v1', '/v1/models', '/v1/models/m', '/v1/config', '/v2', '/v2/models'])
      assert.deepEqual(
        problems({ fleets, proxy: { routes: [{ prefix, fleet: 'llm' }] } }),
        ['proxy.routes[0].prefix'],
        prefix,
      );
    for (const prefix of [
      '',
      '/',
      'v3',
      '/v3/',
      '/:model',
      '/v3/*',
      '/a/../b',
      '/a//b',
      '/%76',
      '/a?b',
      '/é',
    ])
      assert.deepEqual(
        problems({ fleets, proxy: { routes: [{ prefix, fleet: 'llm' }] } }),
        ['proxy.routes[0].prefix'],
        prefix,
      );
  });

  it('need a fleet that there is, once, and of HTTP backends alone', () => {
    const route = { prefix: '/v3', fleet: 'llm' };
    assert.deepEqual(
      problems({
        fleets: { default: models, llm },
        proxy: {
          routes: [route, route, { prefix: '/a', fleet: 'none' }, { prefix: '/b', fleet: 'default' }],
        },
      }),
      ['proxy.routes[1].prefix', 'proxy.routes[2].fleet', 'proxy.routes[3].fleet'],
    );
    assert.deepEqual(problems({ fleets: { default: { backends: ['tfs://a:1', 'http://b:1'] } } }), [
      'fleets.default.backends',
    ]);
  });

  it('leave models to the fleets that serve models', () => {
    const fleets = { default: models, llm };
    assert.deepEqual(problems({ fleets, models: { m: { fleet: 'llm' } } }), ['models.m.fleet']);
    assert.deepEqual(problems({ fleets, defaultFleet: 'llm' }), ['defaultFleet']);
    assert.deepEqual(problems({ fleets: { default: llm } }), []);
  });
});
