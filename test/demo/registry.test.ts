/** The registry walks versions through their states in time, and finds the one that a spec asks for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from '../../src/demo/registry.ts';
import { fakeTime } from '../support/fake-time.ts';

const model = {
  versions: new Map([
    [1n, new Map()],
    [2n, new Map()],
    [10n, new Map()],
  ]),
  labels: new Map([['stable', 1n]]),
};
const statesOf = (registry: Registry): number[] =>
  registry.status({ name: 'm', signature: '' }).map(({ state }) => state);

describe('Registry', () => {
  it('loads by START, LOADING, AVAILABLE, and unloads by UNLOADING, END', (t) => {
    const time = fakeTime(t);
    const registry = new Registry();
    registry.add('m', 'test', model, { loadingMs: 1000, versions: [2n] });
    assert.deepEqual(statesOf(registry), [10]);
    time.advance(100);
    assert.deepEqual(statesOf(registry), [20]);
    assert.throws(() => registry.resolve({ name: 'm', signature: '', label: 'stable' }), {
      code: 14,
      message: 'Model labels does not init yet.stable',
    });
    time.advance(900);
    assert.deepEqual(statesOf(registry), [30]);
    registry.unload('m', 2n, 500);
    assert.deepEqual(statesOf(registry), [40]);
    assert.throws(() => registry.resolve({ name: 'm', signature: '' }), {
      code: 5,
      message: 'Servable not found for request: Latest(m)',
    });
    time.advance(500);
    assert.deepEqual(statesOf(registry), [50]);
  });

  it('takes the numerically highest version that is available, and a label for its version', () => {
    const registry = new Registry();
    registry.add('m', 'test', model, {});
    assert.equal(registry.resolve({ name: 'm', signature: '' }).version, 10n);
    registry.unload('m', 10n);
    assert.equal(registry.resolve({ name: 'm', signature: '' }).version, 2n);
    assert.equal(registry.resolve({ name: 'm', signature: '', label: 'stable' }).version, 1n);
    assert.throws(() => registry.resolve({ name: 'm', signature: '', version: 10n }), {
      message: 'Servable not found for request: Specific(m, 10)',
    });
  });

  it('keeps the error of a load that failed in its status', () => {
    const registry = new Registry();
    registry.add('m', 'test', model, { error: 'no such file', versions: [1n] });
    assert.deepEqual(registry.status({ name: 'm', signature: '' }), [
      { version: 1n, state: 50, errorCode: 13, errorMessage: 'no such file' },
    ]);
  });
});
