/** Names, labels, rules and splits: which target a call gets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, double, integer, property, string } from 'fast-check';
import type { Target } from '../../src/call/index.ts';
import {
  createRouter,
  hashShare,
  type NameRoute,
  partAt,
  type RouterContext,
} from '../../src/models/router.ts';

const route = (fields: Partial<NameRoute>): NameRoute => ({
  labels: new Map(),
  rules: [],
  split: [],
  ...fields,
});

function routed(
  fields: Partial<NameRoute>,
  target: Partial<Target> = {},
  { metadata = [], purpose = 'infer', random = 0.5 }: Partial<RouterContext> & { random?: number } = {},
): Target {
  const router = createRouter(new Map([['public', route(fields)]]), () => random);
  return said(router({ model: 'public', signature: 's', ...target }, { metadata, purpose }));
}

/** What a target says: a field that is undefined is as one that is not there. */
const said = (target: Target): Target =>
  Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined)) as unknown as Target;

describe('createRouter', () => {
  it('leaves a target alone that nothing is said about, and gives the same object', () => {
    const router = createRouter(new Map([['public', route({})]]), () => 0);
    for (const model of ['other', 'public']) {
      const target = { model, signature: '', version: 3n };
      assert.equal(router(target, { metadata: [], purpose: 'infer' }), target);
    }
  });

  it('maps a public name to the server’s own, and keeps version, label and signature', () => {
    const fields = { model: 'own' };
    assert.deepEqual(routed(fields), { model: 'own', signature: 's' });
    assert.deepEqual(routed(fields, { version: 7n }), { model: 'own', signature: 's', version: 7n });
    assert.deepEqual(routed(fields, { label: 'x' }), { model: 'own', signature: 's', label: 'x' });
  });

  it('resolves a label that the configuration has, in the place of the server', () => {
    const labels = new Map([['stable', 4n]]);
    assert.deepEqual(routed({ labels }, { label: 'stable' }), {
      model: 'public',
      signature: 's',
      version: 4n,
    });
    assert.deepEqual(routed({ labels }, { label: 'other' }), {
      model: 'public',
      signature: 's',
      label: 'other',
    });
    assert.deepEqual(routed({ labels, split: [{ label: 'stable', weight: 1 }] }).version, 4n);
  });

  it('splits by weight calls that leave the version open, and no others', () => {
    const split = [
      { version: 1n, weight: 90 },
      { version: 2n, weight: 10 },
    ];
    assert.equal(routed({ split }, {}, { random: 0.899 }).version, 1n);
    assert.equal(routed({ split }, {}, { random: 0.901 }).version, 2n);
    assert.equal(routed({ split }, { version: 9n }, { random: 0.95 }).version, 9n);
    assert.equal(routed({ split }, { label: 'x' }, { random: 0.95 }).label, 'x');
    assert.equal(routed({ split }, {}, { random: 0.95, purpose: 'describe' }).version, 1n);
    assert.deepEqual(routed({ split }, {}, { random: 0.95, purpose: 'status' }), {
      model: 'public',
      signature: 's',
    });
  });

  it('splits between models', () => {
    const split = [
      { model: 'old', weight: 1 },
      { model: 'new', version: 2n, weight: 1 },
    ];
    assert.deepEqual(routed({ split }, {}, { random: 0.1 }), { model: 'old', signature: 's' });
    assert.deepEqual(routed({ split }, {}, { random: 0.9 }), { model: 'new', signature: 's', version: 2n });
  });

  it('gives calls with the same value of the sticky field the same part', () => {
    const split = [
      { version: 1n, weight: 50 },
      { version: 2n, weight: 50 },
    ];
    const counts = new Map<bigint | undefined, number>();
    for (let user = 0; user < 2000; user++) {
      const metadata = ['x-user', `user-${user}`];
      const versions = [0, 0.5, 0.99].map(
        (random) => routed({ split, stickyField: 'x-user' }, {}, { metadata, random }).version,
      );
      assert.equal(new Set(versions).size, 1);
      counts.set(versions[0], (counts.get(versions[0]) ?? 0) + 1);
    }
    for (const count of counts.values()) assert.ok(count > 900 && count < 1100, `${count} of 2000`);
  });

  it('lets the first rule that matches decide, before the split and before the client', () => {
    const rules = [
      { field: 'x-tenant', value: 'beta', version: 5n },
      { field: 'x-tenant', value: 'beta', version: 6n },
    ];
    const split = [{ version: 1n, weight: 1 }];
    const metadata = ['x-tenant', 'beta'];
    assert.equal(routed({ rules, split }, {}, { metadata }).version, 5n);
    assert.equal(routed({ rules, split }, { version: 9n }, { metadata }).version, 5n);
    assert.equal(routed({ rules, split }, {}, { metadata: ['x-tenant', 'gamma'] }).version, 1n);
    // a server that takes the last of two would see another tenant than one that takes the first
    const both = ['x-tenant', 'beta', 'x-tenant', 'gamma'];
    assert.equal(routed({ rules, split }, {}, { metadata: both }).version, 1n);
  });
});

