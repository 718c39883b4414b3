/** Who may answer for a model: properties over random fleets, and the cases with names. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { routesOf, type BackendModelState } from '../../../src/fleet/balance/routing.ts';
import type { HealthState } from '../../../src/fleet/health/model-health.ts';
import type { VersionState, VersionStateName } from '../../../src/models/index.ts';

const options = { quorumPercent: 50, panicPercent: 50 };

function versions(states: Readonly<Record<number, VersionStateName>>): VersionState[] {
  return Object.entries(states).map(([version, state]) => ({
    version: BigInt(version),
    state,
    errorCode: 0,
    errorMessage: '',
  }));
}

type Fields = Partial<Omit<BackendModelState<string>, 'backend' | 'versions'>>;

function standing(
  backend: string,
  states: Readonly<Record<number, VersionStateName>> | undefined,
  fields: Fields = {},
): BackendModelState<string> {
  return {
    backend,
    healthy: true,
    recovering: false,
    drained: false,
    ejected: false,
    warming: false,
    versions: states === undefined ? undefined : versions(states),
    ...fields,
  };
}

const anyStates = fc.option(
  fc.dictionary(
    fc.constantFrom('1', '2', '3'),
    fc.constantFrom<VersionStateName>('START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END'),
  ),
  { nil: undefined },
);
const anyFleet = fc.array(
  fc.record({
    states: anyStates,
    host: fc.constantFrom<HealthState>('healthy', 'healthy', 'recovering', 'unhealthy'),
    drained: fc.boolean(),
    ejected: fc.boolean(),
    warming: fc.boolean(),
  }),
  { maxLength: 10 },
);
const fleetOf = (
  fields: typeof anyFleet extends fc.Arbitrary<infer T> ? T : never,
): BackendModelState<string>[] =>
  fields.map(({ states, host, ...rest }, i) =>
    standing(`b${i}`, states, { ...rest, healthy: host === 'healthy', recovering: host === 'recovering' }),
  );
const has = (each: BackendModelState<string> | undefined, version?: bigint): boolean =>
  (each?.versions ?? []).some(
    (state) => state.state === 'AVAILABLE' && (version === undefined || state.version === version),
  );

describe('the routes of a model', () => {
  it('hold what is terminating only where nothing else has the version', () => {
    const gone = { terminating: true };
    const routes = routesOf(
      [
        standing('old', { 1: 'AVAILABLE', 2: 'AVAILABLE' }, gone),
        standing('new', { 2: 'AVAILABLE' }),
        standing('loading', { 2: 'LOADING' }),
      ],
      options,
    );
    assert.deepEqual([...(routes.versions.get(1n) ?? [])], ['old']);
    assert.deepEqual([...(routes.versions.get(2n) ?? [])], ['new']);
    assert.deepEqual([routes.unversioned, routes.knowing], [['new'], ['new', 'loading']]);
    const alone = routesOf(
      [
        standing('old', { 1: 'AVAILABLE' }, gone),
        standing('new', { 1: 'LOADING' }),
        standing('recovering', { 1: 'AVAILABLE' }, { healthy: false, recovering: true }),
      ],
      options,
    );
    assert.deepEqual([alone.unversioned, alone.versions.get(1n)], [['old'], ['old']]);
  });

  it('never hold a backend where the model is not AVAILABLE, that is down, or that is drained', () => {
    fc.assert(
      fc.property(anyFleet, (fields) => {
        const fleet = fleetOf(fields);
        const routes = routesOf(fleet, options);
        const of = (name: string) => fleet.find(({ backend }) => backend === name);
        const open = (name: string): boolean => {
          const each = of(name);
          return each !== undefined && !each.drained && (each.healthy || each.recovering);
        };
        for (const name of routes.unversioned) assert.ok(open(name) && has(of(name)));
        for (const [version, names] of routes.versions)
          for (const name of names) assert.ok(open(name) && has(of(name), version));
      }),
    );
  });

  it('are never empty while a host is up and the model AVAILABLE there, ejected or not', () => {
    fc.assert(
      fc.property(anyFleet, (fields) => {
        const fleet = fleetOf(fields);
        const routes = routesOf(fleet, options);
        const able = fleet.filter((each) => (each.healthy || each.recovering) && !each.drained && has(each));
        assert.equal(routes.unversioned.length > 0, able.length > 0);
        assert.equal(routes.defaultVersion !== undefined, able.length > 0);
        for (const version of [1n, 2n, 3n]) {
          const some = able.some((each) => has(each, version));
          assert.equal((routes.versions.get(version)?.length ?? 0) > 0, some);
        }
      }),
    );
  });

  it('give every call without a version the same version, when any backend runs it by default', () => {
    fc.assert(
      fc.property(anyFleet, (fields) => {
        const fleet = fleetOf(fields);
        const { unversioned, defaultVersion } = routesOf(fleet, options);
        const defaults = unversioned.map((name) => {
          const numbers = (fleet.find(({ backend }) => backend === name)?.versions ?? [])
            .filter(({ state }) => state === 'AVAILABLE')
            .map(({ version }) => Number(version));
          return Math.max(...numbers);
        });
        if (defaults.includes(Number(defaultVersion))) assert.equal(new Set(defaults).size, 1);
      }),
    );
  });

  it('stay on the old version until more than half have the new one', () => {
    const old = { 1: 'AVAILABLE' } as const;
    const both = { 1: 'UNLOADING', 2: 'AVAILABLE' } as const;
    const one = routesOf([standing('a', both), standing('b', old), standing('c', old)], options);
    assert.deepEqual([one.defaultVersion, one.unversioned], [1n, ['b', 'c']]);
    const two = routesOf([standing('a', both), standing('b', both), standing('c', old)], options);
    assert.deepEqual([two.defaultVersion, two.unversioned], [2n, ['a', 'b']]);
    // who asks for it by number gets it all the while
    assert.deepEqual(one.versions.get(2n), ['a']);
  });

  it('drain a backend first where the model is loading, unless most are', () => {
    const steady = { 1: 'AVAILABLE' } as const;
    const loading = { 1: 'AVAILABLE', 2: 'LOADING' } as const;
    const one = routesOf([standing('a', loading), standing('b', steady), standing('c', steady)], options);
    assert.deepEqual(one.unversioned, ['b', 'c']);
    const most = routesOf([standing('a', loading), standing('b', loading), standing('c', steady)], options);
    assert.deepEqual(most.unversioned, ['a', 'b', 'c']);
  });

  it('take ejected ones again when fewer than half are left', () => {
    const steady = { 1: 'AVAILABLE' } as const;
    const out = { ejected: true };
    const one = [standing('a', steady, out), standing('b', steady), standing('c', steady)];
    assert.deepEqual(routesOf(one, options).unversioned, ['b', 'c']);
    const two = [standing('a', steady, out), standing('b', steady, out), standing('c', steady)];
    assert.deepEqual(routesOf(two, options).unversioned, ['a', 'b', 'c']);
  });

  it('use a backend that recovers only when nobody else is there', () => {
    const steady = { 1: 'AVAILABLE' } as const;
    const recovering = standing('a', steady, { healthy: false, recovering: true });
    assert.deepEqual(routesOf([recovering, standing('b', steady)], options).unversioned, ['b']);
    assert.deepEqual(routesOf([recovering, standing('b', { 1: 'END' })], options).unversioned, ['a']);
  });

  it('know where a version is listed that is no number, and where none is listed', () => {
    const one = { 1: 'AVAILABLE' } as const;
    const routes = routesOf(
      [
        standing('a', one, { texts: ['v1', 'v2'] }),
        standing('b', one, { texts: ['v2'] }),
        standing('c', one, { texts: [] }),
        standing('d', one),
        standing('e', one, { texts: ['v3', 'v2'], healthy: false }),
        standing('f', { 1: 'END' }, { texts: [] }),
      ],
      options,
    );
    assert.deepEqual(Object.fromEntries(routes.texts), { v1: ['a'], v2: ['a', 'b'] });
    assert.deepEqual(routes.unlisted, ['c']);
  });

  it('know who may say what is wrong with a model that nobody serves', () => {
    const routes = routesOf([standing('a', { 1: 'END' }), standing('b', undefined)], options);
    assert.deepEqual(routes.knowing, ['a']);
  });
});
