/**
 * Prints how each policy shares uneven work, and what a pick costs; with --write, docs/balancing.md's tables and
 * pictures.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { leastOutstanding, peakEwma } from '../../src/fleet/balance/p2c.ts';
import { type Candidate, pickerOf, type Policy } from '../../src/fleet/balance/picker.ts';
import { Replica } from '../../src/fleet/balance/replica.ts';
import { Ring, ringHash } from '../../src/fleet/balance/ring.ts';
import { roundRobin, weighted } from '../../src/fleet/balance/round-robin.ts';
import { chart, type Row } from './chart.ts';
import { type Scenario, type Server, simulate } from './simulation.ts';

/** The same numbers in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const policies: Readonly<Record<string, (names: readonly string[]) => Policy>> = {
  'round-robin': () => roundRobin,
  weighted: () => weighted,
  'ring-hash': (names) => ringHash(new Ring(names), 125),
  'peak-ewma': () => peakEwma,
  'least-outstanding': () => leastOutstanding,
};

const servers = (...speeds: number[]): Server[] =>
  speeds.map((speed, i) => ({ name: `server ${i + 1}`, speed }));
/** One to 32 rows, small batches far more often than large ones; a row is one unit. */
const batches = (random: () => number): number => Math.floor(2 ** (random() * 5));

const scenarios: readonly (Scenario & { readonly file: string })[] = [
  {
    file: 'batches',
    name: 'Batches of 1 to 32 rows, four equal servers, 70 % busy',
    says: 'What a call costs differs 32-fold and nobody knows it beforehand.',
    servers: servers(1, 1, 1, 1),
    perSecond: (0.7 * 4 * 1000) / 8.9,
    work: batches,
  },
  {
    file: 'slow',
    name: 'The same, one server at a quarter of the speed, nobody told',
    says: 'A noisy neighbour, a throttled GPU.',
    servers: servers(1, 1, 1, 0.25),
    perSecond: (0.7 * 3.25 * 1000) / 8.9,
    work: batches,
  },
  {
    file: 'failing',
    name: 'One of four answers UNAVAILABLE at once, without ejection or retries',
    says: 'Its queue is always empty: what goes by outstanding work alone sends it nearly everything.',
    servers: [...servers(1, 1, 1), { name: 'failing', speed: 1, failsAfterMs: 1 }],
    perSecond: (0.6 * 3 * 1000) / 8.9,
    work: batches,
  },
];

function costOfPick(policyFor: (names: readonly string[]) => Policy, count: number): number {
  const replicas = Array.from({ length: count }, (_, i) => {
    const host = { name: `h${i}`, zone: '', weight: 1, outstanding: i % 7, capacity: 1 };
    const replica = new Replica(host, 'm', () => 0);
    replica.ended(false, 5 + (i % 5), 1);
    return replica;
  });
  const picker = pickerOf<Candidate>(policyFor(replicas.map(({ name }) => name)), replicas);
  const random = seeded(1);
  const request = { random, hash: 12_345 };
  const picks = 300_000;
  for (let i = 0; i < picks / 3; i++) picker.pick(request);
  const startMs = performance.now();
  for (let i = 0; i < picks; i++) picker.pick(request);
  return ((performance.now() - startMs) * 1e6) / picks;
}

const write = process.argv.includes('--write');
const lines: string[] = [];
for (const scenario of scenarios) {
  const run = (policyFor: (names: readonly string[]) => Policy, byWork = false): Row['result'] =>
    simulate(scenario, policyFor, { calls: 60_000, random: seeded(42), byWork });
  const rows: Row[] = Object.entries(policies).map(([policy, policyFor]) => ({
    policy,
    result: run(policyFor),
  }));
  rows.push({ policy: 'least work, if known', result: run(() => leastOutstanding, true) });
  lines.push(
    `### ${scenario.name}`,
    '',
    scenario.says,
    '',
    `![${scenario.name}](images/balancing-${scenario.file}.svg)`,
    '',
  );
  lines.push(
    `| policy | ${scenario.servers.map(({ name }) => name).join(' | ')} | p50 ms | p99 ms | failed |`,
  );
  lines.push(`| --- |${' ---: |'.repeat(scenario.servers.length + 3)}`);
  for (const { policy, result } of rows) {
    const shares = result.shares.map((share) => `${(share * 100).toFixed(1)} %`);
    const failed = `${(result.failed * 100).toFixed(1)} %`;
    lines.push(
      `| ${[policy, ...shares, result.p50Ms.toFixed(0), result.p99Ms.toFixed(0), failed].join(' | ')} |`,
    );
  }
  lines.push('');
  if (write) {
    const url = new URL(`../../docs/images/balancing-${scenario.file}.svg`, import.meta.url);
    writeFileSync(
      url,
      chart(
        scenario.name,
        scenario.servers.map(({ name }) => name),
        rows,
      ),
    );
  }
}
process.stdout.write(`${lines.join('\n')}\n`);
for (const [policy, policyFor] of Object.entries(policies))
  process.stdout.write(
    `${policy.padEnd(18)} ${costOfPick(policyFor, 4).toFixed(0)} ns a pick of 4, ${costOfPick(policyFor, 100).toFixed(0)} ns of 100\n`,
  );
if (write) {
  const page = new URL('../../docs/balancing.md', import.meta.url);
  const text = readFileSync(page, 'utf8');
  const [start, end] = ['<!-- simulation -->', '<!-- /simulation -->'];
  writeFileSync(
    page,
    `${text.slice(0, text.indexOf(start) + start.length)}\n\n${lines.join('\n')}\n${text.slice(text.indexOf(end))}`,
  );
}
