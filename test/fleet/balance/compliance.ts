/** What every balancing policy keeps to, as one kit of tests. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Candidate, pickerOf, type Policy } from '../../../src/fleet/balance/picker.ts';
import { seeded } from '../../support/random.ts';

export interface Host extends Candidate {
  outstanding: number;
  forZones?: readonly string[];
  weight: number;
  ramp: number;
  latencyMs: number;
}

export function host(name: string, fields: Partial<Host> = {}): Host {
  return { name, zone: '', outstanding: 0, weight: 1, ramp: 1, latencyMs: 0, ...fields };
}

/** How many of so many picks each host gets; picks put no load on anybody. */
export function shares(policy: Policy, hosts: readonly Host[], picks: number, seed = 1): Map<string, number> {
  const random = seeded(seed);
  const picker = pickerOf(policy, hosts);
  const counts = new Map(hosts.map(({ name }) => [name, 0]));
  for (let i = 0; i < picks; i++) {
    const { name } = picker.pick({ random }) as Host;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

const anyHost = fc.record({
  zone: fc.constantFrom('', 'a', 'b'),
  outstanding: fc.nat(1000),
  weight: fc.double({ min: 1e-4, max: 1000, noNaN: true }),
  ramp: fc.double({ min: 0.1, max: 1, noNaN: true }),
  latencyMs: fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1e5, noNaN: true })),
});
const anyHosts = fc
  .array(anyHost, { maxLength: 12 })
  .map((fields) => fields.map((each, i) => host(`h${i}`, each)));
const anyRequest = fc.record({
  seed: fc.integer(),
  avoid: fc.array(
    fc.nat(14).map((i) => `h${i}`),
    { maxLength: 14 },
  ),
  hash: fc.option(fc.nat(2 ** 32 - 1), { nil: undefined }),
});

/** @param policyFor makes the policy for members, since some know the whole set */
export function testPolicy(name: string, policyFor: (hosts: readonly Host[]) => Policy): void {
  describe(`the policy ${name}`, () => {
    it('picks one of the candidates, and nobody only when there is none', () => {
      fc.assert(
        fc.property(anyHosts, anyRequest, (hosts, { seed, avoid, hash }) => {
          const picker = pickerOf(policyFor(hosts), hosts);
          const random = seeded(seed);
          for (let i = 0; i < 5; i++) {
            const picked = picker.pick({ random, avoid, hash });
            if (hosts.length === 0) assert.equal(picked, undefined);
            else assert.ok(picked !== undefined && hosts.includes(picked));
          }
        }),
      );
    });

    it('takes a name to avoid only when there is no other', () => {
      fc.assert(
        fc.property(anyHosts, anyRequest, (hosts, { seed, avoid, hash }) => {
          const picked = pickerOf(policyFor(hosts), hosts).pick({ random: seeded(seed), avoid, hash });
          const others = hosts.filter((each) => !avoid.includes(each.name));
          if (others.length > 0) assert.ok(picked !== undefined && others.includes(picked));
        }),
      );
    });

    it('gives equal hosts equal shares', () => {
      const hosts = Array.from({ length: 5 }, (_, i) => host(`h${i}`, { latencyMs: 10 }));
      for (const [each, count] of shares(policyFor(hosts), hosts, 20_000))
        assert.ok(Math.abs(count - 4000) < 600, `${each} got ${count} of 20000`);
    });

    it('gives a host that starts slowly about the tenth that it asks for', () => {
      const hosts = [host('cold', { ramp: 0.1 }), host('b'), host('c'), host('d')];
      const cold = shares(policyFor(hosts), hosts, 20_000).get('cold') ?? 0;
      assert.ok(cold > 200 && cold < 1200, `the cold one got ${cold} of 20000`);
    });
  });
}
