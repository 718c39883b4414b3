/** Backends behind DNS names, with a real DNS server on loopback: records, TTLs, and answers that do not help. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dnsSource, type DnsOptions } from '../../../src/fleet/discovery/dns.ts';
import type { BackendAddress } from '../../../src/fleet/backend-address.ts';
import { startDns, type TestDns, waitFor } from '../../support/index.ts';
import { listen, testSource } from './compliance.ts';

const name = 'models.test';
const options = (dns: TestDns, fields: Partial<DnsOptions> = {}): DnsOptions => ({
  kind: 'dns',
  records: 'a',
  name,
  port: 8500,
  traits: { api: 'tfs' },
  servers: [dns.address],
  minTtlMs: 50,
  maxTtlMs: 60_000,
  ...fields,
});
const random = (): number => 0.5;
const addresses = (names: readonly string[], ttl = 0) =>
  names.map((each) => ({ type: 'A' as const, data: each.split(':')[0] ?? '', ttl }));

for (const mood of ['NXDOMAIN', 'SERVFAIL'] as const) {
  testSource(
    `dns, failing with ${mood}`,
    async () => {
      const dns = await startDns();
      return {
        source: dnsSource(options(dns), { random }),
        set(names) {
          dns.mood = 'well';
          dns.records.set(name, addresses(names));
        },
        fail: () => void (dns.mood = mood),
        stop: () => dns.stop(),
      };
    },
    300,
  );
}

describe('the source dns', () => {
  let dns: TestDns;
  before(async () => {
    dns = await startDns();
  });
  after(() => dns.stop());

  for (const [family, a, aaaa, are] of [
    ['both', ['127.0.0.1'], ['::1'], ['127.0.0.1:8500', '[::1]:8500']],
    ['auto', ['127.0.0.1'], ['::1'], ['127.0.0.1:8500 or ::1']],
    ['auto', ['127.0.0.1', '127.0.0.2'], ['::1', '::2'], ['127.0.0.1:8500', '127.0.0.2:8500']],
    ['auto', [], ['::1'], ['[::1]:8500']],
    ['ipv6', ['127.0.0.1'], ['::1'], ['[::1]:8500']],
    ['ipv4', ['127.0.0.1'], ['::1'], ['127.0.0.1:8500']],
  ] as const)
    for (const records of ['a', 'srv'] as const)
      it(`takes A ${a.join()} and AAAA ${aaaa.join()} as ${are.join(' and ')} (${family}, ${records})`, async () => {
        const host = records === 'a' ? name : 'target.test';
        dns.records.set(host, [
          ...addresses(a, 5),
          ...aaaa.map((data) => ({ type: 'AAAA' as const, data, ttl: 5 })),
        ]);
        if (records === 'srv')
          dns.records.set(name, [
            { type: 'SRV', data: { port: 8500, target: host, priority: 1, weight: 1 }, ttl: 5 },
          ]);
        const source = dnsSource(options(dns, { family, records }), { random });
        const sets: (readonly BackendAddress[])[] = [];
        source.start({ onBackends: (set) => void sets.push(set), onProblem: () => undefined });
        await waitFor(() => sets.length > 0);
        source.stop();
        assert.deepEqual(
          sets[0]?.map(({ name: each, alternates = [] }) => [each, ...alternates].join(' or ')),
          are,
        );
      });

  it('does not ask again before the TTL ends', async () => {
    dns.records.set(name, addresses(['127.0.0.1'], 1));
    const source = dnsSource(options(dns), { random });
    const told = listen(source);
    await waitFor(() => told.sets.length > 0);
    const asked = dns.asked;
    dns.records.set(name, addresses(['127.0.0.9'], 1));
    await waitFor(() => told.sets.length > 1, 20_000, 'the answer after the TTL');
    const gapMs = (dns.momentsMs[asked] ?? 0) - (dns.momentsMs[asked - 1] ?? 0);
    // timers may fire a moment early
    assert.ok(gapMs > 990, `asked again after ${gapMs.toFixed(0)} ms`);
    source.stop();
  });

  it('asks before the TTL ends when a backend was lost, but not more often than the smallest TTL', async () => {
    dns.records.set(name, addresses(['127.0.0.1'], 60));
    const source = dnsSource(options(dns, { minTtlMs: 100 }), { random });
    const told = listen(source);
    await waitFor(() => told.sets.length > 0);
    dns.records.set(name, addresses(['127.0.0.9'], 60));
    const asked = dns.asked;
    for (let i = 0; i < 50; i++) source.refreshSoon?.();
    await waitFor(() => told.sets.length > 1, 20_000, 'the new answer');
    source.stop();
    assert.ok(dns.asked - asked <= 2, `${dns.asked - asked} questions`);
  });

  it('takes ports, weights and the best priority of SRV records', async () => {
    const srv = (target: string, port: number, priority: number, weight: number) =>
      ({ type: 'SRV', data: { target, port, priority, weight }, ttl: 5 }) as const;
    dns.records.set('_grpc._tcp.models.test', [
      srv('a.test', 8500, 0, 10),
      srv('b.test', 8501, 0, 5),
      srv('spare.test', 8502, 1, 1),
    ]);
    dns.records.set('a.test', addresses(['127.0.0.1']));
    dns.records.set('b.test', addresses(['127.0.0.2']));
    dns.records.set('spare.test', addresses(['127.0.0.3']));
    const source = dnsSource(options(dns, { records: 'srv', name: '_grpc._tcp.models.test' }), { random });
    let found: readonly BackendAddress[] = [];
    source.start({ onBackends: (backends) => void (found = backends), onProblem: assert.fail });
    await waitFor(() => found.length > 0);
    source.stop();
    assert.deepEqual(
      found.map(({ name: each, weight }) => [each, weight]),
      [
        ['127.0.0.1:8500', 1],
        ['127.0.0.2:8501', 0.5],
      ],
    );
  });

  it('finds names of the hosts file, which DNS does not know', async () => {
    const source = dnsSource(options(dns, { name: 'localhost' }), { random });
    const told = listen(source);
    await waitFor(() => told.sets.length > 0);
    source.stop();
    assert.ok(told.sets[0]?.includes('127.0.0.1:8500'), String(told.sets));
  });
});
