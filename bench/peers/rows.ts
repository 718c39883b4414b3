/** All rows: how each is measured, and for whom. */
import { sleep } from '../../test/support/index.ts';
import { quantile } from './answers.ts';
import { type IdleKind, openIdle } from './connections.ts';
import { send, sendTimed } from './load.ts';
import { cpuUs, residentKib } from './processes.ts';
import { loadOf, type RequestRow, requestRow, requestRows } from './requests.ts';
import { type Column, median } from './results.ts';
import type { Setting, Stage, Target } from './stage.ts';
import { exchangeStreams } from './streams.ts';

export type Samples = Partial<Record<Column, number[]>>;

export interface RowOptions {
  /** That count. */
  readonly rounds: number;
  /** A few minutes for everything: fewer connections and streams. */
  readonly short: boolean;
}

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly against: 'peers' | 'itself';
  readonly checked: boolean;
  /** Whether the short form has it. */
  readonly short: boolean;
  readonly needsH2load: boolean;
  /** Of the peers, those that can do it. */
  readonly peers: readonly Column[];
  /** One figure for each round and column. */
  measure(stage: Stage, columns: readonly Column[], options: RowOptions): Promise<Samples>;
}

const everybody: readonly Column[] = ['envoy', 'nginx', 'haproxy'];

/** CPU of one request, in µs. */
async function costOf(
  row: RequestRow,
  column: Column,
  target: Target,
  stage: Stage,
  requests: number,
): Promise<number> {
  const before = cpuUs(target.pid);
  await send({ ...loadOf(row, column, target, stage.folder), requests });
  return (cpuUs(target.pid) - before) / requests;
}

/**
 * Each column in each round, in turn, so that what else the machine does hits all alike; the first round warms up and
 * does not count. @param warm before each one's turn: memory that nobody has touched for a while may be cold
 */
async function interleaved(
  columns: readonly Column[],
  rounds: number,
  measure: (column: Column) => Promise<number>,
  warm: (column: Column) => Promise<unknown>,
): Promise<Samples> {
  const samples: Samples = {};
  for (let round = 0; round <= rounds; round++)
    for (const column of columns) {
      if (round > 0) await warm(column);
      const figure = await measure(column);
      if (round > 0) (samples[column] ??= []).push(figure);
    }
  return samples;
}

const ofRequests = (row: RequestRow): Row => ({
  ...{ name: row.name, unit: 'CPU µs a request', against: 'peers', checked: true, short: true },
  ...{ needsH2load: true, peers: row.peers },
  async measure(stage, columns, { rounds }) {
    const cost = async (column: Column, requests: number): Promise<number> =>
      costOf(row, column, await stage.target(column, row.setting), stage, requests);
    return interleaved(
      columns,
      rounds,
      (column) => cost(column, row.requests),
      (column) => cost(column, Math.max(Math.ceil(row.requests / 4), row.clients)),
    );
  },
});

const streams: Row = {
  ...{ name: 'streams-1KB', unit: 'CPU µs a message each way', against: 'peers', checked: true, short: true },
  ...{ needsH2load: false, peers: everybody },
  async measure(stage, columns, { rounds, short }) {
    const messages = 100;
    const setting: Setting = { reply: 'small', api: 'v2', tls: false, filters: [] };
    const cost = async (column: Column, count: number): Promise<number> => {
      const { pid, grpcPort } = await stage.target(column, setting);
      const before = cpuUs(pid);
      await exchangeStreams(grpcPort, { streams: count, atOnce: 64, messages, connections: 8 });
      return (cpuUs(pid) - before) / (count * messages);
    };
    const count = short ? 256 : 512;
    return interleaved(
      columns,
      rounds,
      (column) => cost(column, count),
      (column) => cost(column, count / 4),
    );
  },
};

/** What the first calls of a process cost, as a multiple of what they cost later. */
const young: Row = {
  ...{
    name: 'first-20000-calls',
    unit: 'times its own warm CPU',
    against: 'itself',
    checked: true,
    short: true,
  },
  ...{ needsH2load: true, peers: everybody },
  async measure(stage, columns, { rounds, short }) {
    const row = requestRow('grpc-small');
    const samples: Samples = {};
    for (let round = 0; round < rounds; round++)
      for (const column of short ? columns.filter((each) => !everybody.includes(each)) : columns) {
        const target = await stage.fresh(column, row.setting);
        const first = await costOf(row, column, target, stage, 20_000);
        await costOf(row, column, target, stage, 40_000);
        const warm = await costOf(row, column, target, stage, 20_000);
        (samples[column] ??= []).push(first / warm);
        await stage.end(target);
      }
    return samples;
  },
};

