/** Each policy by the compliance kit, and by what it is for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { leastOutstanding, peakEwma } from '../../../src/fleet/balance/p2c.ts';
import { pickerOf, type Policy } from '../../../src/fleet/balance/picker.ts';
import { hashOf, Ring, ringHash } from '../../../src/fleet/balance/ring.ts';
import { roundRobin, weighted } from '../../../src/fleet/balance/round-robin.ts';
import { preferZone } from '../../../src/fleet/balance/zone.ts';
import { seeded } from '../../support/random.ts';
import { host, type Host, shares, testPolicy } from './compliance.ts';

const ringFor = (hosts: readonly Host[]): Policy => ringHash(new Ring(hosts.map(({ name }) => name)), 125);

testPolicy('least-outstanding', () => leastOutstanding);
testPolicy('peak-ewma', () => peakEwma);
testPolicy('round-robin', () => roundRobin);
testPolicy('weighted', () => weighted);
testPolicy('ring-hash', ringFor);
testPolicy('least-outstanding with a zone', () => preferZone('a', 2, leastOutstanding));

describe('least-outstanding', () => {
  it('never takes the busiest of three', () => {
    const hosts = [
      host('a', { outstanding: 9 }),
      host('b', { outstanding: 1 }),
      host('c', { outstanding: 2 }),
    ];
    assert.equal(shares(leastOutstanding, hosts, 1000).get('a'), 0);
  });

  it('compares the work with the weight', () => {
    const hosts = [host('small', { outstanding: 4, weight: 1 }), host('big', { outstanding: 8, weight: 4 })];
    assert.equal(shares(leastOutstanding, hosts, 100).get('big'), 100);
  });

  it('is not drawn to a backend that fails fast and so has nothing to do', () => {
    // the weight of one that fails all: see Replica
    const hosts = [
      host('failing', { weight: 0.0025 }),
      host('b', { outstanding: 30 }),
      host('c', { outstanding: 40 }),
    ];
    assert.equal(shares(leastOutstanding, hosts, 10_000).get('failing'), 0);
  });
});

describe('peak-ewma', () => {
  it('prefers the one that is through with its work sooner', () => {
    const hosts = [
      host('slow', { outstanding: 0, latencyMs: 900 }),
      host('fast', { outstanding: 5, latencyMs: 10 }),
    ];
    assert.equal(shares(peakEwma, hosts, 100).get('fast'), 100);
  });

  it('goes by outstanding work while a latency is unknown', () => {
    const hosts = [host('new', { outstanding: 1 }), host('b', { outstanding: 3, latencyMs: 1 })];
    assert.equal(shares(peakEwma, hosts, 100).get('new'), 100);
  });
});

describe('weighted', () => {
  it('gives shares by weight within two percent', () => {
    const hosts = [host('a', { weight: 1 }), host('b', { weight: 2 }), host('c', { weight: 5 })];
    const counts = shares(weighted, hosts, 8000);
    for (const [name, wanted] of [
      ['a', 1000],
      ['b', 2000],
      ['c', 5000],
    ] as const)
      assert.ok(Math.abs((counts.get(name) ?? 0) - wanted) < 160, `${name} got ${counts.get(name)}`);
  });

  it('follows a weight that falls after the picker was made', () => {
    const hosts = [host('a'), host('b')];
    const picker = pickerOf(weighted, hosts);
    (hosts[0] as Host).weight = 0.1;
    const random = seeded(1);
    let a = 0;
    for (let i = 0; i < 1100; i++) if (picker.pick({ random })?.name === 'a') a++;
    assert.ok(a > 60 && a < 140, `a got ${a} of 1100`);
  });
});

describe('round-robin', () => {
  it('takes each in turn', () => {
    const hosts = [host('a'), host('b'), host('c')];
    const picker = pickerOf(roundRobin, hosts);
    const random = seeded(7);
    const names = Array.from({ length: 6 }, () => picker.pick({ random })?.name);
    assert.deepEqual(names.slice(3), names.slice(0, 3));
    assert.equal(new Set(names).size, 3);
  });
});

describe('ring-hash', () => {
  const names = Array.from({ length: 10 }, (_, i) => `10.0.0.${i}:8500`);

  it('moves only the calls of a member that goes, and only about its share for one that comes', () => {
    const all = new Ring(names);
    const grown = new Ring([...names, '10.0.0.99:8500']);
    let movedByLoss = 0;
    let movedByGrowth = 0;
    for (let i = 0; i < 2000; i++) {
      const hash = hashOf(`user-${i}`);
      const at = all.find(hash, () => true);
      const without = all.find(hash, (name) => name !== names[3]);
      if (at !== names[3]) assert.equal(without, at);
      else movedByLoss++;
      if (grown.find(hash, () => true) !== at) movedByGrowth++;
    }
    assert.ok(movedByLoss > 100 && movedByLoss < 320, `${movedByLoss} of 2000 were at the lost one`);
    assert.ok(movedByGrowth > 90 && movedByGrowth < 300, `${movedByGrowth} of 2000 moved to the new one`);
  });

  it('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: names.length }), fc.nat(), (shuffled, hash) => {
        const found = new Ring(shuffled).find(hash, () => true);
        assert.equal(
          found,
          new Ring(names).find(hash, () => true),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('gives nobody more than a quarter over the fair share of the work, even when all calls have one hash', () => {
    const hosts = names.map((name) => host(name));
    const picker = pickerOf(ringFor(hosts), hosts);
    const random = seeded(3);
    for (let i = 0; i < 400; i++) {
      const picked = picker.pick({ random, hash: 12345 }) as Host;
      picked.outstanding++;
      const most = Math.ceil((1.25 * (i + 1)) / hosts.length);
      assert.ok(picked.outstanding <= most, `${picked.outstanding} after ${i + 1} calls, at most ${most}`);
    }
  });

  it('stays with its member while that is not overloaded', () => {
    const hosts = names.map((name) => host(name, { outstanding: 4 }));
    const picker = pickerOf(ringFor(hosts), hosts);
    const random = seeded(3);
    const picked = new Set(Array.from({ length: 50 }, () => picker.pick({ random, hash: 99 })?.name));
    assert.equal(picked.size, 1);
  });
});

describe('a zone', () => {
  const near = host('near', { zone: 'a' });
  const far = [host('far1', { zone: 'b' }), host('far2', { zone: 'b' })];
  const policy = preferZone('a', 2, leastOutstanding);

  it('keeps its calls while its backends are not twice as busy', () => {
    near.outstanding = 3;
    for (const each of far) each.outstanding = 1;
    assert.equal(shares(policy, [near, ...far], 100).get('near'), 100);
  });

  it('has the backends that are meant for it by a hint, and not its own that are meant for others', () => {
    const here = host('here', { zone: 'a', forZones: ['b'] });
    const there = host('there', { zone: 'b', forZones: ['a', 'b'] });
    assert.equal(shares(policy, [here, there], 100).get('there'), 100);
    const none = host('none', { zone: 'a', forZones: ['c'] });
    const others = shares(policy, [none, host('none2', { forZones: ['c'] })], 100);
    assert.ok((others.get('none') ?? 0) > 0 && (others.get('none2') ?? 0) > 0, 'all alike');
  });

  it('gives calls away when they are', () => {
    near.outstanding = 4;
    for (const each of far) each.outstanding = 1;
    assert.equal(shares(policy, [near, ...far], 100).get('near'), 0);
  });
});
