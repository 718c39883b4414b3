/** The choice among backends that have room or none, and a connection or none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pickerOf } from '../../src/fleet/balance/picker.ts';
import { Replica } from '../../src/fleet/balance/replica.ts';
import { roundRobin } from '../../src/fleet/balance/round-robin.ts';
import { pickWithCapacity, type HasCapacity } from '../../src/fleet/routing/capacity.ts';

const host = (name: string, fields: Partial<HasCapacity> = {}): HasCapacity => ({
  name,
  zone: '',
  weight: 1,
  outstanding: 0,
  capacity: 1,
  hasCapacity: true,
  hasStreamRoom: true,
  connected: true,
  ...fields,
});

/** Who is picked in nine turns, in order of the names. */
function picks(
  hosts: readonly HasCapacity[],
  { orNobody = false, avoid = [] as readonly string[] } = {},
): string[] {
  const picker = pickerOf(
    roundRobin,
    hosts.map((each) => new Replica(each, 'm', () => 0)),
  );
  const request = { random: () => 0, avoid };
  const names = Array.from(
    { length: 9 },
    () => pickWithCapacity(picker, request, hosts, orNobody)?.name ?? 'nobody',
  );
  return [...new Set(names)].sort();
}

const full = { hasCapacity: false };
const away = { connected: false };

describe('the choice with room', () => {
  it('takes its turns among those that have room', () => {
    assert.deepEqual(picks([host('a'), host('b'), host('c')]), ['a', 'b', 'c']);
    assert.deepEqual(picks([host('a'), host('b', full), host('c')]), ['a', 'c']);
  });

  it('leaves out one whose connection is being made while others have one', () => {
    assert.deepEqual(picks([host('a', away), host('b'), host('c')]), ['b', 'c']);
    assert.deepEqual(picks([host('a', away), host('b', away), host('c')]), ['c']);
  });

  it('waits for a connection rather than behind a full backend', () => {
    assert.deepEqual(picks([host('a', away), host('b', full)]), ['a']);
    assert.deepEqual(picks([host('a', away), host('b', { ...full, ...away })]), ['a']);
  });

  it('takes anybody when none has a connection, or none has room', () => {
    assert.deepEqual(picks([host('a', away), host('b', away)]), ['a', 'b']);
    assert.deepEqual(picks([host('a', full), host('b', full)]), ['a', 'b']);
    assert.deepEqual(picks([]), ['nobody']);
  });

  it('takes nobody for a call that needs none, when none has room', () => {
    assert.deepEqual(picks([host('a', full), host('b', full)], { orNobody: true }), ['nobody']);
    assert.deepEqual(picks([host('a', full), host('b', away)], { orNobody: true }), ['b']);
  });

  it('goes by what is to be avoided before it goes by connections', () => {
    assert.deepEqual(picks([host('a'), host('b', away)], { avoid: ['a'] }), ['b']);
    assert.deepEqual(picks([host('a'), host('b', away), host('c')], { avoid: ['a'] }), ['c']);
  });
});