/** What requests cost after a pause, as a multiple of what they cost before it. */
const quiet: Row = {
  ...{
    name: 'after-20-s-quiet',
    unit: 'times its own warm CPU',
    against: 'itself',
    checked: true,
    short: false,
  },
  ...{ needsH2load: true, peers: ['envoy'] },
  async measure(stage, columns, { rounds }) {
    const row = requestRow('json-out-1000');
    const cost = async (column: Column): Promise<number> =>
      costOf(row, column, await stage.target(column, row.setting), stage, 4000);
    const samples: Samples = {};
    for (let round = 0; round < rounds; round++) {
      const warm = new Map<Column, number>();
      for (const column of columns) {
        for (let i = 0; i < (round === 0 ? 3 : 1); i++) await cost(column);
        warm.set(column, await cost(column));
      }
      await sleep(20_000);
      for (const column of columns)
        (samples[column] ??= []).push((await cost(column)) / (warm.get(column) ?? Number.NaN));
    }
    return samples;
  },
};

/** Latency at a fixed rate, of a young process: requests are sent at their time, not when others end. */
const latency: Row = {
  ...{ name: 'p99-at-1000-a-second', unit: 'ms', against: 'peers', checked: false, short: false },
  ...{ needsH2load: true, peers: everybody },
  async measure(stage, columns, { rounds }) {
    const row = requestRow('grpc-small');
    const samples: Samples = {};
    for (let round = 0; round < rounds; round++)
      for (const column of columns) {
        const target = await stage.fresh(column, row.setting);
        const load = loadOf(row, column, target, stage.folder);
        const times = await sendTimed({ ...load, requests: 8000, clients: 4, streams: 100, perSecond: 1000 });
        (samples[column] ??= []).push(quantile(times, 0.99) / 1000);
        await stage.end(target);
      }
    return samples;
  },
};

const idleMemory = (kind: IdleKind): Row => ({
  ...{ name: `idle-${kind}`, unit: 'KiB a connection', against: 'peers', checked: true, short: true },
  ...{ needsH2load: false, peers: kind === 'h2c' ? everybody : ['envoy'] },
  async measure(stage, columns, { short }) {
    const count = (kind === 'tls-h2' ? 2500 : 8000) / (short ? 4 : 1);
    const filters = kind === 'h2c' ? [] : (['web'] as const);
    const setting: Setting = { reply: 'small', api: 'tfs', tls: kind === 'tls-h2', filters };
    const samples: Samples = {};
    // memory does not depend on what else the machine does: one round is enough
    for (const column of columns) {
      const target = await stage.fresh(column, setting);
      const port = kind === 'http1' ? target.httpPort : target.grpcPort;
      // what the first connections bring with them is not theirs
      const first = await openIdle(kind, port, 100);
      await sleep(500);
      const before = residentKib(target.pid);
      const close = await openIdle(kind, port, count);
      await sleep(short ? 1000 : 2000);
      samples[column] = [(residentKib(target.pid) - before) / count];
      close();
      first();
      await stage.end(target);
    }
    return samples;
  },
});

/** How much a gateway holds at the most while everything comes at once. */
const mixed: Row = {
  ...{ name: 'resident-mixed-load', unit: 'MiB at the most', against: 'peers', checked: true, short: false },
  ...{ needsH2load: true, peers: ['envoy'] },
  async measure(stage, columns) {
    const mixMs = 45_000;
    const names = [
      'grpc-small',
      'grpc-image-600KB',
      'grpc-web-image-600KB',
      'json-small',
      'json-in-image-3MB',
    ];
    const setting: Setting = { reply: 'small', api: 'tfs', tls: false, filters: ['web', 'transcoder'] };
    const samples: Samples = {};
    for (const column of columns) {
      const target = await stage.fresh(column, setting);
      const end = performance.now() + mixMs;
      let most = 0;
      // some answers may be refusals when so much comes at once; memory is what is asked here
      let sent = 0;
      let failed = 0;
      const timer = setInterval(() => (most = Math.max(most, residentKib(target.pid))), 250);
      try {
        await Promise.all(
          names.map(async (name) => {
            const load = loadOf(requestRow(name), column, target, stage.folder);
            while (performance.now() < end) {
              sent++;
              try {
                await send({ ...load, requests: Math.ceil(load.requests / 4) });
              } catch (error) {
                failed++;
                console.error(`bench: mixed load, ${column}, ${name}: ${(error as Error).message.trim()}`);
              }
            }
          }),
        );
      } finally {
        clearInterval(timer);
      }
      if (failed > sent / 4)
        throw new Error(`${failed} of ${sent} loads of ${column} had answers that failed`);
      samples[column] = [most / 1024];
      await stage.end(target);
    }
    return samples;
  },
};

/** In the order in which they are measured and shown. */
export const rows: readonly Row[] = [
  ...requestRows.map(ofRequests),
  streams,
  young,
  quiet,
  latency,
  idleMemory('h2c'),
  idleMemory('http1'),
  idleMemory('tls-h2'),
  mixed,
];

/** Rows that cannot be measured yet, and why. */
export const notYet: Readonly<Record<string, string>> = {
  'cached-hit-in-memory': 'the gateway has no cache in its own memory yet',
};

/** The medians of what was measured. */
export const mediansOf = (samples: Samples): Partial<Record<Column, number>> =>
  Object.fromEntries(Object.entries(samples).map(([column, values]) => [column, median(values)]));
