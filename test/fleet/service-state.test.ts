/** Whether an operator or discovery lets a backend take calls: the table of docs/states.md. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentObserver } from '../../src/call/index.ts';
import { Backend, type ServiceState } from '../../src/fleet/backend.ts';
import { optionsOf } from './options.ts';

const nothing = (): undefined => undefined;

function make(): Backend {
  return new Backend(
    { name: 'b', host: '127.0.0.1', port: 1, api: 'tfs' },
    {
      observer: silentObserver,
      clock: () => 0,
      random: () => 0.5,
      options: () => optionsOf([]),
      models: () => [],
      reserveProbe: () => 0,
      sharedProbes: undefined,
      onVersion: nothing,
      onChange: nothing,
      onState: nothing,
      onRecovered: nothing,
      onLost: nothing,
      onOutcome: nothing,
      onCapacity: nothing,
      onOutOfBounds: nothing,
    },
  );
}

describe('a backend, by an operator and by discovery', () => {
  const rows: readonly (readonly [readonly ('drain' | 'undrain' | 'leave')[], ServiceState])[] = [
    [[], 'in service'],
    [['drain'], 'drained'],
    [['drain', 'undrain'], 'in service'],
    [['leave'], 'leaving'],
    [['drain', 'leave'], 'leaving'],
    [['leave', 'drain'], 'leaving'],
    [['drain', 'leave', 'undrain'], 'leaving'],
  ];
  for (const [events, state] of rows)
    it(`is ${state} after ${events.length === 0 ? 'nothing' : events.join(', ')}`, () => {
      const backend = make();
      for (const event of events)
        if (event === 'leave') backend.close(true);
        else backend.drained = event === 'drain';
      assert.equal(backend.serviceState, state);
      backend.close(false);
    });
});
