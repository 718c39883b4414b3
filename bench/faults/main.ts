/**
 * The same load on Tensorgate and on Envoy while one of three backends goes wrong: failed calls, and what the others
 * took. Usage: ENVOY=/path/to/envoy node bench/faults/main.ts [--rounds 3] [--only WORD] [--write] Everything is on
 * loopback; a round takes about five minutes.
 */
import { parseArgs } from 'node:util';
import { startGatewayProcess, waitFor } from '../../test/support/index.ts';
import { History } from '../../test/journeys/history.ts';
import { writeBetween } from '../tables.ts';
import { startEnvoy, type Proxy } from './envoy.ts';
import { type Fault, faults } from './fleets.ts';

const perSecond = 150;
/** Before anything is measured, calls a second for so long, in ms: what is compiled while it runs is compiled then. */
const warmPerSecond = 500;
const warmMs = 3000;
const calmMs = 2000;
const faultMs = 6000;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const envoy = process.env.ENVOY;

const gateways: Readonly<Record<string, (ports: readonly number[]) => Promise<Proxy>>> = {
  Tensorgate: (ports) =>
    startGatewayProcess(
      ports.map((port) => `tfs://127.0.0.1:${port}`),
      [],
      {},
      true,
    ),
  ...(envoy === undefined ? {} : { Envoy: (ports: readonly number[]) => startEnvoy(envoy, ports) }),
};

interface Outcome {
  readonly calls: number;
  readonly failed: number;
  /** Of those that were answered since the fault began, in ms. */
  readonly p99Ms: number;
}

async function measure(fault: Fault, start: (ports: readonly number[]) => Promise<Proxy>): Promise<Outcome> {
  const backends = await fault.start();
  const gateway = await start(backends.ports);
  const at = { grpc: gateway.grpc, rest: '' };
  try {
    const warmUp = new History(at, { perSecond: warmPerSecond, via: ['gRPC'], maxPending: 2000 });
    await waitFor(() => warmUp.ok > 10, 20_000, 'answers');
    await new Promise((resolve) => setTimeout(resolve, warmMs));
    await warmUp.stop();
    const load = new History(at, { perSecond, via: ['gRPC'], maxPending: 2000 });
    await waitFor(() => load.ok > 10, 20_000, 'answers');
    await new Promise((resolve) => setTimeout(resolve, calmMs));
    const sinceMs = performance.now();
    await backends.begin();
    await new Promise((resolve) => setTimeout(resolve, faultMs));
    await load.stop();
    load.checkPromises();
    const since = load.calls.filter(({ sentMs }) => sentMs >= sinceMs);
    const failures = new Set(since.map(({ failure }) => failure).filter((failure) => failure !== ''));
    for (const failure of failures) console.error(`  ${failure}`);
    return {
      calls: since.length,
      failed: since.filter(({ failure }) => failure !== '').length,
      p99Ms: load.latencyMs(0.99, sinceMs),
    };
  } finally {
    await gateway.process.kill();
    await backends.stop();
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const rounds = Number(flags.rounds);
const rows: string[] = [];
for (const fault of faults.filter(({ name }) => name.includes(flags.only))) {
  const outcomes: Record<string, Outcome[]> = {};
  for (let round = 0; round < rounds; round++)
    for (const [name, start] of Object.entries(gateways)) {
      const outcome = await measure(fault, start);
      (outcomes[name] ??= []).push(outcome);
      console.error(`${fault.name}: ${name} ${JSON.stringify(outcome)}`);
    }
  const cells = Object.values(outcomes).flatMap((each) => [
    `${each.reduce((sum, { failed }) => sum + failed, 0)} of ${each.reduce((sum, { calls }) => sum + calls, 0)}`,
    `${median(each.map(({ p99Ms }) => p99Ms)).toFixed(0)}`,
  ]);
  rows.push(`| ${[fault.name, ...cells].join(' | ')} |`);
}
const heads = Object.keys(gateways).flatMap((name) => [`${name}: failed`, 'p99 ms']);
const table = [
  `| one of three | ${heads.join(' | ')} |`,
  `| --- | ${heads.map(() => '---:').join(' | ')} |`,
  ...rows,
].join('\n');
console.log(table);
if (flags.write) writeBetween('docs/fleet.md', 'faults', table);
process.exit();
