/**
 * Backends behind a DNS name whose server is dead: each question waits for the resolver's own time-out, which nothing
 * shortens.
 */
import { dnsSource } from '../../../src/fleet/discovery/dns.ts';
import { startDns } from '../../support/index.ts';
import { testSource } from './compliance.ts';

const name = 'models.test';

testSource(
  'dns, failing with silence',
  async () => {
    const dns = await startDns();
    const source = dnsSource(
      {
        kind: 'dns',
        records: 'a',
        name,
        port: 8500,
        traits: { api: 'tfs' },
        servers: [dns.address],
        minTtlMs: 50,
        maxTtlMs: 60_000,
      },
      { random: () => 0.5 },
    );
    return {
      source,
      set(names) {
        dns.mood = 'well';
        dns.records.set(
          name,
          names.map((each) => ({ type: 'A', data: each.split(':')[0] ?? '', ttl: 0 })),
        );
      },
      fail: () => void (dns.mood = 'silent'),
      stop: () => dns.stop(),
    };
  },
  300,
);
