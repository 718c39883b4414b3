/**
 * What a second worker brings: requests a second, and CPU time of the whole gateway and of each worker for one request.
 * Usage: node bench/workers/main.ts [--rounds 5] [--requests 60000] [--rate 400] [--backend tfs://127.0.0.1:8500]
 * Needs h2load; without --backend one in this process answers, which costs more than the gateway does.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodePredictRequest } from '../../src/codec/index.ts';
import { run, startGatewayProcess, waitFor } from '../../test/support/index.ts';
import { startBackend } from '../backend.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '60000' },
    rate: { type: 'string', default: '400' },
    backend: { type: 'string' },
  },
});
const backend = flags.backend ?? `tfs://127.0.0.1:${(await startBackend()).port}`;
const requests = Number(flags.requests);
/** Of paced load. */
const seconds = 5;
/** Linux counts CPU time in hundredths of a second. */
const tickUs = 10_000;

const x = { dtype: 'float' as const, shape: [3], bytes: new Uint8Array(Float32Array.of(1, 2, 5).buffer) };
const message = Buffer.concat(
  encodePredictRequest({ spec: { name: 'm', signature: '' }, inputs: new Map([['x', x]]), outputFilter: [] }),
);
const prefix = Buffer.alloc(5);
prefix.writeUInt32BE(message.length, 1);
const body = join(mkdtempSync(join(tmpdir(), 'tensorgate-workers-')), 'request.grpc');
writeFileSync(body, Buffer.concat([prefix, message]));

/** Workers of a gateway; the process itself when it is alone. */
function workersOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [pid] : children.split(' ').map(Number);
}

/** User and system time, all threads, in µs. */
function cpuUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * tickUs;
}

interface Sample {
  readonly perSecond: number;
  /** µs of CPU for one request: the whole gateway, and of each worker its share. */
  readonly cpu: number;
  readonly parts: readonly number[];
  /** The busiest worker's part of one core. */
  readonly utilisation: number;
}

interface Case {
  readonly name: string;
  readonly workers: number;
  readonly connections: number;
  /** Requests a second on each connection; absent: as many as come through, 16 at a time. */
  readonly rate?: number;
}

/** Far below what a worker can do: what is left of a difference is what workers cost each other. */
const rate = Number(flags.rate);
const cases: readonly Case[] = [
  { name: '1 worker, half of the load', workers: 1, connections: 8, rate },
  { name: '2 workers, the whole load', workers: 2, connections: 16, rate },
  { name: '1 worker, the whole load', workers: 1, connections: 16, rate },
  { name: '1 worker, all that comes through', workers: 1, connections: 16 },
  { name: '2 workers, all that comes through', workers: 2, connections: 16 },
];

async function measure({ workers, connections, rate: each }: Case): Promise<Sample> {
  const gateway = await startGatewayProcess([backend], ['--workers', String(workers)]);
  try {
    const { pid } = gateway.process;
    await waitFor(() => workersOf(pid).length === workers, 20_000, 'the workers');
    const pids = workersOf(pid);
    const headers = ['content-type: application/grpc', 'te: trailers'].flatMap((field) => ['-H', field]);
    const load = async (count: number): Promise<number> => {
      const url = `http://${gateway.grpc}/tensorflow.serving.PredictionService/Predict`;
      const counts = ['-n', String(count), '-c', String(connections), '-m', '16'];
      const paced = each === undefined ? [] : ['--rps', String(each)];
      const { stdout, stderr } = await run('h2load', [...counts, ...paced, ...headers, '-d', body, url]);
      const found = /finished in .*?, ([\d.]+) req\/s/.exec(stdout);
      if (found === null || !stdout.includes(` ${count} succeeded`)) throw new Error(stdout + stderr);
      return Number(found[1]);
    };
    // compiled and connected
    await load(each === undefined ? requests / 4 : connections * each);
    const before = pids.map(cpuUs);
    const startMs = performance.now();
    const count = each === undefined ? requests : connections * each * seconds;
    const perSecond = await load(count);
    const tookUs = (performance.now() - startMs) * 1000;
    const used = pids.map((each, i) => cpuUs(each) - (before[i] as number));
    return {
      perSecond,
      cpu: used.reduce((sum, us) => sum + us, 0) / count,
      parts: used.map((us) => us / count),
      utilisation: Math.max(...used) / tookUs,
    };
  } finally {
    await gateway.process.kill();
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const samples = new Map<string, Sample[]>(cases.map(({ name }) => [name, []]));
for (let round = 0; round < Number(flags.rounds); round++)
  for (const each of cases) {
    const sample = await measure(each);
    samples.get(each.name)?.push(sample);
    console.error(`${each.name}: ${JSON.stringify(sample)}`);
  }
console.log('| gateway | requests a second | CPU µs a request | of each worker | busiest worker |');
console.log('| --- | ---: | ---: | ---: | ---: |');
for (const [name, of] of samples) {
  const parts = (of[0]?.parts ?? []).map((_, i) =>
    median(of.map((sample) => sample.parts.toSorted((a, b) => a - b)[i] ?? 0)).toFixed(1),
  );
  const [rate, cpu] = [median(of.map(({ perSecond }) => perSecond)), median(of.map((sample) => sample.cpu))];
  const busiest = (median(of.map(({ utilisation }) => utilisation)) * 100).toFixed(0);
  console.log(
    `| ${name} | ${rate.toFixed(0)} | ${cpu.toFixed(1)} | ${parts.join(', ')} | ${busiest} % of a core |`,
  );
}
process.exit();