describe('createRouter, between fleets', () => {
  const split = [{ weight: 90 }, { fleet: 'new', weight: 10 }];

  it('gives a name its fleet, and nothing else of it', () => {
    const fields = { model: 'public', fleet: 'a' };
    assert.deepEqual(routed(fields), { fleet: 'a', model: 'public', signature: 's' });
    assert.deepEqual(routed(fields, { version: 7n }), {
      fleet: 'a',
      model: 'public',
      signature: 's',
      version: 7n,
    });
    assert.deepEqual(routed(fields, { label: 'x' }), {
      fleet: 'a',
      model: 'public',
      signature: 's',
      label: 'x',
    });
  });

  it('splits one own name between them by weight', () => {
    assert.equal(routed({ split }, {}, { random: 0.899 }).fleet, undefined);
    assert.deepEqual(routed({ split }, {}, { random: 0.901 }), {
      fleet: 'new',
      model: 'public',
      signature: 's',
    });
    // who names a version gets it where the name is at home
    assert.equal(routed({ split }, { version: 1n }, { random: 0.95 }).fleet, undefined);
    // a part without a fleet is the default fleet's, whatever the name's own is
    assert.equal(routed({ split, fleet: 'home' }, {}, { random: 0.5 }).fleet, undefined);
    assert.equal(routed({ split, fleet: 'home' }, { version: 1n }, { random: 0.5 }).fleet, 'home');
  });

  it('asks the first part for signatures and states', () => {
    const turned = [split[1]!, split[0]!];
    for (const purpose of ['describe', 'status'] as const)
      for (const random of [0, 0.99]) {
        assert.equal(routed({ split }, {}, { random, purpose }).fleet, undefined);
        assert.equal(routed({ split: turned }, {}, { random, purpose }).fleet, 'new');
      }
  });

  it('keeps a client at its fleet', () => {
    const counts = { old: 0, new: 0 };
    for (let user = 0; user < 1000; user++) {
      const metadata = ['x-user', `user-${user}`];
      const fleets = [0, 0.5, 0.99].map(
        (random) => routed({ split, stickyField: 'x-user' }, {}, { metadata, random }).fleet,
      );
      assert.equal(new Set(fleets).size, 1);
      counts[fleets[0] === 'new' ? 'new' : 'old']++;
    }
    assert.ok(counts.new > 70 && counts.new < 130, `${counts.new} of 1000`);
  });

  it('lets a rule choose the fleet', () => {
    const rules = [{ field: 'x-tenant', value: 'beta', fleet: 'new' }];
    const beta = { metadata: ['x-tenant', 'beta'] };
    assert.equal(routed({ rules }, {}, beta).fleet, 'new');
    assert.equal(routed({ rules }).fleet, undefined);
  });

  it('sends a stream to a part that is asked in the same words, and to no other', () => {
    const stream = (fields: Partial<NameRoute>, random: number): Target =>
      routed(fields, {}, { random, purpose: 'stream' });
    assert.equal(stream({ split }, 0.95).fleet, 'new');
    assert.equal(stream({ split }, 0.5).fleet, undefined);
    const renamed = [{ model: 'other', fleet: 'new', weight: 1 }];
    assert.deepEqual(stream({ split: renamed, fleet: 'home' }, 0), {
      fleet: 'home',
      model: 'public',
      signature: 's',
    });
    assert.deepEqual(stream({ model: 'other', fleet: 'home' }, 0), { model: 'public', signature: 's' });
  });
});

describe('partAt', () => {
  it('never gives a part without weight, and gives each its share', () => {
    check(
      property(
        array(integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 5 }),
        double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (weights, share) => {
          const parts = weights.map((weight, i) => ({ weight, version: BigInt(i) }));
          const part = partAt(parts, share);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          if (total === 0) assert.equal(part, undefined);
          else assert.ok((part?.weight ?? 0) > 0);
        },
      ),
    );
    const parts = [
      { weight: 1, version: 1n },
      { weight: 0, version: 2n },
      { weight: 3, version: 3n },
    ];
    const got = Array.from({ length: 100 }, (_, i) => partAt(parts, i / 100)?.version);
    assert.equal(got.filter((version) => version === 1n).length, 25);
    assert.equal(got.filter((version) => version === 3n).length, 75);
  });
});

describe('hashShare', () => {
  it('is from 0 to 1, and the same for the same text', () => {
    check(
      property(string(), (text) => {
        const share = hashShare(text);
        assert.ok(share >= 0 && share < 1);
        assert.equal(hashShare(text), share);
      }),
    );
  });
});
